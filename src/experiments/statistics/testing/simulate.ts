/** Simulated experiments that are looked at after every few units, as an impatient operator would. */
import { addUnit, answer, newArmEvidence, type Question, type Verdict } from "../question.ts";
import { Random } from "./random.ts";

/** Success with this probability; cost lognormal with this mean and a tail that the spread makes heavy (1: 99th percentile 6 means). */
export type Truth = Readonly<{ success: number; meanNanoUsd: number; spread: number }>;

export const QUESTION: Question = {
  alpha: 0.05,
  margin: 0.03,
  mostSuccessLost: 0.1,
  mostExtraNanoUsd: 2_000_000,
};

export type Simulated = Readonly<{
  verdict: Verdict;
  units: number;
  wasCostWrong: boolean;
  wasSuccessWrong: boolean;
}>;

/** One experiment until its first verdict or `mostUnits`; with `toTheEnd`, until `mostUnits` in any case, for the intervals' errors. */
export function simulate(
  old: Truth,
  fresh: Truth,
  options: Readonly<{
    seed: number;
    mostUnits: number;
    every: number;
    freshShare?: number;
    toTheEnd?: boolean;
  }>,
): Simulated {
  const { seed, mostUnits, every, freshShare = 0.5, toTheEnd = false } = options;
  const random = new Random(seed);
  const arms = [newArmEvidence(QUESTION), newArmEvidence(QUESTION)] as [Evidence, Evidence];
  let first: { verdict: Verdict; units: number } | undefined;
  let wasCostWrong = false;
  let wasSuccessWrong = false;
  for (let units = 1; units <= mostUnits; units += 1) {
    const isFresh = random.is(freshShare);
    const truth = isFresh ? fresh : old;
    const cost = truth.meanNanoUsd * Math.exp(truth.spread * random.normal() - truth.spread ** 2 / 2);
    const arm = Number(isFresh) as 0 | 1;
    arms[arm] = addUnit(arms[arm], {
      success: Number(random.is(truth.success)),
      costNanoUsd: Math.round(cost),
    });
    if (units % every !== 0) continue;
    const counts = arms.map(({ success }) => ({ units: success.n, share: 0.5 }));
    const { verdict, success, costMicroUsd } = answer(arms[0], arms[1], counts, QUESTION);
    wasSuccessWrong ||= !holds(success, fresh.success - old.success);
    wasCostWrong ||= !holds(costMicroUsd, (fresh.meanNanoUsd - old.meanNanoUsd) / 1_000);
    if (verdict !== "not known yet") first ??= { verdict, units };
    if (first !== undefined && !toTheEnd) break;
  }
  return {
    verdict: first?.verdict ?? "not known yet",
    units: first?.units ?? mostUnits,
    wasCostWrong,
    wasSuccessWrong,
  };
}

type Evidence = ReturnType<typeof newArmEvidence>;
const holds = ({ lower, upper }: { lower: number; upper: number }, truth: number) =>
  lower <= truth && truth <= upper;
