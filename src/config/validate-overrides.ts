/** What is wrong with the corrections of the catalogue: windows, days, prices, and lines of successors. */
import { isDay } from "../pricing/catalogue.ts";
import type { Catalogue, PriceBand } from "../pricing/types.ts";
import { targetKey } from "../routing/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import type { ConfigDocument, ModelOverride, PriceOverride } from "./document.ts";
import { overrideModels } from "./overrides.ts";

export function checkCatalogue(document: ConfigDocument, catalogue: Catalogue): ConfigProblem[] {
  const { modelOverrides, priceOverrides } = document;
  return [
    ...checkDuplicates(
      "modelOverrides",
      modelOverrides.map(({ target }) => targetKey(target)),
    ),
    ...modelOverrides.flatMap((override, index) =>
      checkModel(`modelOverrides[${index}]`, override, catalogue),
    ),
    ...checkDuplicates(
      "priceOverrides",
      priceOverrides.map(({ target, effectiveFrom }) => `${targetKey(target)} of ${effectiveFrom}`),
    ),
    ...priceOverrides.flatMap((override, index) => checkPrice(`priceOverrides[${index}]`, override)),
    ...checkSuccessors(document, catalogue),
  ];
}

function checkDuplicates(path: string, keys: readonly string[]): ConfigProblem[] {
  return keys.flatMap((key, index) =>
    keys.indexOf(key) === index ? [] : [{ path: `${path}[${index}]`, message: `${key} is listed twice` }],
  );
}

function checkModel(path: string, override: ModelOverride, catalogue: Catalogue): ConfigProblem[] {
  const { target, contextWindowTokens, maxOutputTokens, retiredOn } = override;
  const isListed = catalogue.findModel(target.provider, target.model) !== undefined;
  const problems = [
    ...checkTokens(`${path}.contextWindowTokens`, contextWindowTokens, isListed),
    ...checkTokens(`${path}.maxOutputTokens`, maxOutputTokens, isListed),
  ];
  if (retiredOn !== undefined && retiredOn !== "" && !isDay(retiredOn)) {
    problems.push({ path: `${path}.retiredOn`, message: "must be a day, YYYY-MM-DD, or empty" });
  }
  return problems;
}

function checkTokens(path: string, tokens: number | undefined, isListed: boolean): ConfigProblem[] {
  if (tokens === undefined) {
    return isListed ? [] : [{ path, message: "must be given: the catalogue does not have this model" }];
  }
  return Number.isSafeInteger(tokens) && tokens >= 1
    ? []
    : [{ path, message: `must be a whole number from 1, not ${tokens}` }];
}

function checkPrice(path: string, { effectiveFrom, bands }: PriceOverride): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (!isDay(effectiveFrom)) {
    problems.push({ path: `${path}.effectiveFrom`, message: "must be a day, YYYY-MM-DD" });
  }
  if (bands.length === 0)
    problems.push({ path: `${path}.bands`, message: "a price needs at least one band" });
  bands.forEach((band, index) => {
    problems.push(
      ...checkBand(`${path}.bands[${index}]`, band, bands[index - 1], index === bands.length - 1),
    );
  });
  return problems;
}

const RATES = [
  "freshInputMicroUsdPerMtok",
  "cachedInputMicroUsdPerMtok",
  "cacheWriteMicroUsdPerMtok",
  "outputMicroUsdPerMtok",
] as const;

function checkBand(
  path: string,
  band: PriceBand,
  before: PriceBand | undefined,
  isLast: boolean,
): ConfigProblem[] {
  const problems: ConfigProblem[] = RATES.filter((rate) => band[rate] < 0n).map((rate) => ({
    path: `${path}.${rate}`,
    message: `must not be negative, and is ${band[rate]}`,
  }));
  const limit = band.upToInputTokens;
  if (isLast && limit !== undefined) {
    problems.push({
      path: `${path}.upToInputTokens`,
      message: "must be 0 in the last band: it has no limit",
    });
  }
  const isAscending = limit !== undefined && limit > (before?.upToInputTokens ?? 0);
  if (!isLast && !isAscending) {
    problems.push({ path: `${path}.upToInputTokens`, message: "must ascend from band to band" });
  }
  return problems;
}

/** A line of successors that leads in a circle has no end, and one that leads nowhere replaces nothing. */
function checkSuccessors(document: ConfigDocument, catalogue: Catalogue): ConfigProblem[] {
  const { modelOverrides, priceOverrides } = document;
  const models = overrideModels(catalogue, modelOverrides, priceOverrides);
  const byKey = new Map(models.map((model) => [targetKey(model), model]));
  return modelOverrides.flatMap(({ target, successor }, index) => {
    if (successor === undefined) return [];
    const path = `modelOverrides[${index}].successor`;
    const seen = new Set([targetKey(target)]);
    for (let next: typeof successor | undefined = successor; next !== undefined; ) {
      const key = targetKey(next);
      if (seen.has(key)) return [{ path, message: "leads in a circle" }];
      seen.add(key);
      const model = byKey.get(key);
      if (model === undefined) return [{ path, message: `leads to ${key}, which is not listed` }];
      next = model.successor;
    }
    return [];
  });
}
