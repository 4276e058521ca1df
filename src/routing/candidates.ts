/** The targets of a tier as they stand today: retired models replaced, and what speaks against each for one request. */
import { findServedSuccessor, isRetired } from "../pricing/catalogue.ts";
import type { CatalogueModel } from "../pricing/types.ts";
import { findFundsObjection, fundedOutputTokens } from "./funds.ts";
import type { Situation } from "./situation.ts";
import {
  type ModelTarget,
  type Needs,
  type ProviderState,
  type RejectionKind,
  type RoutingConfig,
  TIERS,
  type Tier,
  targetKey,
} from "./types.ts";

/** A target that may be tried. */
export type Candidate = Readonly<{
  target: ModelTarget;
  /** The tier whose settings it runs under. */
  tier: Tier;
  /** Absent: the catalogue does not know it, and it is assumed to take everything. */
  model?: CatalogueModel;
  /** The retired model that this one stands in for. */
  replaces?: CatalogueModel;
  /** Retired, and nothing stands in for it. */
  retired: boolean;
}>;

export type Objection = Readonly<{ reason: RejectionKind; detail: string }>;

/** The sandbox serves every model, so there retired ones are tried whatever the configuration says. */
export const retiredModelPolicy = (
  config: Pick<RoutingConfig, "retiredModels">,
  state: Pick<ProviderState, "sandbox">,
): RoutingConfig["retiredModels"] => (state.sandbox ? "try" : config.retiredModels);

/** A configured target, with its successor in its place where it is retired and that is the policy. */
export function resolveCandidate(
  target: ModelTarget,
  tier: Tier,
  config: RoutingConfig,
  state: ProviderState,
): Candidate {
  const model = config.catalogue.findModel(target.provider, target.model);
  if (model === undefined) return { target, tier, retired: false };
  const policy = retiredModelPolicy(config, state);
  if (policy === "try" || !isRetired(model, state.today)) return { target, tier, model, retired: false };
  const successor = policy === "skip" ? undefined : findServedSuccessor(config.catalogue, model, state.today);
  if (successor === undefined) return { target, tier, model, retired: true };
  const { provider, model: name } = successor;
  return { target: { provider, model: name }, tier, model: successor, replaces: model, retired: false };
}

/** A tier's candidates in the order to try them, each once, with `first` in front of them. */
export function listCandidates(
  tier: Tier,
  config: RoutingConfig,
  state: ProviderState,
  first?: Candidate,
): readonly Candidate[] {
  const candidates = candidatesUnder(config, state).tiers[tier];
  return first === undefined ? candidates : withoutRepeats([first, ...candidates]);
}

/** All that resolving a configuration's targets depends on beside the configuration, and what came of it. */
type Resolved = Readonly<{
  today: string;
  sandbox: boolean;
  tiers: Readonly<Record<Tier, readonly Candidate[]>>;
}>;

/** A configuration never changes, so its targets are resolved once a day and not once a call. */
const resolved = new WeakMap<RoutingConfig, Resolved>();

function candidatesUnder(config: RoutingConfig, state: ProviderState): Resolved {
  const { today, sandbox } = state;
  const known = resolved.get(config);
  if (known !== undefined && known.today === today && known.sandbox === sandbox) return known;
  const resolve = (tier: Tier): readonly Candidate[] =>
    withoutRepeats(config.tiers[tier].targets.map((target) => resolveCandidate(target, tier, config, state)));
  const tiers = { fast: resolve("fast"), balanced: resolve("balanced"), powerful: resolve("powerful") };
  const fresh: Resolved = { today, sandbox, tiers };
  resolved.set(config, fresh);
  return fresh;
}

export const withoutRepeats = (candidates: readonly Candidate[]): readonly Candidate[] =>
  candidates.filter(
    ({ target }, position) =>
      candidates.findIndex((other) => isSameTarget(other.target, target)) === position,
  );

export const isSameTarget = (one: ModelTarget, other: ModelTarget): boolean =>
  one.provider === other.provider && one.model === other.model;

/** Output tokens that a candidate would be asked for: what is wanted, as far as the model and the budget allow. */
export const outputTokensOf = (candidate: Candidate, situation: Situation): number =>
  Math.min(
    wantedOutputTokens(candidate, situation),
    situation.outputBudgetTokens ?? Number.POSITIVE_INFINITY,
    fundedOutputTokens(candidate.model, situation),
  );

/** What is wanted of a candidate, as far as its model gives it, whatever it costs. */
export const wantedOutputTokens = (candidate: Candidate, { request, config }: Situation): number =>
  Math.min(
    request.sampling.maxOutputTokens ?? config.tiers[candidate.tier].maxOutputTokens,
    candidate.model?.maxOutputTokens ?? Number.POSITIVE_INFINITY,
  );

/** Why a candidate cannot serve a request; undefined when it can. What it cannot take comes before what it lacks now. */
export const findObjection = (candidate: Candidate, situation: Situation): Objection | undefined =>
  findRetirement(candidate) ??
  findIncapability(candidate, situation) ??
  findFundsObjection(candidate, situation) ??
  findUnavailability(candidate.target, situation.state);

const CAPABILITY_REASONS: ReadonlySet<RejectionKind> = new Set<RejectionKind>([
  "context_window",
  "tools",
  "forced_tools",
  "images",
  "json",
  "output_limit",
]);

/** The target cannot take the request, as opposed to not being there for it now. */
export const isIncapability = (reason: RejectionKind): boolean => CAPABILITY_REASONS.has(reason);

/** The retired targets of a configuration, for those who can change it. */
export function listRetiredTargets(
  config: RoutingConfig,
  today: string,
): readonly Readonly<{ tier: Tier; target: ModelTarget; retiredOn: string; successor?: ModelTarget }>[] {
  return TIERS.flatMap((tier) =>
    config.tiers[tier].targets.flatMap((target) => {
      const model = config.catalogue.findModel(target.provider, target.model);
      if (model?.retiredOn === undefined || !isRetired(model, today)) return [];
      const served = findServedSuccessor(config.catalogue, model, today);
      const successor =
        served === undefined ? {} : { successor: { provider: served.provider, model: served.model } };
      return [{ tier, target, retiredOn: model.retiredOn, ...successor }];
    }),
  );
}

function findRetirement({ retired, model }: Candidate): Objection | undefined {
  if (!retired || model === undefined) return undefined;
  const detail = `${model.model} is retired since ${model.retiredOn}: configure a model that is served`;
  return { reason: "retired", detail };
}

function findIncapability(candidate: Candidate, situation: Situation): Objection | undefined {
  const { model } = candidate;
  if (model === undefined) return undefined;
  const missing = findMissingCapability(model, situation.request.needs);
  if (missing !== undefined) return missing;
  const neededTokens = situation.inputTokens + outputTokensOf(candidate, situation);
  if (neededTokens <= model.contextWindowTokens) return undefined;
  const detail = `${model.model} has a window of ${model.contextWindowTokens} tokens, the call needs ${neededTokens}`;
  return { reason: "context_window", detail };
}

function findMissingCapability(model: CatalogueModel, needs: Needs): Objection | undefined {
  const { capabilities } = model;
  const lacks = (reason: RejectionKind, what: string): Objection => ({
    reason,
    detail: `${model.model} ${what}`,
  });
  if (needs.tools && !capabilities.tools) return lacks("tools", "takes no tools");
  if (needs.forcedTools && !capabilities.forcedTools) {
    return lacks("forced_tools", "cannot be made to call a tool");
  }
  if (needs.images && !capabilities.images) return lacks("images", "takes no images");
  if (needs.jsonObject && !capabilities.jsonObject) return lacks("json", "has no JSON mode");
  if (needs.jsonSchema && !capabilities.jsonSchema) return lacks("json", "takes no JSON schema");
  return undefined;
}

/** What time heals, and in seconds. */
export const passesByItself = (reason: RejectionKind): boolean =>
  reason === "breaker_open" || reason === "provider_full";

/** Why a target cannot be called now, whatever is asked of it; undefined when it can. */
export function findUnavailability(target: ModelTarget, state: ProviderState): Objection | undefined {
  const provider = state.providers.get(target.provider);
  if (provider === undefined) {
    return { reason: "unknown_provider", detail: `No provider ${target.provider} is configured` };
  }
  const [variable] = provider.keyVariables;
  if (!provider.keyPresent && !state.sandbox && variable !== undefined) {
    return { reason: "no_key", detail: `${nameOfProvider(target.provider)} has no key: set ${variable}` };
  }
  const breaker = state.targets.get(targetKey(target))?.breaker;
  if (breaker === "parked") {
    const detail = `${target.model} refused our key or is not known there: check the key and the model's name`;
    return { reason: "parked", detail };
  }
  if (breaker === "open") {
    return {
      reason: "breaker_open",
      detail: `${target.model} failed too often a moment ago: its breaker is open`,
    };
  }
  if (state.isFull?.(target.provider) === true) {
    const detail = `${nameOfProvider(target.provider)} has as many attempts under way as may be (MODELTIER_MAX_ATTEMPTS_PER_PROVIDER)`;
    return { reason: "provider_full", detail };
  }
  return undefined;
}

const PROVIDER_NAMES: ReadonlyMap<string, string> = new Map([
  ["openai", "OpenAI"],
  ["anthropic", "Anthropic"],
  ["kimi", "Kimi"],
]);
const nameOfProvider = (provider: string): string => PROVIDER_NAMES.get(provider) ?? provider;
