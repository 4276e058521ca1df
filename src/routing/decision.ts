/** The words of a decision: what was chosen, what led to it, what was passed over, and why none could be made. Plain data. */
import type { LearnedScore } from "../agent-score/agent-score.ts";
import type { CalibratedScore } from "../scoring/types.ts";
import type { FactorName, ModelTarget, ScorerName, StepType, Tier, WeightSet } from "./types.ts";
export type AgentScoreSource = "combined" | "blended" | "creation_only" | "execution_only" | "cold_start";

export type ScoreFactor = Readonly<{
  name: FactorName;
  /** What was measured, in the factor's own unit (characters, bytes, conditions, references); absent when estimated. */
  measurement?: number;
  /** In [0, 10]. */
  score: number;
  /** In [0, 1]; the six sum to 1. */
  weight: number;
  /** weight x score; the six sum to S. */
  contribution: number;
}>;

export const CAUSES = [
  "score",
  "unknown_intent",
  "cold_start",
  "previous_failures",
  "budget",
  "output_cut",
  "capability",
  "availability",
  "model_retired",
  "constraint",
  "router_error",
  "cache_affinity",
  "exploration",
] as const;
export type CauseKind = (typeof CAUSES)[number];
export type Cause = Readonly<{ kind: CauseKind; before?: Tier; after: Tier; detail: string }>;

export const REJECTIONS = [
  "no_key",
  "breaker_open",
  "provider_full",
  "parked",
  "retired",
  "context_window",
  "tools",
  "forced_tools",
  "images",
  "json",
  "unknown_provider",
  "output_limit",
  "over_budget",
  "unknown_price",
] as const;
export type RejectionKind = (typeof REJECTIONS)[number];
export type RejectedTarget = Readonly<{
  target: ModelTarget;
  tier: Tier;
  reason: RejectionKind;
  /** A sentence that names the remedy: "Kimi has no key: set KIMI_API_KEY". */
  detail: string;
}>;

export type DroppedParameter = Readonly<{
  name: "temperature" | "top_p" | "seed" | "stop" | "reasoning";
  detail: string;
}>;

/** A target with what it would be sent: each model takes other parameters. */
export type PlannedTarget = ModelTarget &
  Readonly<{
    tier: Tier;
    maxOutputTokens: number;
    temperature?: number;
    topP?: number;
    seed?: number;
    stop?: readonly string[];
    dropped: readonly DroppedParameter[];
  }>;

/** What it would cost to leave a target that has the session's prompt cached. */
export type CacheAffinity = Readonly<{
  /** The warm target that was weighed. */
  target: ModelTarget;
  /** Tokens of this call that are expected to be read from its cache. */
  warmTokens: number;
  /** What the same tokens cost more at the full price: leaving costs as much. */
  switchCostNanoUsd: bigint;
  /**
   * What the call costs less at the target that is chosen otherwise than here at full prices; negative when it costs more,
   * 0n when the warm target is the choice anyway.
   */
  savingNanoUsd: bigint;
  /** It is the decision's first target; otherwise it was left, because that saves as much as it costs. */
  kept: boolean;
}>;

/** What the calibrated scorer says of a request, and whose weights said it. */
export type CalibratedStep = CalibratedScore &
  Readonly<{
    weightsVersion: string;
    /** Recorded by a release that kept the raw score alone: difficulty and benefit are not known. */
    isScoreAlone?: true;
  }>;

/** What another scoring rule would have come to. */
export type ShadowScore = Readonly<{
  /** The tier is not that of the score that decided. */
  differs: boolean;
  scorer: ScorerName;
  stepScore: number;
  effectiveScore: number;
  tier: Tier;
}>;

/** A learned score, and what was tried beside the tier that it gives. */
export type LearnedDecision = LearnedScore & Readonly<{ exploration?: TriedTier }>;

export type TriedTier = Readonly<{
  /** That of the score. */
  usual: Tier;
  /** On the other side of the threshold. */
  other: Tier;
  /** Of `other`, in (0, 0.5]. */
  probability: number;
  tried: boolean;
}>;

/** The arm of an experiment that a call was drawn into, and under which name. */
export type DecisionExperiment = Readonly<{
  id: string;
  arm: string;
  /** A digest of what was drawn: of an agent, a session or a request. */
  unit: string;
  /** Which of the shares that were set one after the other it was drawn by, from 1. */
  split: number;
}>;

export type Decision = Readonly<{
  tier: Tier;
  /** In the order to try them; never empty. The first is the choice, the rest are fallbacks. */
  targets: readonly [PlannedTarget, ...PlannedTarget[]];
  /** E in [0, 10], rounded to 1e-6. */
  effectiveScore: number;
  agentScore: number;
  agentScoreSource: AgentScoreSource;
  /** S in [0, 10]; absent without a step. */
  stepScore?: number;
  stepType: StepType;
  weightSet?: WeightSet;
  factors: readonly ScoreFactor[];
  causes: readonly Cause[];
  rejected: readonly RejectedTarget[];
  estimatedInputTokens: number;
  estimatedOutputTokens: number;
  /** How tokens were estimated. */
  tokenEstimate: "characters_per_token";
  /** Absent: the price is unknown. */
  estimatedCostNanoUsd?: bigint;
  estimatedLatencyMs: number;
  latencySource: "measured" | "configured";
  /** Absent: nothing of the session is cached where the call could go. */
  cache?: CacheAffinity;
  /** What E rests on where it is learned; absent: E is the weighted sum of A and S. */
  learned?: LearnedDecision;
  /** What S rests on where the calibrated scorer looked at the request. */
  calibrated?: CalibratedStep;
  /** What the second scoring rule would have come to. */
  shadow?: ShadowScore;
  /** Absent: none runs, or the call is not in it. */
  experiment?: DecisionExperiment;
  configVersion: number;
  preset: string;
  scorer: Readonly<{ name: string; version: string }>;
  sandbox: boolean;
  reason: string;
}>;

/** Why no decision could be made; the caller can do something about each. */
export type RoutingFailure = Readonly<
  | { kind: "no_usable_target"; missingVariables: readonly string[]; rejected: readonly RejectedTarget[] }
  | { kind: "budget_exhausted"; neededTokens: number; remainingTokens: number }
  | { kind: "unknown_model"; target: ModelTarget }
  /** The operator's budgets do not pay for the smallest answer worth making, wherever it is made. */
  | { kind: "over_budget"; budgetIds: readonly string[] }
>;
export type RoutingResult = Readonly<
  { ok: true; decision: Decision } | { ok: false; failure: RoutingFailure }
>;
