import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ContentEvent } from "./events.ts";
import { TranscriptCheck } from "./transcript.ts";

/** An answer as a sequence of single characters, each of one kind. */
const answer = fc.array(
  fc.record({
    kind: fc.constantFrom("text" as const, "reasoning" as const),
    text: fc.constantFrom("a", "b"),
  }),
  { minLength: 1, maxLength: 20 },
);

/** The same answer in other pieces: neighbours of a kind joined where a coin says so. */
function recut(events: readonly ContentEvent[], coins: readonly boolean[]): ContentEvent[] {
  const pieces: ContentEvent[] = [];
  events.forEach((event, index) => {
    const last = pieces.at(-1);
    const joins = coins[index % coins.length] === true;
    if (joins && last?.kind === event.kind && last.kind !== "tool_call" && event.kind !== "tool_call") {
      pieces[pieces.length - 1] = { kind: last.kind, text: last.text + event.text };
    } else pieces.push(event);
  });
  return pieces;
}

const spell = (events: readonly ContentEvent[]): string =>
  events
    .map((event) =>
      event.kind === "tool_call"
        ? event.argumentsJson
        : [...event.text].map((c) => event.kind[0] + c).join(""),
    )
    .join("");

const coins = fc.array(fc.boolean(), { minLength: 1 });

describe("a repeated answer", () => {
  it("is recognised however it is cut, and what lies beyond it is all that comes back", () => {
    fc.assert(
      fc.property(answer, coins, coins, fc.nat(), (whole, one, other, where) => {
        const cut = 1 + (where % whole.length);
        const check = new TranscriptCheck([recut(whole.slice(0, cut), one)]);
        const beyond: ContentEvent[] = [];
        for (const event of recut(whole, other))
          beyond.push(...(check.take([event]) ?? [{ kind: "text", text: "!" }]));
        expect(check.isRepeated).toBe(true);
        expect(spell(beyond)).toBe(spell(whole.slice(cut)));
      }),
    );
  });

  it("is told from any other by the first character that differs", () => {
    fc.assert(
      fc.property(answer, answer, coins, (delivered, said, cuts) => {
        const check = new TranscriptCheck([delivered]);
        const taken = recut(said, cuts).map((event) => check.take([event]));
        const differs =
          !spell(said).startsWith(spell(delivered)) && !spell(delivered).startsWith(spell(said));
        expect(taken.includes(undefined)).toBe(differs);
        expect(!differs && check.isRepeated).toBe(spell(said).startsWith(spell(delivered)));
      }),
    );
  });

  describe("with reasoning that is sealed", () => {
    const thought = (said: string): ContentEvent => ({ kind: "reasoning", text: said });
    const signed = (signature: string): ContentEvent => ({ kind: "reasoning", text: "", signature });
    const secret = (encrypted: string): ContentEvent => ({ kind: "reasoning", text: "", encrypted });
    const said = (text: string): ContentEvent => ({ kind: "text", text });

    it("is recognised though its seals are others, and the caller keeps the first ones", () => {
      const check = new TranscriptCheck([[thought("Hm"), signed("1"), secret("1"), said("So")]]);
      expect(check.take([thought("Hm"), signed("2"), secret("2"), said("So."), signed("3")])).toEqual([
        said("."),
        signed("3"),
      ]);
      expect(check.isRepeated).toBe(true);
    });

    it("gives a seal that the caller lacks, and only that", () => {
      const cutBefore = new TranscriptCheck([[thought("Hm")]]);
      expect(cutBefore.take([thought("Hm"), signed("2")])).toEqual([signed("2")]);
      const cutBehind = new TranscriptCheck([[thought("Hm"), signed("1")]]);
      expect(cutBehind.take([thought("Hm")])).toEqual([]);
      expect(cutBehind.isRepeated).toBe(false);
      expect(cutBehind.take([signed("2"), said("So")])).toEqual([said("So")]);
    });

    it("does not give encrypted reasoning twice when that was all there was", () => {
      const check = new TranscriptCheck([[secret("1")]]);
      expect(check.take([secret("2"), said("So")])).toEqual([said("So")]);
    });

    it("goes on with a model that seals nothing", () => {
      const check = new TranscriptCheck([[thought("Hm"), signed("1"), said("So")]]);
      expect(check.take([thought("Hm"), said("So"), said(".")])).toEqual([said(".")]);
      expect(check.isRepeated).toBe(true);
    });
  });

  it("tells a tool's name from its arguments", () => {
    const called = (name: string, argumentsJson: string): ContentEvent => ({
      kind: "tool_call",
      index: 0,
      id: "x",
      name,
      argumentsJson,
    });
    expect(new TranscriptCheck([[called("get", "_all")]]).take([called("get_all", "")])).toBeUndefined();
    expect(new TranscriptCheck([[called("get", "")]]).take([called("get_all", "")])).toBeUndefined();
    expect(new TranscriptCheck([[called("get", "")]]).take([called("get", "{}")])).toEqual([
      { kind: "tool_call", index: 0, argumentsJson: "{}" },
    ]);
  });
});
