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
