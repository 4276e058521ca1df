/** The contract's enums in people's words. */

import { BudgetPeriod } from "../../../../gen/modeltier/v1/access_pb.js";
import { FinishReason, UsageSource } from "../../../../gen/modeltier/v1/completion_pb.js";
import { AttemptKind, ExecutionStatus } from "../../../../gen/modeltier/v1/execution_pb.js";
import { BreakerState } from "../../../../gen/modeltier/v1/provider_pb.js";
import { CauseKind, Factor, Intent, Tier } from "../../../../gen/modeltier/v1/routing_pb.js";

export const TIERS = [Tier.FAST, Tier.BALANCED, Tier.POWERFUL] as const;

/** "LLM_DECISION" is "llm decision". */
const words = (name: string | undefined): string => (name ?? "unknown").toLowerCase().replaceAll("_", " ");

export const tierName = (tier: Tier): string => (tier === Tier.UNSPECIFIED ? "no tier" : words(Tier[tier]));
export const intentName = (intent: Intent): string =>
  intent === Intent.UNSPECIFIED ? "not said" : words(Intent[intent]);
/** Calls over OpenAI's API need not name an agent. */
export const agentName = (agentId: string): string => (agentId === "" ? "unnamed" : agentId);
export const statusName = (status: ExecutionStatus): string =>
  status === ExecutionStatus.OK ? "answered" : words(ExecutionStatus[status]);
export const causeName = (kind: CauseKind): string => words(CauseKind[kind]);
export const factorName = (factor: Factor): string => words(Factor[factor]);
export const finishName = (reason: FinishReason): string => words(FinishReason[reason]);
export const kindName = (kind: AttemptKind): string => words(AttemptKind[kind]);
export const periodName = (period: BudgetPeriod): string => words(BudgetPeriod[period]);
export const sourceName = (source: UsageSource): string => words(UsageSource[source]);
export const outcomeName = (outcome: string): string => words(outcome);

export const breakerName = (state: BreakerState): string => words(BreakerState[state]);
export const breakerSentence: Record<BreakerState, string> = {
  [BreakerState.UNSPECIFIED]: "not known",
  [BreakerState.CLOSED]: "is called",
  [BreakerState.OPEN]: "left alone: it failed too often a moment ago",
  [BreakerState.HALF_OPEN]: "one call tries whether it is back",
  [BreakerState.PARKED]: "parked: it refused our key or the model",
};

const PROVIDERS: Readonly<Record<string, string>> = {
  anthropic: "Anthropic",
  kimi: "Kimi",
  openai: "OpenAI",
};
export const providerName = (id: string): string => PROVIDERS[id] ?? id;

/** The class that gives a provider its colour, the same on every screen. */
export const providerClass = (id: string): string => (id in PROVIDERS ? `is-${id}` : "is-other");

export const listIntents = (): readonly Intent[] =>
  Object.values(Intent).filter((value): value is Intent => typeof value === "number" && value !== 0);
