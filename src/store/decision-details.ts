/** What explains a decision and has no column of its own: compact, without anything that the caller wrote. */
import type { CacheAffinity, Decision, PlannedTarget, StepType } from "../routing/types.ts";
import type { StoredExecution } from "./executions.ts";

type Target = Pick<PlannedTarget, "provider" | "model" | "tier" | "maxOutputTokens" | "temperature"> &
  Partial<Pick<PlannedTarget, "dropped">>;
/** In JSON a bigint travels as its digits. */
type Cache = Omit<CacheAffinity, "switchCostNanoUsd" | "savingNanoUsd"> &
  Readonly<{ switchCostNanoUsd: string; savingNanoUsd: string }>;

type Kept = Pick<
  Decision,
  | "agentScoreSource"
  | "weightSet"
  | "estimatedInputTokens"
  | "estimatedOutputTokens"
  | "tokenEstimate"
  | "estimatedLatencyMs"
  | "latencySource"
  | "learned"
  | "calibrated"
  | "shadow"
  | "experiment"
  | "reason"
>;
/** Empty lists are left out. */
export type DecisionDetails = Kept &
  Readonly<{
    stepType: StepType;
    targets: readonly Target[];
    rejected?: Decision["rejected"];
    estimatedCostNanoUsd?: string;
    cache?: Cache;
  }>;

export function decisionDetails(decision: Decision): DecisionDetails {
  const { rejected, estimatedCostNanoUsd: cost, cache } = decision;
  return {
    agentScoreSource: decision.agentScoreSource,
    ...(decision.weightSet !== undefined && { weightSet: decision.weightSet }),
    stepType: decision.stepType,
    targets: decision.targets.map(withoutTexts),
    ...(rejected.length > 0 && { rejected }),
    estimatedInputTokens: decision.estimatedInputTokens,
    estimatedOutputTokens: decision.estimatedOutputTokens,
    tokenEstimate: decision.tokenEstimate,
    ...(cost !== undefined && { estimatedCostNanoUsd: cost.toString() }),
    estimatedLatencyMs: decision.estimatedLatencyMs,
    latencySource: decision.latencySource,
    ...(cache !== undefined && {
      cache: {
        ...cache,
        switchCostNanoUsd: cache.switchCostNanoUsd.toString(),
        savingNanoUsd: cache.savingNanoUsd.toString(),
      },
    }),
    ...(decision.learned !== undefined && { learned: decision.learned }),
    ...(decision.calibrated !== undefined && { calibrated: decision.calibrated }),
    ...(decision.shadow !== undefined && { shadow: decision.shadow }),
    ...(decision.experiment !== undefined && { experiment: decision.experiment }),
    reason: decision.reason,
  };
}

/** Stop sequences are the caller's words, and no business of the database. */
const withoutTexts = ({
  provider,
  model,
  tier,
  maxOutputTokens,
  temperature,
  dropped,
}: PlannedTarget): Target => ({
  provider,
  model,
  tier,
  maxOutputTokens,
  ...(temperature !== undefined && { temperature }),
  ...(dropped.length > 0 && { dropped }),
});

/** The decision as far as it is known: of rows from before the details were kept, the scores, factors and causes. */
export function decisionOf(row: StoredExecution): Decision {
  const [name = "", version = ""] = row.scorer.split("@");
  const details: DecisionDetails = row.decision ?? detailsOfOldRow(row);
  const { targets, estimatedCostNanoUsd: cost, cache, ...kept } = details;
  const [first, ...rest] = targets.map((target) => ({ dropped: [], ...target }));
  const chosen = first ?? { ...servedTarget(row), dropped: [] };
  return {
    rejected: [],
    ...kept,
    tier: row.tier,
    targets: [chosen, ...rest],
    effectiveScore: row.effective_score,
    agentScore: row.agent_score,
    ...(row.step_score !== null && { stepScore: row.step_score }),
    factors: row.factors,
    causes: row.causes,
    ...(cost !== undefined && { estimatedCostNanoUsd: BigInt(cost) }),
    ...(cache !== undefined && {
      cache: {
        ...cache,
        switchCostNanoUsd: BigInt(cache.switchCostNanoUsd),
        savingNanoUsd: BigInt(cache.savingNanoUsd),
      },
    }),
    configVersion: Number(row.config_version),
    preset: row.preset,
    scorer: { name, version },
    sandbox: row.sandbox,
  };
}

const servedTarget = ({ provider, model, tier }: StoredExecution): Target => ({
  provider,
  model,
  tier,
  maxOutputTokens: 0,
});

const detailsOfOldRow = (row: StoredExecution): DecisionDetails => ({
  agentScoreSource: "combined",
  stepType: row.intent as StepType,
  targets: [servedTarget(row)],
  estimatedInputTokens: 0,
  estimatedOutputTokens: 0,
  tokenEstimate: "characters_per_token",
  estimatedLatencyMs: 0,
  latencySource: "configured",
  reason: "",
});
