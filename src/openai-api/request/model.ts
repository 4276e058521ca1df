/** What is asked for: a tier, a model, and what to try after it. */
import { type ModelTarget, targetKey } from "../../routing/types.ts";
import { type ApiError, modelNotFound } from "../api-error.ts";
import {
  CHOICES,
  findChoice,
  findTarget,
  listCallable,
  listNamesakes,
  type ModelChoice,
  type ModelsDeps,
} from "../models.ts";
import type { JsonValue } from "./json-value.ts";
import { nameOf } from "./names.ts";
import type { Parameters } from "./parameters.ts";

/** @throws ApiError model_not_found */
export function readModel(model: JsonValue, deps: ModelsDeps): ModelChoice {
  const name = model.text();
  if (name === undefined) {
    if (model.isAbsent) model.wrong("is missing: with auto the score decides");
    return {};
  }
  const choice = findChoice(name, deps);
  if (choice === undefined) throw unknownModel(name, nameOf(model), deps);
  return choice;
}

const MOST_FALLBACKS = 16;

/**
 * What to try after the first choice, in order; undefined when nothing is named.
 * @throws ApiError model_not_found
 */
export function readFallbacks(
  models: JsonValue,
  parameters: Parameters,
  deps: ModelsDeps,
): readonly ModelTarget[] | undefined {
  const named = listNames(models, parameters);
  if (named.length > MOST_FALLBACKS) {
    models.wrong(`has ${named.length} models; at most ${MOST_FALLBACKS} are taken`);
    return undefined;
  }
  const targets = named.map(({ name, param }) => {
    const target = findTarget(name, deps);
    if (target === undefined) throw unknownModel(name, param, deps);
    return target;
  });
  return targets.length === 0 ? undefined : targets;
}

/** The header wins over the body. */
function listNames(
  models: JsonValue,
  parameters: Parameters,
): readonly Readonly<{ name: string; param: string }>[] {
  const header = parameters.findHeader("models");
  if (header !== undefined) {
    const names = header.text.split(",").map((name) => name.trim());
    return names.filter((name) => name !== "").map((name) => ({ name, param: String(header.path[0]) }));
  }
  return models.items().flatMap((item) => {
    const name = item.text();
    return name === undefined ? [] : [{ name, param: nameOf(item) }];
  });
}

function unknownModel(name: string, param: string, deps: ModelsDeps): ApiError {
  const namesakes = listNamesakes(name, deps).map(targetKey);
  const shown = JSON.stringify(name.slice(0, 100).toWellFormed());
  const message =
    namesakes.length > 1
      ? `${shown} is a model of several providers: ask for ${namesakes.join(" or ")}.`
      : `There is no model ${shown} here: ask for ${[...CHOICES, ...listCallable(deps).map(targetKey)].join(", ")}.`;
  return modelNotFound(param, message);
}
