/** What is wrong with a document that is to be published, all of it at once and by the way to each field. */
import type { Catalogue } from "../pricing/types.ts";
import { type AddressRule, literalOf } from "../providers/outbound.ts";
import { type ModelTarget, SCORERS, TIERS, targetKey } from "../routing/types.ts";
import { type ConfigProblem, checkTimers, validateConfig } from "../routing/validate-config.ts";
import type { ConfigDocument, CustomProvider } from "./document.ts";
import { overrideModels } from "./overrides.ts";
import { checkCatalogue } from "./validate-overrides.ts";

/** What a document may name. */
export type KnownNames = Readonly<{
  catalogue: Catalogue;
  /** Ids of the providers that are there without the document. */
  providers: readonly string[];
  /** Whether a provider of the document may be at an IP address. */
  isAllowed: AddressRule;
}>;

const BUILT_IN: readonly string[] = ["anthropic", "kimi", "openai"];
const BUILT_IN_KEYS: readonly string[] = [
  "ANTHROPIC_API_KEY",
  "KIMI_API_KEY",
  "MOONSHOT_API_KEY",
  "OPENAI_API_KEY",
];
const PROVIDER_ID = /^[a-z][a-z0-9-]{0,31}$/;
/** Nothing else is sent to an address that can be published: no other secret of the environment ends in this. */
const KEY_VARIABLE = /^[A-Z][A-Z0-9_]{0,127}_API_KEY$/;

/** Every problem of a document; none: it can be published. */
export function validateDocument(document: ConfigDocument, known: KnownNames): readonly ConfigProblem[] {
  const { modelTimers: _, ...config } = document;
  return [
    ...checkWords(document),
    ...validateConfig(config),
    ...checkModelTimers(document),
    ...document.customProviders.flatMap((provider, index) =>
      checkProvider(`customProviders[${index}]`, provider, index, document, known),
    ),
    ...checkNames(document, known),
    ...checkCatalogue(document, known.catalogue),
  ];
}

function checkWords({ preset, scorer, shadowScorer }: ConfigDocument): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (preset !== "classic" && preset !== "current") {
    problems.push({ path: "preset", message: "must be classic or current" });
  }
  const names: readonly string[] = SCORERS;
  const known = names.join(" or ");
  if (!names.includes(scorer)) problems.push({ path: "scorer", message: `must be ${known}` });
  if (shadowScorer !== undefined && !names.includes(shadowScorer)) {
    problems.push({ path: "shadowScorer", message: `must be ${known}, or left out` });
  } else if (shadowScorer === scorer) {
    problems.push({ path: "shadowScorer", message: `must not be ${scorer}, which decides` });
  }
  return problems;
}

function checkModelTimers({ modelTimers }: ConfigDocument): ConfigProblem[] {
  const keys = modelTimers.map(({ target }) => targetKey(target));
  return modelTimers.flatMap(({ timers }, index) => {
    const path = `modelTimers[${index}]`;
    const problems = checkTimers(`${path}.timers`, timers);
    if (Object.keys(timers).length === 0) {
      problems.push({ path: `${path}.timers`, message: "must hold at least one timer" });
    }
    if (keys.indexOf(keys[index] ?? "") !== index) {
      problems.push({ path, message: `${keys[index]} is listed twice` });
    }
    return problems;
  });
}

function checkProvider(
  path: string,
  { id, baseUrl, keyVariable }: CustomProvider,
  index: number,
  { customProviders }: ConfigDocument,
  { isAllowed }: KnownNames,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (field: string, message: string) => problems.push({ path: `${path}.${field}`, message });
  if (!PROVIDER_ID.test(id)) add("id", "must be lower-case letters, digits and -, at most 32");
  if (BUILT_IN.includes(id)) add("id", `must not be ${id}, which is built in`);
  if (customProviders.findIndex((other) => other.id === id) !== index) add("id", `${id} is listed twice`);
  if (!isPlainAddress(baseUrl)) {
    add("baseUrl", "must be an http or https address without credentials, query or fragment");
  } else if (!mayBeAt(baseUrl, isAllowed)) {
    const remedy =
      "name it in the service's MODELTIER_PRIVATE_UPSTREAMS, or the provider in its MODELTIER_PROVIDERS";
    add("baseUrl", `leads to an address that is not public: ${remedy}`);
  }
  if (keyVariable !== "" && !KEY_VARIABLE.test(keyVariable)) {
    add("keyVariable", "must name a variable in capitals that ends in _API_KEY");
  }
  if (BUILT_IN_KEYS.includes(keyVariable)) {
    add("keyVariable", `must not be ${keyVariable}: the key of a built-in provider goes to no other address`);
  }
  return problems;
}

/** A name may lead anywhere, which is seen when it is called; but some lead to the machine itself. */
function mayBeAt(baseUrl: string, isAllowed: AddressRule): boolean {
  const { hostname } = new URL(baseUrl);
  const literal = /(^|\.)localhost\.?$/.test(hostname) ? "127.0.0.1" : literalOf(hostname);
  return literal === undefined || isAllowed(literal);
}

function isPlainAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return false;
  return [url.username, url.password, url.search, url.hash].every((part) => part === "");
}

/** Every target names a provider that is there, and a model that is known where the provider's models are. */
function checkNames(document: ConfigDocument, known: KnownNames): ConfigProblem[] {
  const providers = new Set([...known.providers, ...document.customProviders.map(({ id }) => id)]);
  const models = overrideModels(known.catalogue, document.modelOverrides, document.priceOverrides);
  const keys = new Set(models.map(targetKey));
  const catalogued = new Set(known.catalogue.models.map(({ provider }) => provider));
  const check = (path: string, { provider, model }: ModelTarget): ConfigProblem[] => {
    if (provider === "" || model === "") return [];
    if (!providers.has(provider)) {
      return [
        { path: `${path}.provider`, message: `is ${provider}; there are ${[...providers].join(", ")}` },
      ];
    }
    const isListed = keys.has(targetKey({ provider, model })) || known.catalogue.findModel(provider, model);
    if (!catalogued.has(provider) || isListed) return [];
    return [
      {
        path: `${path}.model`,
        message: `is ${model}, which the catalogue does not list for ${provider}; describe it in model_overrides`,
      },
    ];
  };
  const { provider } = document.distribution;
  return [
    ...TIERS.flatMap((tier) =>
      document.tiers[tier].targets.flatMap((target, index) =>
        check(`tiers.${tier}.targets[${index}]`, target),
      ),
    ),
    ...document.modelTimers.flatMap(({ target }, index) => check(`modelTimers[${index}].target`, target)),
    ...document.modelOverrides.flatMap(({ target }, index) =>
      checkNamed(`modelOverrides[${index}].target`, target, providers),
    ),
    ...document.priceOverrides.flatMap(({ target }, index) =>
      check(`priceOverrides[${index}].target`, target),
    ),
    ...(provider === undefined || providers.has(provider)
      ? []
      : [{ path: "distribution.provider", message: `is ${provider}, which is no provider` }]),
  ];
}

function checkNamed(
  path: string,
  { provider, model }: ModelTarget,
  providers: ReadonlySet<string>,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (!providers.has(provider)) problems.push({ path: `${path}.provider`, message: "is no provider" });
  if (model === "") problems.push({ path: `${path}.model`, message: "must not be empty" });
  return problems;
}
