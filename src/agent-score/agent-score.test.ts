import { expect, it } from "vitest";
import { selectTier } from "../routing/tier.ts";
import { TIERS } from "../routing/types.ts";
import { SIGNS } from "../scoring/types.ts";
import { cheapestSufficient, learn, newAgent, newFleet } from "./agent-score.ts";
import { evidenceOf } from "./evidence.ts";
import { stateText } from "./state-text.ts";
import { LearningService as Service } from "./testing/learning-service.ts";
import { type AgentState, DEFAULT_LEARNING } from "./types.ts";

const DAY_MS = 24 * 3_600_000;

/** `hard` fails on fast and succeeds on powerful; `easy` succeeds on both. */
function hardAndEasy(times: number, service = new Service()): Service {
  for (let i = 0; i < times; i += 1) {
    for (const tier of ["fast", "balanced", "powerful"] as const) {
      service.learn("hard", tier, Number(tier === "powerful" || i % 4 === 0));
      service.learn("easy", tier, 1);
    }
  }
  return service;
}

it("starts from what the caller states, and from the step", () => {
  const fresh = new Service();
  expect(fresh.score("any").score).toBeCloseTo(5);
  expect(fresh.score("any", { stated: 7.2 }).score).toBeCloseTo(7.2);
  expect(fresh.score("any", { step: 3 }).score).toBeCloseTo(3);
  expect(fresh.score("any", { stated: 6, step: 7 }).score).toBeCloseTo(8);
});

it("raises the agent whose failures only a stronger tier avoids, and lowers the one that needs none", () => {
  const service = hardAndEasy(50);
  expect(selectTier(service.score("hard").score)).toBe("powerful");
  expect(selectTier(service.score("easy").score)).toBe("fast");
});

it("believes the stated score less, the more outcomes there are", () => {
  const afterFew = hardAndEasy(2).score("easy", { stated: 9 });
  const afterMany = hardAndEasy(200).score("easy", { stated: 9 });
  expect(afterFew.score).toBeGreaterThan(7);
  expect(afterMany.score).toBeLessThan(5);
  expect(afterFew.trust).toBeLessThan(afterMany.trust);
});

it("lets a hard step of an easy agent reach powerful, and an easy step of a hard agent fast", () => {
  const service = new Service();
  for (let i = 0; i < 200; i += 1) {
    for (const step of [1, 3, 5, 7, 9]) {
      service.learn("easy", "fast", step > 8 ? 0 : 1, { step });
      service.learn("easy", "powerful", 1, { step });
      service.learn("hard", "fast", step < 2 ? 1 : 0, { step });
      service.learn("hard", "powerful", 1, { step });
    }
  }
  expect(service.score("easy", { step: 5 }).score).toBeLessThan(service.score("hard", { step: 5 }).score);
  expect(selectTier(service.score("easy", { step: 10 }).score)).toBe("powerful");
  expect(selectTier(service.score("hard", { step: 0 }).score)).toBe("fast");
});

it("stops counting a step that says nothing, and counts one that says much more than at first", () => {
  const spread = (service: Service) =>
    service.score("agent", { step: 7 }).score - service.score("agent", { step: 3 }).score;
  const silent = new Service();
  const telling = new Service();
  for (let i = 0; i < 3_000; i += 1) {
    const step = (i * 7) % 11;
    for (const tier of ["fast", "powerful"] as const) {
      silent.learn("agent", tier, i % 2, { step });
      telling.learn("agent", tier, tier === "powerful" || step < 5 ? 1 : 0, { step });
    }
  }
  expect(spread(new Service())).toBeCloseTo(4);
  expect(spread(silent)).toBeLessThan(1);
  expect(spread(telling)).toBeGreaterThan(5);
});

it("weighs the step more for the agent it tells something about than for the one it does not", () => {
  const service = new Service();
  for (let i = 0; i < 1_000; i += 1) {
    const step = (i * 7) % 11;
    for (const tier of ["fast", "powerful"] as const) {
      service.learn("telling", tier, tier === "powerful" || step < 5 ? 1 : 0, { step });
      service.learn("silent", tier, i % 2, { step });
    }
  }
  const spread = (name: string) =>
    service.score(name, { step: 7 }).score - service.score(name, { step: 3 }).score;
  expect(spread("telling")).toBeGreaterThan(spread("silent") + 2);
});

it("knows where a cheaper tier was enough, tier by tier", () => {
  const service = new Service();
  for (let i = 0; i < 100; i += 1) {
    service.learn("agent", "fast", Number(i % 2 === 0));
    service.learn("agent", "balanced", 1);
    service.learn("agent", "powerful", 1);
  }
  const score = service.score("agent");
  expect(score.tiers.fast.quality).toBeCloseTo(0.5, 1);
  expect(cheapestSufficient(score, 0.02)).toBe("balanced");
  expect(cheapestSufficient(score, 0.6)).toBe("fast");
});

it("learns of the tier that was called alone", () => {
  const service = new Service();
  service.learn("agent", "fast", 0);
  expect(service.score("agent").tiers).toMatchObject({ fast: { evidence: 1 }, powerful: { evidence: 0 } });
  expect(service.agents.agent?.tiers.powerful.n).toBe(0);
});

it("returns to the stated score as evidence fades with time", () => {
  const service = hardAndEasy(100);
  const now = service.score("easy", { stated: 8 });
  const muchLater = service.score("easy", { stated: 8, nowMs: 600 * DAY_MS });
  expect(now.score).toBeLessThan(5);
  expect(muchLater.score).toBeCloseTo(8, 1);
  expect(muchLater.tiers.fast.evidence).toBeLessThan(0.01);
});

it("forgets by count what an agent was like before it changed", () => {
  const after = (halfLifeOutcomes: number) => {
    const service = hardAndEasy(300, new Service({ ...DEFAULT_LEARNING, halfLifeOutcomes }));
    for (let i = 0; i < 60; i += 1) service.learn("hard", "fast", 1);
    return service.score("hard").score;
  };
  expect(after(20)).toBeLessThan(after(5_000) - 2);
});

it("says what moved the score, in points that add up", () => {
  const service = hardAndEasy(5);
  const { score, moved } = service.score("hard", { stated: 4, step: 6 });
  const sum = 5 + moved.stated + moved.agentEvidence + moved.intentEvidence + moved.step;
  expect(score).toBeCloseTo(sum, 9);
  expect(moved.stated).toBe(-1);
  expect(moved.agentEvidence).toBeGreaterThan(0);
});

it("tells intents of one agent apart when asked to", () => {
  const service = new Service({ ...DEFAULT_LEARNING, byIntent: true });
  for (let i = 0; i < 100; i += 1) {
    for (const tier of ["fast", "powerful"] as const) {
      service.learn("agent", tier, 1, { intent: "extract" });
      service.learn("agent", tier, Number(tier === "powerful"), { intent: "generate" });
    }
  }
  const [extract, generate] = ["extract", "generate"].map(
    (intent) => service.score("agent", { intent }).score,
  );
  expect(extract).toBeLessThan((generate ?? 0) - 2);
  expect(service.score("agent", { intent: "constructor" }).moved.intentEvidence).toBe(0);
});

it("keeps a bounded state that survives JSON, whatever intents a caller invents", () => {
  const service = new Service({ ...DEFAULT_LEARNING, byIntent: true });
  const signs = SIGNS.map((_, index) => index / 70);
  let atMs = 1;
  const learnAs = (intent: string) => {
    atMs += 1_700_000;
    for (const tier of TIERS) {
      service.learn("agent", tier, 1 / 3, {
        atMs,
        intent,
        step: 4.7,
        forecast: { difficulty: 0.3, benefit: 0.1, signs },
      });
    }
  };
  for (let i = 0; i < 500; i += 1) learnAs(`intent ${i}`);
  for (let i = 0; i < 5; i += 1) learnAs("kept");
  service.learn("agent", "fast", 1, { intent: "one more" });
  const state = service.agents.agent ?? newAgent();
  expect(Object.keys(state.intents)).toHaveLength(16);
  expect(Object.keys(state.intents)).toContain("kept");
  expect(evidenceOf(state)).toBeGreaterThan(400);
  expect(stateText(state).length).toBeLessThan(8_000);
  const kept = JSON.parse(stateText(state)) as AgentState;
  expect(kept.lastMs).toBe(state.lastMs);
  expect(kept.tiers.fast.zy).toBeCloseTo(state.tiers.fast.zy, 6);
  expect(kept.tiers.fast.signs?.zx[4]).toBeCloseTo(state.tiers.fast.signs?.zx[4] ?? Number.NaN, 6);
});

it.each([
  [{ quality: 1.5 }, "quality must be in [0, 1]"],
  [{ quality: Number.NaN }, "quality must be in [0, 1]"],
  [{ step: 11 }, "step"],
])("refuses %o and names it", (wrong, message) => {
  const outcome = { tier: "fast" as const, quality: 1, atMs: 1, ...wrong };
  expect(() => learn(newFleet(), newAgent(), outcome, DEFAULT_LEARNING)).toThrow(message);
});

it("refuses a stated score outside [0, 10]", () => {
  expect(() => new Service().score("agent", { stated: -1 })).toThrow("agent");
});
