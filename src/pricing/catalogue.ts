/** The models this service knows: what each takes, costs and how long it is served. Data, checked when it is built. */
import { ANTHROPIC_MODELS } from "./catalogue-anthropic.ts";
import { KIMI_MODELS } from "./catalogue-kimi.ts";
import { OPENAI_MODELS } from "./catalogue-openai.ts";
import type { Catalogue, CatalogueModel, ModelParameters, Price, PriceBand } from "./types.ts";

/**
 * A catalogue that finds a model in constant time.
 * @throws Error that names every problem: a model listed twice, a window or an output maximum that is not a whole
 *   number from 1, a negative price, prices or bands out of order, a successor that is missing or leads in a circle
 */
export function createCatalogue(models: readonly CatalogueModel[]): Catalogue {
  const byProvider = indexModels(models);
  const findModel: Catalogue["findModel"] = (provider, model) => byProvider.get(provider)?.get(model);
  const problems = [
    ...listDuplicates(models),
    ...models.flatMap((model) => listModelProblems(model)),
    ...models.flatMap((model) => listSuccessorProblems(model, findModel)),
  ];
  if (problems.length > 0) throw new Error(`The catalogue is wrong: ${problems.join("; ")}.`);
  return { models, findModel };
}

/** The last day that a model is served has passed. `day` is a UTC date, YYYY-MM-DD. */
export const isRetired = (model: CatalogueModel, day: string): boolean =>
  model.retiredOn !== undefined && model.retiredOn <= day;

/** The first model down the line of successors that is served on a day; undefined when the line ends before. */
export function findServedSuccessor(
  catalogue: Catalogue,
  model: CatalogueModel,
  day: string,
): CatalogueModel | undefined {
  let served: CatalogueModel | undefined = model;
  while (served !== undefined && isRetired(served, day)) {
    const next: CatalogueModel["successor"] = served.successor;
    served = next === undefined ? undefined : catalogue.findModel(next.provider, next.model);
  }
  return served;
}

/** What an OpenAI-compatible server takes when nobody has said otherwise. */
const COMPATIBLE_PARAMETERS: ModelParameters = {
  temperature: { minimum: 0, maximum: 2 },
  topP: true,
  seed: true,
  stopSequences: 4,
  outputCap: "max_tokens",
  systemRole: "system",
};

/**
 * How to call a model, listed or not. An unlisted model of a listed provider is most likely newer than this catalogue:
 * it is called like the newest one listed, without sampling parameters. One of any other provider is called as
 * OpenAI-compatible servers are.
 */
export function parametersOf(
  catalogue: Catalogue,
  target: Readonly<{ provider: string; model: string }>,
): ModelParameters {
  const listed = catalogue.findModel(target.provider, target.model);
  if (listed !== undefined) return listed.parameters;
  const newest = catalogue.models.findLast((model) => model.provider === target.provider);
  if (newest === undefined) return COMPATIBLE_PARAMETERS;
  return { ...newest.parameters, temperature: false, topP: false, seed: false };
}

function indexModels(models: readonly CatalogueModel[]): Map<string, Map<string, CatalogueModel>> {
  const index = new Map<string, Map<string, CatalogueModel>>();
  for (const model of models) {
    const ofProvider = index.get(model.provider) ?? new Map<string, CatalogueModel>();
    index.set(model.provider, ofProvider.set(model.model, model));
  }
  return index;
}

const nameOf = (model: Readonly<{ provider: string; model: string }>): string =>
  `${model.provider}/${model.model}`;

function listDuplicates(models: readonly CatalogueModel[]): string[] {
  const names = models.map(nameOf);
  return names
    .filter((name, position) => names.indexOf(name) !== position)
    .map((name) => `${name} is listed twice`);
}

function listModelProblems(model: CatalogueModel): string[] {
  const problems: string[] = [];
  if (!isPositiveInteger(model.contextWindowTokens))
    problems.push("its context window is no whole number from 1");
  if (!isPositiveInteger(model.maxOutputTokens))
    problems.push("its output maximum is no whole number from 1");
  if (model.retiredOn !== undefined && !isDay(model.retiredOn))
    problems.push("its retirement is no YYYY-MM-DD");
  model.prices.forEach((price, position) => {
    problems.push(...listPriceProblems(price, model.prices[position - 1]));
  });
  return problems.map((problem) => `${nameOf(model)}: ${problem}`);
}

function listPriceProblems(price: Price, previous: Price | undefined): string[] {
  const problems = listBandProblems(price.bands);
  if (!isDay(price.effectiveFrom)) problems.push(`${price.effectiveFrom} is no YYYY-MM-DD`);
  if (previous !== undefined && previous.effectiveFrom >= price.effectiveFrom) {
    problems.push(`the price of ${price.effectiveFrom} is not newer than the one before it`);
  }
  return problems;
}

function listBandProblems(bands: readonly PriceBand[]): string[] {
  const problems: string[] = [];
  if (bands.at(-1)?.upToInputTokens !== undefined || bands.length === 0) {
    problems.push("the last price band must have no limit");
  }
  let limit = 0;
  for (const band of bands.slice(0, -1)) {
    if (band.upToInputTokens === undefined || band.upToInputTokens <= limit) {
      problems.push("price bands must have ascending limits");
    }
    limit = band.upToInputTokens ?? limit;
  }
  if (bands.some(hasNegativeRate)) problems.push("a price is negative");
  return problems;
}

const hasNegativeRate = (band: PriceBand): boolean =>
  band.freshInputMicroUsdPerMtok < 0n ||
  band.cachedInputMicroUsdPerMtok < 0n ||
  band.cacheWriteMicroUsdPerMtok < 0n ||
  band.outputMicroUsdPerMtok < 0n;

function listSuccessorProblems(model: CatalogueModel, findModel: Catalogue["findModel"]): string[] {
  const seen = new Set<CatalogueModel>();
  let current = model;
  while (current.successor !== undefined) {
    seen.add(current);
    const next = findModel(current.successor.provider, current.successor.model);
    if (next === undefined)
      return [`${nameOf(current)}: its successor ${nameOf(current.successor)} is not listed`];
    if (seen.has(next)) return [`${nameOf(model)}: its successors lead in a circle`];
    current = next;
  }
  return [];
}

const isPositiveInteger = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;

/** A date that is one, YYYY-MM-DD. */
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/** What the providers list, as far as this service uses it. */
export const CATALOGUE: Catalogue = createCatalogue([...OPENAI_MODELS, ...ANTHROPIC_MODELS, ...KIMI_MODELS]);
