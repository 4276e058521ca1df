/** What a target would be sent: each model takes other parameters, and what it does not take is left out and reported. */
import { parametersOf } from "../pricing/catalogue.ts";
import type { ModelParameters } from "../pricing/types.ts";
import { type Candidate, listCandidates, outputTokensOf, wantedOutputTokens } from "./candidates.ts";
import type { Move } from "./causes.ts";
import { findTightest } from "./funds.ts";
import type { Situation } from "./situation.ts";
import type { DroppedParameter, PlannedTarget, ReasoningInput, Sampling } from "./types.ts";

/** Plans of calls that ask for nothing of their own, which most do: such a plan follows from the candidate alone. */
const usualPlans = new WeakMap<Candidate, PlannedTarget>();

/** The call a candidate would get. The caller's temperature wins over the tier's. */
export function planTarget(candidate: Candidate, situation: Situation): PlannedTarget {
  if (!isUsual(situation)) return makePlan(candidate, situation);
  const known = usualPlans.get(candidate);
  if (known !== undefined) return known;
  const plan = makePlan(candidate, situation);
  const { config, state } = situation;
  // Others are made for one call, such as a model that the caller named.
  if (listCandidates(candidate.tier, config, state).includes(candidate)) usualPlans.set(candidate, plan);
  return plan;
}

/** No wish, no budget and no reasoning to send back. */
function isUsual({ request, outputBudgetTokens }: Situation): boolean {
  const { temperature, topP, seed, stop, maxOutputTokens } = request.sampling;
  const hasWish =
    temperature !== undefined ||
    topP !== undefined ||
    seed !== undefined ||
    stop !== undefined ||
    maxOutputTokens !== undefined;
  const hasBudget = outputBudgetTokens !== undefined || request.funds !== undefined;
  return !hasWish && !hasBudget && request.chat?.reasoning === undefined;
}

function makePlan(candidate: Candidate, situation: Situation): PlannedTarget {
  const { request, config } = situation;
  const { target, tier } = candidate;
  const temperature = request.sampling.temperature ?? config.tiers[tier].temperature;
  const parameters = parametersOf(config.catalogue, target);
  const wanted = temperature === undefined ? request.sampling : { ...request.sampling, temperature };
  const dropped = [
    ...listDropped(target.model, wanted, parameters),
    ...listDroppedReasoning(target.model, request.chat?.reasoning, parameters),
  ];
  return {
    provider: target.provider,
    model: target.model,
    tier,
    maxOutputTokens: outputTokensOf(candidate, situation),
    ...keptParameters(wanted, dropped),
    dropped,
  };
}

/** What made the output cap of a planned target smaller than the caller or the tier wanted it. */
export function listOutputCuts(candidate: Candidate, planned: PlannedTarget, situation: Situation): Move[] {
  const { request, outputBudgetTokens } = situation;
  const { maxOutputTokens: asked } = request.sampling;
  const modelMaximum = candidate.model?.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const cuts: Move[] = [];
  const cut = (detail: string): Move => ({ kind: "output_cut", after: planned.tier, detail });
  if (asked !== undefined && asked > modelMaximum) {
    cuts.push(cut(`${asked} output tokens were asked for; ${planned.model} gives at most ${modelMaximum}`));
  }
  const wanted = wantedOutputTokens(candidate, situation);
  if (outputBudgetTokens !== undefined && wanted > outputBudgetTokens) {
    cuts.push(cut(`The budget leaves ${outputBudgetTokens} of ${wanted} output tokens`));
  }
  const tightest = findTightest(candidate.model, situation);
  if (tightest !== undefined && wanted > tightest.outputTokens) {
    const { budgetId, outputTokens } = tightest;
    cuts.push(cut(`The budget ${budgetId} leaves ${outputTokens} of ${wanted} output tokens`));
  }
  return cuts;
}

function listDropped(model: string, wanted: Sampling, parameters: ModelParameters): DroppedParameter[] {
  const dropped: DroppedParameter[] = [];
  const temperature = findTemperatureProblem(wanted.temperature, parameters.temperature);
  if (temperature !== undefined) dropped.push({ name: "temperature", detail: `${model} ${temperature}` });
  if (wanted.topP !== undefined && !parameters.topP) {
    dropped.push({ name: "top_p", detail: `${model} takes no top_p` });
  }
  if (wanted.seed !== undefined && !parameters.seed) {
    dropped.push({ name: "seed", detail: `${model} takes no seed` });
  }
  const stops = findStopProblem(wanted.stop?.length ?? 0, parameters.stopSequences);
  if (stops !== undefined) dropped.push({ name: "stop", detail: `${model} ${stops}` });
  return dropped;
}

/**
 * Reasoning that the adapter will leave out. It is reported like a parameter: the answer can do without it, and a conversation may
 * go from one provider's model to another's at any step.
 */
function listDroppedReasoning(
  model: string,
  reasoning: ReasoningInput | undefined,
  { reasoningBack }: ModelParameters,
): DroppedParameter[] {
  const dropped = (detail: string): DroppedParameter[] => [
    { name: "reasoning", detail: `${model} ${detail}` },
  ];
  if (reasoning === undefined) return [];
  if (reasoningBack === undefined) return dropped("takes no reasoning back");
  if (reasoningBack === "signed_blocks") {
    return reasoning.hasUnsigned ? dropped("takes back only reasoning that its provider signed") : [];
  }
  return reasoning.hasEncrypted ? dropped("cannot read the encrypted reasoning of another provider") : [];
}

function findTemperatureProblem(
  temperature: number | undefined,
  range: ModelParameters["temperature"],
): string | undefined {
  if (temperature === undefined) return undefined;
  if (range === false) return "takes no temperature";
  if (temperature >= range.minimum && temperature <= range.maximum) return undefined;
  return `takes a temperature from ${range.minimum} to ${range.maximum}, not ${temperature}`;
}

function findStopProblem(count: number, taken: number): string | undefined {
  if (count <= taken) return undefined;
  return taken === 0 ? "takes no stop sequences" : `takes ${taken} stop sequences, not ${count}`;
}

function keptParameters(
  wanted: Sampling,
  dropped: readonly DroppedParameter[],
): Pick<PlannedTarget, "temperature" | "topP" | "seed" | "stop"> {
  const { temperature, topP, seed, stop } = wanted;
  const isKept = (name: DroppedParameter["name"]): boolean => !dropped.some((one) => one.name === name);
  return {
    ...(temperature !== undefined && isKept("temperature") ? { temperature } : {}),
    ...(topP !== undefined && isKept("top_p") ? { topP } : {}),
    ...(seed !== undefined && isKept("seed") ? { seed } : {}),
    ...(stop !== undefined && stop.length > 0 && isKept("stop") ? { stop } : {}),
  };
}
