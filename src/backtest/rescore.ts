/** One recorded execution, decided and priced again under another configuration. */
import { costOf } from "../pricing/cost.ts";
import type { BilledTokens, Catalogue } from "../pricing/types.ts";
import { calibrateRecorded } from "../routing/calibrated.ts";
import { routeScored } from "../routing/router.ts";
import { scoreMeasured } from "../routing/score.ts";
import { requestOf, warmCacheOf } from "../routing/scoring-inputs.ts";
import {
  type PlannedTarget,
  type ProviderState,
  type RoutingConfig,
  type Tier,
  targetKey,
} from "../routing/types.ts";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import type { CostRange } from "./types.ts";

/** Another model's answer to the same prompt is from half as long to twice as long. */
const OUTPUT = { least: 0.5, most: 2 };
/** Another model's tokenizer counts the same text from 15 % fewer to 15 % more tokens. */
const INPUT = { least: 0.85, most: 1.15 };

export const ASSUMPTIONS: readonly string[] = [
  "Every call is answered by its first target: no failures, no fallbacks, every breaker closed, keys as they are now.",
  "Prices are those of the day of the execution, on both sides.",
  "Where the same model would have served, its cost is what was billed.",
  "Where another model would have served, it is given the tokens that were used; the interval lets its output be from half to twice as long (within its cap) and its input be counted from 15 % fewer to 15 % more tokens, with nothing read from a cache at the upper end.",
  "Where the configuration has agents' scores learned, nothing is taken to be known of an agent: its stated score and the step count.",
  "Budgets of keys and agents are not applied again.",
];

export type Rescored = Readonly<{
  tier: Tier;
  target: PlannedTarget;
  /** Absent: the price is not known. */
  cost?: CostRange;
}>;

export type Candidate = Readonly<{
  config: RoutingConfig;
  /** Every breaker closed. */
  state: ProviderState;
  /** As it is in force: what was billed by it is billed again where the candidate changes no price. */
  billedBy: Catalogue;
}>;

/** Whether what was recorded is enough: the calibrated scorer has to have looked at the texts, with the weights of now. */
export const canRescore = (
  { measured, calibrated }: NonNullable<RecordedExecution["inputs"]>,
  { config }: Candidate,
): boolean =>
  config.scorer === "classic" ||
  measured === undefined ||
  (calibrated !== undefined && calibrateRecorded(calibrated, config) !== undefined);

/** @returns undefined: the candidate would have refused it */
export function rescore(
  execution: RecordedExecution & Readonly<{ inputs: NonNullable<RecordedExecution["inputs"]> }>,
  { config, state, billedBy }: Candidate,
): Rescored | undefined {
  const { request, numbers, warm } = requestOf(execution.inputs, execution.agentId);
  const { calibrated: recorded } = execution.inputs;
  const calibrated = recorded && calibrateRecorded(recorded, config);
  const scores = scoreMeasured(numbers, config, calibrated && { calibrated });
  const known = warm === undefined ? state : { ...state, warm: warmCacheOf(warm, execution.tier) };
  const result = routeScored(scores, request, config, known);
  if (!result.ok) return undefined;
  const [target] = result.decision.targets;
  const cost = costAt(target, execution, config.catalogue, billedBy);
  return { tier: result.decision.tier, target, ...(cost !== undefined && { cost }) };
}

function costAt(
  target: PlannedTarget,
  execution: RecordedExecution,
  catalogue: Catalogue,
  billedBy: Catalogue,
): CostRange | undefined {
  const { served, tokens, costNanoUsd, isPriced, createdAt } = execution;
  const model = catalogue.findModel(target.provider, target.model);
  const isSame = targetKey(target) === targetKey(served);
  const before = billedBy.findModel(target.provider, target.model);
  if (isSame && isPriced && model?.prices === before?.prices) return exactly(costNanoUsd);
  const day = createdAt.toISOString().slice(0, 10);
  const price = (billed: BilledTokens) => costOf(model, day, billed);
  const asUsed = price(isSame ? tokens : capped(tokens, target.maxOutputTokens));
  if (asUsed.priceStatus === "UNKNOWN") return undefined;
  if (isSame) return exactly(asUsed.costNanoUsd);
  return {
    cost: asUsed.costNanoUsd,
    lowest: price(shortest(tokens, target.maxOutputTokens)).costNanoUsd,
    highest: price(longest(tokens, target.maxOutputTokens)).costNanoUsd,
  };
}

const exactly = (cost: bigint): CostRange => ({ cost, lowest: cost, highest: cost });

const capped = (tokens: BilledTokens, cap: number): BilledTokens => ({
  ...tokens,
  outputTokens: Math.min(tokens.outputTokens, cap),
});

function shortest(tokens: BilledTokens, cap: number): BilledTokens {
  return {
    freshInputTokens: Math.floor(tokens.freshInputTokens * INPUT.least),
    cachedInputTokens: Math.floor(tokens.cachedInputTokens * INPUT.least),
    cacheWriteTokens: Math.floor(tokens.cacheWriteTokens * INPUT.least),
    outputTokens: Math.min(Math.floor(tokens.outputTokens * OUTPUT.least), cap),
  };
}

/** What was read from the cache is paid for in full: another model's may be cold. */
function longest(tokens: BilledTokens, cap: number): BilledTokens {
  return {
    freshInputTokens: Math.ceil((tokens.freshInputTokens + tokens.cachedInputTokens) * INPUT.most),
    cachedInputTokens: 0,
    cacheWriteTokens: Math.ceil(tokens.cacheWriteTokens * INPUT.most),
    outputTokens: Math.min(Math.ceil(tokens.outputTokens * OUTPUT.most), cap),
  };
}
