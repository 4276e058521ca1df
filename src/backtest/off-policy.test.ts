import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../experiments/statistics/testing/random.ts";
import type { Tier } from "../routing/types.ts";
import { addCall, type LoggedCall, NO_CALLS, offPolicyAnswer, type TierValues } from "./off-policy.ts";

const tiers = (fast: number, balanced: number, powerful: number): TierValues => ({
  fast,
  balanced,
  powerful,
});
const answer = (calls: readonly LoggedCall[]) => offPolicyAnswer(calls.reduce(addCall, NO_CALLS));

function estimated(calls: readonly LoggedCall[]) {
  const found = answer(calls);
  if (found.kind === "refused") throw new Error(found.reason);
  return found;
}

/** Easy calls succeed anywhere, hard ones seldom on a weak tier. */
const SUCCESS = { easy: tiers(0.9, 0.93, 0.95), hard: tiers(0.2, 0.5, 0.8) };
const LOGGED = { easy: tiers(0.7, 0.2, 0.1), hard: tiers(0.1, 0.3, 0.6) };
/** It sends all hard calls to powerful and all easy ones to fast. */
const CANDIDATE = { easy: tiers(1, 0, 0), hard: tiers(0, 0, 1) };
/** Four in ten calls are hard. */
const TRUTH = 0.6 * 0.9 + 0.4 * 0.8;

type Model = Readonly<Record<"easy" | "hard", TierValues>>;

/** Calls as they would be logged: a tier drawn with its propensity, an outcome with its probability. */
function simulated(seed: number, n: number, model?: Model, propensities = LOGGED): LoggedCall[] {
  const random = new Random(seed);
  return Array.from({ length: n }, () => {
    const kind = random.is(0.4) ? "hard" : "easy";
    const draw = random.next();
    const { fast, balanced } = LOGGED[kind];
    const tier: Tier = draw < fast ? "fast" : draw < fast + balanced ? "balanced" : "powerful";
    const call = {
      tier,
      reward: Number(random.is(SUCCESS[kind][tier])),
      propensities: propensities[kind],
      candidate: CANDIDATE[kind],
    };
    return model === undefined ? call : { ...call, expected: model[kind] };
  });
}

const WRONG_MODEL: Model = { easy: tiers(0.5, 0.5, 0.5), hard: tiers(0.4, 0.4, 0.4) };
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("on simulated logs", () => {
  const runs = Array.from({ length: 200 }, (_, seed) => estimated(simulated(seed, 1_000, WRONG_MODEL)));

  it.each(["ips", "snips", "doublyRobust"] as const)(
    "%s is right on average, also where the model is not",
    (name) => {
      expect(Math.abs(meanOf(runs.map((run) => run[name]?.value ?? 0)) - TRUTH)).toBeLessThan(0.005);
      expect(Math.abs(meanOf(runs.map((run) => run.direct ?? 0)) - TRUTH)).toBeGreaterThan(0.3);
    },
  );

  it.each(["ips", "snips", "doublyRobust"] as const)(
    "the interval of %s holds the truth 95 times in 100",
    (name) => {
      const held = runs.filter((run) => {
        const { lower = 1, upper = 0 } = run[name] ?? {};
        return lower <= TRUTH && TRUTH <= upper;
      });
      const { value = 0, lower = 0, upper = 0 } = runs[0]?.[name] ?? {};
      expect(value - lower).toBeCloseTo(upper - value, 12);
      expect(held.length / runs.length).toBeGreaterThan(0.9);
      expect(held.length / runs.length).toBeLessThan(0.995);
    },
  );

  it("is tighter when normalised, and tighter still with a model that is right", () => {
    const { ips, snips, doublyRobust } = estimated(simulated(1, 5_000, SUCCESS));
    const width = ({ lower, upper } = ips) => upper - lower;
    expect(width(snips)).toBeLessThan(width());
    expect(width(doublyRobust)).toBeLessThan(width(snips) * 1.01);
  });

  it("is right with wrong propensities if the model is right", () => {
    const wrong = { easy: tiers(0.4, 0.3, 0.3), hard: tiers(0.3, 0.3, 0.4) };
    const { ips, doublyRobust } = estimated(simulated(2, 20_000, SUCCESS, wrong));
    expect(Math.abs(ips.value - TRUTH)).toBeGreaterThan(0.1);
    expect(Math.abs((doublyRobust?.value ?? 0) - TRUTH)).toBeLessThan(0.02);
  });
});

it("finds what happened when the candidate is what ran", () => {
  const calls = simulated(3, 500).map((call) => ({ ...call, candidate: call.propensities }));
  const { ips, snips, effectiveCalls } = estimated(calls);
  expect(ips.value).toBeCloseTo(meanOf(calls.map(({ reward }) => reward)), 12);
  expect(snips.value).toBeCloseTo(ips.value, 12);
  expect(effectiveCalls).toBeCloseTo(500, 9);
});

it("SNIPS moves with a shift of rewards by just that shift, and IPS does not", () => {
  const calls = simulated(4, 400);
  const before = estimated(calls);
  fc.assert(
    fc.property(fc.double({ min: -100, max: 100, noNaN: true }), (shift) => {
      const { snips } = estimated(calls.map((call) => ({ ...call, reward: call.reward + shift })));
      expect(snips.value).toBeCloseTo(before.snips.value + shift, 9);
      expect(snips.upper - snips.lower).toBeCloseTo(before.snips.upper - before.snips.lower, 4);
    }),
    { seed: 1, numRuns: 50 },
  );
  const shifted = estimated(calls.map((call) => ({ ...call, reward: call.reward + 10 })));
  expect(Math.abs(shifted.ips.value - before.ips.value - 10)).toBeGreaterThan(0.01);
});

it("doubly robust is the direct method where the model foretells every outcome", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
      (values) => {
        const [fast = 0, balanced = 0, powerful = 0] = values;
        const exact = tiers(fast, balanced, powerful);
        const calls = simulated(5, 400).map((call) => ({
          ...call,
          reward: exact[call.tier],
          expected: exact,
        }));
        const { doublyRobust, direct } = estimated(calls);
        expect(doublyRobust?.value).toBeCloseTo(direct ?? Number.NaN, 10);
      },
    ),
    { seed: 1, numRuns: 30 },
  );
});

describe("it refuses to answer", () => {
  const refused = (calls: readonly LoggedCall[]) => {
    const found = answer(calls);
    return found.kind === "refused" ? found.reason : "answered";
  };

  it("when nothing was logged", () => {
    expect(refused([])).toContain("Nothing is known");
  });

  it("when the candidate chooses what was never tried", () => {
    const always = simulated(6, 2_000).filter(({ tier }) => tier === "fast");
    const calls = always.map((call) => ({
      ...call,
      propensities: tiers(1, 0, 0),
      candidate: tiers(0.8, 0, 0.2),
    }));
    expect(refused(calls)).toContain("20.0 % of the candidate's choices could never have been made");
  });

  it("when the overlap is thin, with how much there is of it", () => {
    expect(refused(simulated(7, 100))).toMatch(
      /100 calls count as \d+\.\d of the candidate's, and 100 are needed/,
    );
  });

  it("when a single call decides", () => {
    const rare = tiers(0.999, 0, 0.001);
    const usual = (tier: Tier) => ({ tier, reward: 1, propensities: rare, candidate: tiers(0.9, 0, 0.1) });
    const calls = [...Array.from({ length: 4_000 }, () => usual("fast")), usual("powerful")];
    expect(offPolicyAnswer(calls.reduce(addCall, NO_CALLS)).kind).toBe("estimate");
    const [fewer, one] = [calls.slice(0, 900), calls.slice(-1)];
    const limits = { leastEffectiveCalls: 10, mostUncovered: 0.01, mostOfOneCall: 0.05 };
    const found = offPolicyAnswer([...fewer, ...one].reduce(addCall, NO_CALLS), limits);
    expect(found).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("One call alone has 11.0 %"),
    });
  });

  it("without expectations on every call, of the doubly robust estimate alone", () => {
    const found = estimated([...simulated(8, 500, SUCCESS), ...simulated(9, 1)]);
    expect(found.doublyRobust).toBeUndefined();
    expect(found.direct).toBeUndefined();
    expect(found.ips.value).toBeGreaterThan(0);
  });
});

it.each([
  [{ propensities: tiers(0.5, 0.5, 0.5) }, "propensities must sum to 1"],
  [{ propensities: tiers(0, 0.5, 0.5) }, "propensities.fast is 0 although fast was called"],
  [{ candidate: tiers(2, -1, 0) }, "candidate.fast must be a probability"],
  [{ reward: Number.NaN }, "reward must be a finite number"],
  [{ expected: tiers(1, Number.NaN, 1) }, "expected.balanced must be a finite number"],
])("refuses %o and names it", (wrong, message) => {
  const call = { tier: "fast", reward: 1, propensities: tiers(1, 0, 0), candidate: tiers(1, 0, 0) } as const;
  expect(() => addCall(NO_CALLS, { ...call, ...wrong })).toThrow(message);
});
