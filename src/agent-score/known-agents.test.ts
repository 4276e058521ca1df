import { expect, it } from "vitest";
import { learn, newAgent, newFleet } from "./agent-score.ts";
import { evidenceOf } from "./evidence.ts";
import { KnownAgents } from "./known-agents.ts";
import { DEFAULT_LEARNING } from "./types.ts";

const learned = learn(newFleet(), newAgent(), { tier: "fast", quality: 1, atMs: 1 }, DEFAULT_LEARNING).agent;

function aMemory(most = 3) {
  const clock = { ms: 0 };
  return { clock, known: new KnownAgents({ most, staleMs: 1_000, nowMs: () => clock.ms }) };
}

it("knows nothing of an agent that was not read, and has it read", () => {
  const { known } = aMemory();
  expect(evidenceOf(known.find("a"))).toBe(0);
  expect(known.takeWanted(10)).toEqual(["a"]);
  expect(known.takeWanted(10)).toEqual([]);
  known.put(["a"], new Map([["a", learned]]));
  expect(evidenceOf(known.find("a"))).toBe(1);
});

it("has an agent read again once what is known is old, and only if it calls", () => {
  const { known, clock } = aMemory();
  known.put(["a", "b"], new Map([["a", learned]]));
  clock.ms = 999;
  known.find("a");
  expect(known.takeWanted(10)).toEqual([]);
  clock.ms = 1_000;
  expect(evidenceOf(known.find("a"))).toBe(1);
  expect(known.takeWanted(10)).toEqual(["a"]);
});

it("forgets those that called longest ago when there are too many, and wants no more than it keeps", () => {
  const { known } = aMemory();
  const ids = ["a", "b", "c"];
  known.put(ids, new Map(ids.map((id) => [id, learned])));
  known.find("a");
  known.put(["d"], new Map([["d", learned]]));
  expect(known.size).toBe(3);
  expect(evidenceOf(known.find("a"))).toBe(1);
  expect(evidenceOf(known.find("b"))).toBe(0);
  for (let index = 0; index < 100; index += 1) known.find(`new ${index}`);
  expect(known.takeWanted(1_000)).toHaveLength(3);
});
