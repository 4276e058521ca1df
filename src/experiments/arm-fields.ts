/** What an arm has of its own, put into the configuration in force. Both are the contract's JSON. */
import type { Json } from "../config/diff.ts";

export type JsonObject = Readonly<{ [field: string]: Json }>;

/** All fields. */
export const WHOLE = "*";

/** One for all calls of a process, whatever arm they are in: always as in force. */
export const SHARED_FIELDS = ["custom_providers", "breaker", "distribution"] as const;
/** Outcomes are learned from in one way; whether what was learned counts is an arm's own. */
const LEARNING = "agent_score";
const OWN_OF_LEARNING: readonly string[] = ["serve", "explore"];

/** Why an arm cannot have this field of its own, as a predicate; undefined: it can. */
export function findFieldProblem(field: string): string | undefined {
  const [top, below] = field.split(".");
  if (SHARED_FIELDS.some((name) => name === top)) {
    return "is the same for all calls of a process: publish it for everyone, and leave it out of the arm";
  }
  if (top === LEARNING && !OWN_OF_LEARNING.includes(below ?? "")) {
    return "says how everyone's outcomes are learned from: name agent_score.serve or agent_score.explore instead";
  }
  return undefined;
}

/**
 * @param fields that `findFieldProblem` has nothing against
 * @returns undefined when `own` lacks what a field stands in: the message that holds it
 */
export function withFields(
  inForce: JsonObject,
  own: JsonObject,
  fields: readonly string[],
): JsonObject | undefined {
  if (fields.includes(WHOLE)) return whole(inForce, own);
  let merged: JsonObject | undefined = inForce;
  for (const field of fields) {
    if (merged === undefined) return undefined;
    merged = replaced(merged, own, field.split("."));
  }
  return merged;
}

function whole(inForce: JsonObject, own: JsonObject): JsonObject {
  const shared = Object.fromEntries(SHARED_FIELDS.map((name) => [name, inForce[name]]));
  const { [LEARNING]: ownLearning, ...rest } = own;
  const learning = inForce[LEARNING];
  if (!isObject(learning)) return present({ ...rest, ...shared });
  const served = isObject(ownLearning) ? pick(ownLearning, OWN_OF_LEARNING) : {};
  const { serve: _, explore: __, ...learned } = learning;
  return present({ ...rest, ...shared, [LEARNING]: { ...learned, ...served } });
}

function replaced(
  inForce: JsonObject,
  own: JsonObject,
  [name = "", ...below]: readonly string[],
): JsonObject | undefined {
  if (below.length === 0) return present({ ...inForce, [name]: own[name] });
  const [before, after] = [inForce[name], own[name]];
  if (!isObject(after)) return undefined;
  const part = replaced(isObject(before) ? before : {}, after, below);
  return part && { ...inForce, [name]: part };
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const pick = (object: JsonObject, names: readonly string[]): JsonObject =>
  present(Object.fromEntries(names.map((name) => [name, object[name]])));
const present = (object: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
