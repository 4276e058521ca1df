/** What the candidate would have achieved, estimated from what came of the calls that chose as it would. */
import { learn, learnedScore, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { DEFAULT_LEARNING, type LearningSettings } from "../agent-score/types.ts";
import { TIERS, type Tier, targetKey } from "../routing/types.ts";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import { addCall, NO_CALLS, type OffPolicyAnswer, offPolicyAnswer, type TierValues } from "./off-policy.ts";
import type { Rescored } from "./rescore.ts";

export type QualityEstimate = Readonly<{
  /** The mean of what came of the calls; absent: there were none. */
  recorded?: number;
  answer: OffPolicyAnswer;
}>;

export type QualityReport = Readonly<{
  /** From 0 to 1. */
  success: QualityEstimate;
  /** From 1 to 5, of the calls that were rated. */
  quality: QualityEstimate;
}>;

export const QUALITY_ASSUMPTIONS: readonly string[] = [
  "Quality is estimated from calls that the chosen target answered and of which something is known; only where the candidate would have chosen the same, or chance could have, is an outcome known.",
  "Where nothing was said of a call, an answer is a success unless it was a refusal or the session came back with the same step as failed; rated quality is that of the calls that were rated.",
];

/** Nothing fades within a backtest. */
const { halfLifeMs: _, halfLifeOutcomes: __, ...LEARNING } = DEFAULT_LEARNING;
const SETTINGS: LearningSettings = LEARNING;
const ANY_TIME = 0;

/** One metric, in [0, 1]. Expectations of a call come from the calls that were read before it, and so never from its own outcome. */
class Metric {
  #sums = NO_CALLS;
  #recorded = 0;
  #model = newFleet();

  readonly #scale: (share: number) => number;

  constructor(scale: (share: number) => number) {
    this.#scale = scale;
  }

  add(share: number, execution: RecordedExecution, candidate: Rescored): void {
    const { tier, served, stepScore, inputs } = execution;
    const step = stepScore === undefined ? {} : { step: stepScore };
    const { tiers } = learnedScore(this.#model, newAgent(), { ...step, nowMs: ANY_TIME }, SETTINGS);
    const reward = this.#scale(share);
    this.#recorded += reward;
    this.#sums = addCall(this.#sums, {
      tier,
      reward,
      propensities: inputs?.propensities ?? certain(tier),
      candidate: certain(candidate.tier),
      isElsewhere: candidate.tier === tier && targetKey(candidate.target) !== targetKey(served),
      expected: valuesOf((one) => this.#scale(tiers[one].quality)),
    });
    const outcome = { tier, quality: share, atMs: ANY_TIME, ...step };
    this.#model = learn(this.#model, newAgent(), outcome, SETTINGS).fleet;
  }

  get estimate(): QualityEstimate {
    const { calls } = this.#sums;
    return {
      ...(calls > 0 && { recorded: this.#recorded / calls }),
      answer: offPolicyAnswer(this.#sums),
    };
  }
}

export class QualityTally {
  readonly #success = new Metric((share) => share);
  readonly #quality = new Metric((share) => 1 + 4 * share);

  add(execution: RecordedExecution, candidate: Rescored): void {
    const { success, quality } = execution.outcome ?? {};
    if (success !== undefined) this.#success.add(success, execution, candidate);
    if (quality !== undefined) this.#quality.add((quality - 1) / 4, execution, candidate);
  }

  get report(): QualityReport {
    return { success: this.#success.estimate, quality: this.#quality.estimate };
  }
}

const valuesOf = (of: (tier: Tier) => number): TierValues =>
  Object.fromEntries(TIERS.map((tier) => [tier, of(tier)])) as Record<Tier, number>;

const certain = (chosen: Tier): TierValues => valuesOf((tier) => Number(tier === chosen));
