/** The models that can be asked for, and what a name in a request means. */
import { isRetired } from "../pricing/catalogue.ts";
import { findUnavailability, passesByItself, retiredModelPolicy } from "../routing/candidates.ts";
import { isKnownTarget } from "../routing/policy.ts";
import {
  type ModelTarget,
  type ProviderState,
  type RoutingConfig,
  TIERS,
  type Tier,
  targetKey,
} from "../routing/types.ts";
import { LONGEST, TARGET_NAME } from "../rpc/validate/bounds.ts";

/** The tier that the score gives. */
const AUTO = "auto";
/** Names that stand for no model of their own. */
export const CHOICES: readonly string[] = [AUTO, ...TIERS];

/** Neither: the score decides. */
export type ModelChoice = Readonly<{ tier?: Tier; target?: ModelTarget }>;

export type ModelsDeps = Readonly<{ config: RoutingConfig; state: ProviderState }>;

/** What a request's `model` asks for; undefined when nothing here has that name. */
export function findChoice(name: string, deps: ModelsDeps): ModelChoice | undefined {
  if (name === AUTO) return {};
  const tier = TIERS.find((one) => one === name);
  if (tier !== undefined) return { tier };
  const target = findTarget(name, deps);
  return target && { target };
}

/** The model of a name: "provider/model", or a model's own name that only one provider has. */
export function findTarget(name: string, deps: ModelsDeps): ModelTarget | undefined {
  if (name.length > LONGEST.modelName) return undefined;
  const slash = name.indexOf("/");
  const full = { provider: name.slice(0, Math.max(slash, 0)), model: name.slice(slash + 1) };
  if (TARGET_NAME.test(name) && isKnownTarget(full, deps)) return full;
  const namesakes = listNamesakes(name, deps);
  return namesakes.length === 1 ? namesakes[0] : undefined;
}

/** Every provider's model of that name. */
export const listNamesakes = (name: string, deps: ModelsDeps): readonly ModelTarget[] =>
  listKnown(deps).filter(({ model }) => model === name);

/** The models that can be called now: with a key, served, and not refused by their provider. */
export function listCallable(deps: ModelsDeps): readonly ModelTarget[] {
  return listKnown(deps).filter((target) => isCallable(target, deps));
}

/** All that the catalogue and the tiers list, each once. */
function listKnown({ config, state }: ModelsDeps): readonly ModelTarget[] {
  const listed = [...config.catalogue.models, ...TIERS.flatMap((tier) => config.tiers[tier].targets)];
  const targets = listed.filter(({ provider }) => state.providers.has(provider));
  return [
    ...new Map(
      targets.map(({ provider, model }) => [targetKey({ provider, model }), { provider, model }]),
    ).values(),
  ];
}

/** What passes in seconds takes no model off the list. */
function isCallable(target: ModelTarget, { config, state }: ModelsDeps): boolean {
  const model = config.catalogue.findModel(target.provider, target.model);
  const isGone =
    model !== undefined && isRetired(model, state.today) && retiredModelPolicy(config, state) !== "try";
  const objection = findUnavailability(target, state);
  return !isGone && (objection === undefined || passesByItself(objection.reason));
}
