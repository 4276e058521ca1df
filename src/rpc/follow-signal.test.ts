import fc from "fast-check";
import { expect, it } from "vitest";
import { followSignal } from "./follow-signal.ts";

it("tells exactly those who still follow, once, in whatever order they came and went", () => {
  const anEvent = fc.record({ isComing: fc.boolean(), index: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(anEvent, { maxLength: 60 }), (events) => {
      const life = new AbortController();
      const heard: number[] = [];
      const stops: (() => void)[] = [];
      const following = new Set<number>();
      for (const { isComing, index } of events) {
        if (isComing) {
          const own = stops.length;
          following.add(own);
          stops.push(followSignal(life.signal, () => heard.push(own)));
        } else {
          stops[index]?.();
          following.delete(index);
        }
      }
      life.abort();
      expect(heard.sort((a, b) => a - b)).toEqual([...following]);
    }),
  );
});

it("tells at once whoever comes too late", () => {
  const heard: string[] = [];
  followSignal(AbortSignal.abort(), () => heard.push("late"))();
  expect(heard).toEqual(["late"]);
});

it("lets one who hears it make others stop following", () => {
  const life = new AbortController();
  let stopOther = () => {};
  const heard: string[] = [];
  const stop = followSignal(life.signal, () => {
    heard.push("first");
    stop();
    stopOther();
  });
  stopOther = followSignal(life.signal, () => heard.push("second"));
  life.abort();
  expect(heard[0]).toBe("first");
});
