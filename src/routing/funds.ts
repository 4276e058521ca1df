/**
 * What the operator's budgets leave for one call, against the most that the call can cost. The rule of SCORING.md, section 3,
 * point 2, for budgets in money and in tokens. Pure: what is left is an argument.
 */

import type { CatalogueModel } from "../pricing/types.ts";
import { outputTokensFor, worstCostNanoUsd } from "../pricing/worst-case.ts";
import type { Candidate, Objection } from "./candidates.ts";
import type { Situation } from "./situation.ts";
import { type Fund, type RejectedTarget, targetKey } from "./types.ts";

/** An answer may be this much longer than its cap before it is cut, by the engine's own low count of its tokens. */
const TOLERANCE = { portion: 1.25, tokens: 16 };

/** The most output tokens that an answer with this cap is let run to. */
export const mostOutputTokens = (maxOutputTokens: number): number =>
  Math.ceil(maxOutputTokens * TOLERANCE.portion) + TOLERANCE.tokens;

/** The largest cap under which an answer stays within so many output tokens; 0 when there is none. */
const capWithin = (outputTokens: number): number =>
  Math.max(0, Math.floor((outputTokens - TOLERANCE.tokens) / TOLERANCE.portion));

/** The most that an attempt can cost. `nano_usd` is absent when the model's price is not known. */
export type WorstCase = Readonly<{ nano_usd?: bigint; tokens: bigint }>;

/**
 * @param day UTC, YYYY-MM-DD
 * @param inputTokens the most there can be
 * @param maxOutputTokens the answer's cap
 */
export function worstCaseOf(
  model: CatalogueModel | undefined,
  day: string,
  inputTokens: number,
  maxOutputTokens: number,
): WorstCase {
  const outputTokens = mostOutputTokens(maxOutputTokens);
  const nanoUsd = worstCostNanoUsd(model, day, inputTokens, outputTokens);
  return { tokens: BigInt(inputTokens + outputTokens), ...(nanoUsd !== undefined && { nano_usd: nanoUsd }) };
}

/** The largest answer that one budget pays for. */
export type Tightest = Readonly<{ budgetId: string; outputTokens: number }>;

/** The budget that pays for least at a model, among those that can say; undefined when none can or none applies. */
export function findTightest(model: CatalogueModel | undefined, situation: Situation): Tightest | undefined {
  const accounts = situation.request.funds?.accounts ?? [];
  return accounts.reduce<Tightest | undefined>((tightest, fund) => {
    const outputTokens = paidOutputTokens(fund, model, situation);
    const isTighter =
      outputTokens !== undefined && outputTokens < (tightest?.outputTokens ?? Number.POSITIVE_INFINITY);
    return isTighter ? { budgetId: fund.budgetId, outputTokens } : tightest;
  }, undefined);
}

/** Output tokens that the budgets pay for at a model; Infinity when nothing limits them. */
export const fundedOutputTokens = (model: CatalogueModel | undefined, situation: Situation): number =>
  situation.request.funds === undefined
    ? Number.POSITIVE_INFINITY
    : (findTightest(model, situation)?.outputTokens ?? Number.POSITIVE_INFINITY);

/** The smallest answer worth making, in output tokens; a caller may ask for a smaller one. */
export const smallestAnswer = ({ request, config }: Situation): number =>
  Math.min(config.minimumOutputTokens, request.sampling.maxOutputTokens ?? Number.POSITIVE_INFINITY);

/** Why the budgets keep a call from a candidate: they do not pay for the smallest answer, or cannot tell what it costs. */
export function findFundsObjection(candidate: Candidate, situation: Situation): Objection | undefined {
  const { funds } = situation.request;
  if (funds === undefined) return undefined;
  const { model, target } = candidate;
  const inMoney = funds.accounts.find(({ unit }) => unit === "nano_usd");
  if (inMoney !== undefined && paidOutputTokens(inMoney, model, situation) === undefined) {
    const detail = `${targetKey(target)} has no price in the catalogue, so nothing bounds what it costs the budget ${inMoney.budgetId}: use a model with a price, or set that budget in tokens`;
    return { reason: "unknown_price", detail };
  }
  const smallest = smallestAnswer(situation);
  const tightest = findTightest(model, situation);
  if (tightest === undefined || tightest.outputTokens >= smallest) return undefined;
  const detail = `The budget ${tightest.budgetId} does not pay for ${smallest} output tokens of ${target.model} beside the prompt`;
  return { reason: "over_budget", detail };
}

/** The budgets that kept a call from targets it could have been sent to. */
export function listShortBudgets(
  rejected: readonly RejectedTarget[],
  situation: Situation,
): readonly string[] {
  const { catalogue } = situation.config;
  const short = rejected
    .filter(({ reason }) => reason === "over_budget")
    .flatMap(
      ({ target }) => findTightest(catalogue.findModel(target.provider, target.model), situation) ?? [],
    );
  return [...new Set(short.map(({ budgetId }) => budgetId))];
}

/** The largest cap that a budget pays for beside the prompt; undefined when the price is not known. */
function paidOutputTokens(
  { unit, left }: Fund,
  model: CatalogueModel | undefined,
  { request, state, inputTokens }: Situation,
): number | undefined {
  const input = request.funds?.mostInputTokens ?? inputTokens;
  const output = unit === "tokens" ? Number(left) - input : outputTokensFor(model, state.today, input, left);
  return output === undefined ? undefined : capWithin(output);
}
