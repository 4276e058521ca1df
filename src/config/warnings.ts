/** What an operator should know of a configuration before it is published; nothing of it is a reason to refuse. */
import { isDeepStrictEqual } from "node:util";
import { isRetired } from "../pricing/catalogue.ts";
import { costOf, findPrice } from "../pricing/cost.ts";
import type { Catalogue } from "../pricing/types.ts";
import {
  type ModelTarget,
  type ProviderAvailability,
  type RoutingConfig,
  TIERS,
  type Tier,
} from "../routing/types.ts";
import type { ConfigDocument } from "./document.ts";
import { type Dominated, listDominated, TYPICAL_CALL } from "./dominated.ts";
import { listOutperformed, type Outperformed, type SeenOutcomes } from "./outperformed.ts";

export type ConfigWarning = Readonly<{
  path: string;
  kind:
    | "retired_target"
    | "dominated_target"
    | "dominated_tier"
    | "outperformed_tier"
    | "missing_key"
    | "unknown_price"
    | "overridden_variable"
    | "no_effect";
  message: string;
}>;

export type WarningFacts = Readonly<{
  /** UTC, YYYY-MM-DD. */
  today: string;
  /** The sandbox answers: no key is needed, and every model is served. */
  sandbox: boolean;
  providers: ReadonlyMap<string, ProviderAvailability>;
  /** Absent: nothing was learned of outcomes. */
  seen?: SeenOutcomes;
}>;

export function listWarnings(config: RoutingConfig, facts: WarningFacts): readonly ConfigWarning[] {
  return [
    ...TIERS.flatMap((tier) =>
      config.tiers[tier].targets.flatMap((target, index) =>
        warnOfTarget(`tiers.${tier}.targets[${index}]`, target, config.catalogue, facts),
      ),
    ),
    ...listDominated(config, facts.today).map((found) => warnOfDominated(found, config)),
    ...TIERS.slice(1).flatMap((tier, index) => warnOfOrder(TIERS[index] ?? tier, tier, config, facts)),
    ...listOutperformed(config, facts.seen, facts.today).map(warnOfOutcomes),
  ];
}

function warnOfTarget(
  path: string,
  { provider, model }: ModelTarget,
  catalogue: Catalogue,
  { today, sandbox, providers }: WarningFacts,
): ConfigWarning[] {
  const listed = catalogue.findModel(provider, model);
  const availability = providers.get(provider);
  const warnings: ConfigWarning[] = [];
  if (listed !== undefined && isRetired(listed, today)) {
    const next = listed.successor === undefined ? "" : `; its successor is ${listed.successor.model}`;
    warnings.push({
      path,
      kind: "retired_target",
      message: `${model} was retired on ${listed.retiredOn}${next}`,
    });
  }
  if (!sandbox && availability?.keyPresent === false) {
    const variable = availability.keyVariables[0] ?? "its variable";
    warnings.push({ path, kind: "missing_key", message: `${provider} has no key: set ${variable}` });
  }
  if (listed === undefined || findPrice(listed, today) === undefined) {
    warnings.push({ path, kind: "unknown_price", message: `the price of ${provider}/${model} is not known` });
  }
  return warnings;
}

function warnOfDominated({ tier, index, by, byTier }: Dominated, { tiers }: RoutingConfig): ConfigWarning {
  const target = tiers[tier].targets[index];
  const place = byTier === tier ? "which is asked after it" : `which ${byTier} trusts`;
  const message = `${target?.provider}/${target?.model} costs more than ${by.provider}/${by.model}, ${place}, and offers nothing that it lacks: ask ${by.provider}/${by.model} first`;
  return { path: `tiers.${tier}.targets[${index}]`, kind: "dominated_target", message };
}

function warnOfOutcomes({ tier, by, first, success, outcomes }: Outperformed): ConfigWarning {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const message = `${tier} costs more than ${by} and succeeds less: ${percent(success.own)} of its steps, where ${by} is expected to do ${percent(success.other)} (${Math.round(outcomes.own)} and ${Math.round(outcomes.other)} outcomes); ask ${first.provider}/${first.model} there, too`;
  return { path: `tiers.${tier}.targets[0]`, kind: "outperformed_tier", message };
}

/** A weaker tier whose first choice costs no less than the stronger one's is worth nobody's while. */
function warnOfOrder(
  weaker: Tier,
  stronger: Tier,
  { tiers, catalogue }: RoutingConfig,
  { today }: WarningFacts,
): ConfigWarning[] {
  const costAt = (tier: Tier) => {
    const first = tiers[tier].targets[0];
    const cost = costOf(first && catalogue.findModel(first.provider, first.model), today, TYPICAL_CALL);
    return cost.priceStatus === "KNOWN" ? cost.costNanoUsd : undefined;
  };
  const [below, above] = [costAt(weaker), costAt(stronger)];
  if (below === undefined || above === undefined || below < above) return [];
  const message = `the first target of ${weaker} costs no less than that of ${stronger}`;
  return [{ path: `tiers.${weaker}.targets[0]`, kind: "dominated_tier", message }];
}

/** What the environment says beside a document. */
export type EnvironmentFacts = Readonly<{
  /** What preset and environment make. */
  base: ConfigDocument;
  /** Variables that are set, by the top-level field they speak of, in the contract's names. */
  variables: ReadonlyMap<string, readonly string[]>;
  /** Ids of the providers that the environment has. */
  providers: readonly string[];
}>;

/**
 * Where a document, once published, wins over what the environment says, so that variables have no effect then; and where it
 * is the other way round.
 */
export function listOverridden(
  document: ConfigDocument,
  { base, variables, providers }: EnvironmentFacts,
  { sandbox }: Pick<WarningFacts, "sandbox">,
): readonly ConfigWarning[] {
  const kind = "overridden_variable";
  const fields = [...variables].flatMap(([field, names]): ConfigWarning[] => {
    const path = field.replace(/_([a-z])/g, (_, letter: string) =>
      letter.toUpperCase(),
    ) as keyof ConfigDocument;
    if (isDeepStrictEqual(document[path], base[path])) return [];
    const message = `differs from what ${names.join(" and ")} makes it; a published version wins over the environment`;
    return [{ path, kind, message }];
  });
  const own = document.customProviders.flatMap(({ id }, index): ConfigWarning[] => {
    if (!providers.includes(id)) return [];
    const message = `the environment has ${id}, too (MODELTIER_PROVIDERS); the published address and key win`;
    return [{ path: `customProviders[${index}]`, kind, message }];
  });
  const { retiredModels } = document;
  const isIdle = sandbox && retiredModels !== "try" && retiredModels !== base.retiredModels;
  const message =
    "has no effect while the sandbox answers, which serves retired models, too: set a provider's key";
  return [
    ...fields,
    ...own,
    ...(isIdle ? [{ path: "retiredModels", kind: "no_effect" as const, message }] : []),
  ];
}

/** "kimi has no key: set KIMI_API_KEY", for each provider that a tier names and that has none. */
export const listMissingKeys = (config: RoutingConfig, facts: WarningFacts): readonly string[] => [
  ...new Set(
    listWarnings(config, facts)
      .filter(({ kind }) => kind === "missing_key")
      .map(({ message }) => message),
  ),
];
