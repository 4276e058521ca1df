/** Steps of which the calibrated scorer foretold something. */
import { describe, expect, it } from "vitest";
import type { Tier } from "../routing/types.ts";
import { learn, learnedScore, newAgent } from "./agent-score.ts";
import { LearningService } from "./testing/learning-service.ts";
import { DEFAULT_LEARNING, type Forecast, type LearningSettings } from "./types.ts";

const USUAL: Forecast = { difficulty: 0.45, benefit: 0.25 };

/** Of steps of which something was foretold, or nothing. */
class Service {
  readonly own: LearningService;

  constructor(settings?: LearningSettings) {
    this.own = new LearningService(settings);
  }

  learn(name: string, tier: Tier, quality: number, forecast?: Forecast, step = 5) {
    this.own.learn(name, tier, quality, { step, ...(forecast && { forecast }) });
  }

  score(name: string, forecast?: Forecast, more: { step?: number; stated?: number } = {}) {
    return this.own.score(name, { step: 5, ...more, ...(forecast && { forecast }) });
  }
}

/** What each of three kinds of sign adds; of these the benefit. */
const withSigns = (...signs: number[]): Forecast => ({
  ...USUAL,
  benefit: USUAL.benefit + signs.reduce((sum, sign) => sum + sign, 0),
  signs,
});

it("starts from what is foretold, in place of the step's score", () => {
  const fresh = new Service();
  expect(fresh.score("any", USUAL).score).toBeCloseTo(5);
  expect(fresh.score("any", USUAL, { step: 9 }).score).toBeCloseTo(5);
  expect(fresh.score("any", { ...USUAL, benefit: 0.05 }).score).toBeLessThan(3);
  expect(fresh.score("any", { ...USUAL, benefit: 0.45 }).score).toBeGreaterThan(6.5);
  const { tiers } = fresh.score("any", { difficulty: 0.65, benefit: 0.35 });
  expect(tiers.fast.quality).toBeCloseTo(0.55);
  expect(tiers.balanced.quality).toBeCloseTo(0.6);
  expect(tiers.powerful.quality).toBeCloseTo(0.65);
});

it("says what moved the score, in points that add up", () => {
  const service = new Service();
  for (let i = 0; i < 10; i += 1) service.learn("agent", "fast", i % 2, { difficulty: 0.3, benefit: 0.2 });
  const { score, moved } = service.score("agent", { difficulty: 0.5, benefit: 0.3 }, { stated: 4 });
  const sum = 5 + moved.stated + moved.agentEvidence + moved.intentEvidence + moved.step;
  expect(score).toBeCloseTo(sum, 9);
  expect(moved.step).toBeGreaterThan(0);
});

it("holds no failure against an agent that was foretold", () => {
  const service = new Service();
  for (let i = 0; i < 30; i += 1) {
    service.learn("given hard steps", "fast", Number(i % 4 === 0), { difficulty: 0.75, benefit: 0.25 });
    service.learn("given easy steps", "fast", Number(i % 4 === 0), { difficulty: 0.15, benefit: 0.25 });
  }
  const points = (name: string) => service.score(name, USUAL).score;
  expect(points("given easy steps")).toBeGreaterThan(points("given hard steps") + 1);
});

it("levels off where success is near certain: there is little left to gain", () => {
  const service = new Service();
  for (let i = 0; i < 400; i += 1) {
    for (const tier of ["fast", "powerful"] as const) {
      service.learn("sure", tier, 1, USUAL);
      service.learn("even", tier, i % 2, USUAL);
    }
  }
  const gain = (name: string) =>
    service.score(name, { ...USUAL, benefit: 0.35 }).score - service.score(name, USUAL).score;
  expect(gain("sure")).toBeGreaterThan(0);
  expect(gain("even")).toBeGreaterThan(gain("sure") * 1.5);
});

it("believes what is foretold no longer where outcomes have nothing to do with it", () => {
  const spread = (service: Service) =>
    service.score("agent", withSigns(0.1, 0.1), { step: 7 }).score -
    service.score("agent", withSigns(-0.1, -0.1), { step: 3 }).score;
  const silent = new Service();
  for (let i = 0; i < 3_000; i += 1) {
    const sign = ((i % 5) - 2) / 10;
    for (const tier of ["fast", "powerful"] as const) {
      silent.learn("agent", tier, 1, withSigns(sign / 2, sign / 2), 5 + 10 * sign);
    }
  }
  expect(spread(new Service())).toBeGreaterThan(5);
  expect(spread(silent)).toBeLessThan(1);
});

describe("signs", () => {
  /** Fast fails where the first sign says so, whatever the second one says. */
  function taught(outcomes = 600): Service {
    const service = new Service();
    for (let i = 0; i < outcomes; i += 1) {
      const [first, second] = [i % 2 ? 0.1 : -0.1, i % 4 < 2 ? 0.1 : -0.1];
      const forecast = withSigns(first, second);
      service.learn(`agent ${i % 7}`, "fast", Number(first < 0), forecast);
      service.learn(`agent ${i % 7}`, "powerful", 1, forecast);
    }
    return service;
  }

  it("count for everyone as outcomes say, also for an agent nothing is known of", () => {
    const fresh = new Service();
    const [first, second] = [withSigns(0.1, 0), withSigns(0, 0.1)];
    expect(fresh.score("new", first).score).toBeCloseTo(fresh.score("new", second).score);
    const service = taught();
    expect(service.score("new", first).score).toBeGreaterThan(service.score("new", second).score + 2);
  });

  it("are not taken for the agent's own", () => {
    const service = taught(2_000);
    for (let i = 0; i < 100; i += 1) {
      const forecast = withSigns(0.1, i % 2 ? 0.1 : -0.1);
      service.learn("only such", "fast", 0, forecast);
      service.learn("only such", "powerful", 1, forecast);
    }
    const usual = (name: string) => service.score(name, withSigns(0, 0)).score;
    expect(Math.abs(usual("only such") - usual("agent 1"))).toBeLessThan(1);
  });

  it("are not taken for those of a kind of step, which keeps no sums of them", () => {
    const service = new Service({ ...DEFAULT_LEARNING, byIntent: true });
    const call = (tier: Tier, intent: string, sign: number) => {
      const outcome = { tier, quality: Number(tier === "powerful" || sign < 0), atMs: 1, step: 5, intent };
      const learned = learn(
        service.own.fleet,
        service.own.agents.agent ?? newAgent(),
        { ...outcome, forecast: withSigns(sign, 0) },
        service.own.settings,
      );
      service.own.fleet = learned.fleet;
      service.own.agents.agent = learned.agent;
    };
    for (let i = 0; i < 1_500; i += 1) {
      for (const tier of ["fast", "powerful"] as const) {
        call(tier, "mixed", i % 2 ? 0.1 : -0.1);
        if (i > 1_000) call(tier, "with the sign", 0.1);
      }
    }
    const state = service.own.agents.agent ?? newAgent();
    expect(state.intents["with the sign"]?.tiers.fast).not.toHaveProperty("signs");
    const subject = { step: 5, forecast: withSigns(0, 0), intent: "with the sign", nowMs: 1 };
    const { moved } = learnedScore(service.own.fleet, state, subject, service.own.settings);
    expect(Math.abs(moved.intentEvidence)).toBeLessThan(1);
  });

  it("fade with time, like all that was learned", () => {
    const service = taught();
    const apart = (nowMs: number) => {
      const of = (signs: Forecast) =>
        learnedScore(service.own.fleet, newAgent(), { step: 5, forecast: signs, nowMs }, DEFAULT_LEARNING)
          .score;
      return of(withSigns(0.1, 0)) - of(withSigns(0, 0.1));
    };
    expect(apart(1)).toBeGreaterThan(2);
    expect(apart(600 * 24 * 3_600_000)).toBeLessThan(0.1);
  });

  it("teach nothing of a step that came without any, which is scored as ever", () => {
    const bare = new Service();
    for (let i = 0; i < 50; i += 1) bare.learn("agent", "fast", i % 2);
    const { fleet, agents } = bare.own;
    expect(fleet.tiers.fast).not.toHaveProperty("signs");
    expect(agents.agent?.tiers.fast).not.toHaveProperty("signs");
  });

  it("are learned on top of what an earlier release kept, and start anew when there are more of them", () => {
    const before = new Service();
    for (let i = 0; i < 50; i += 1) before.learn("agent", "fast", i % 2);
    const service = new Service();
    Object.assign(service.own, JSON.parse(JSON.stringify(before.own)));
    service.learn("agent", "fast", 1, withSigns(0.1, 0));
    expect(service.own.agents.agent?.tiers.fast.n).toBeCloseTo(51, 0);
    expect(service.score("agent", withSigns(0.1, 0)).score).toBeGreaterThan(0);
    service.learn("agent", "fast", 1, withSigns(0.1, 0, 0));
    expect(service.own.fleet.tiers.fast.signs?.x).toEqual([0, 1, 0, 0]);
    expect(service.own.fleet.tiers.fast.signs?.xx).toHaveLength(10);
    expect(service.score("agent", withSigns(0.1, 0)).score).toBeGreaterThan(0);
  });
});
