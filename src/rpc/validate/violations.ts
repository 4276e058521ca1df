import { protoCamelCase } from "@bufbuild/protobuf/reflect";

/** A field's place in a request, in proto names: ["messages", 0, "parts", 1, "text"]. */
export type FieldPath = readonly (string | number)[];

/**
 * Where a message stands in a request whose shape is not known in advance. A link and not a path: a path is written out only when
 * something is wrong there, and most requests are right.
 */
export class Place {
  readonly parent: FieldPath | Place;
  readonly name: string | number;

  constructor(parent: FieldPath | Place, name: string | number) {
    this.parent = parent;
    this.name = name;
  }
}

/** @param field of the message that stands there; absent: all of it */
function pathTo(at: FieldPath | Place, field?: string): FieldPath {
  const path: (string | number)[] = field === undefined ? [] : [field];
  let place = at;
  for (; place instanceof Place; place = place.parent) path.unshift(place.name);
  return [...place, ...path];
}

/** How the caller writes field names: JSON's lowerCamelCase or proto's snake_case. */
export type FieldStyle = "json" | "proto";

export type Violation = Readonly<{ path: FieldPath; description: string }>;

/** "messages[0].parts[1].text", or "agent_ais.combined_score" as "agentAis.combinedScore" for a JSON caller. */
export function fieldName(path: FieldPath, style: FieldStyle): string {
  let name = "";
  for (const part of path) {
    if (typeof part === "number") name += `[${part}]`;
    else name += (name === "" ? "" : ".") + (style === "json" ? protoCamelCase(part) : part);
  }
  return name;
}

/** All of them in one line, for people. */
export const describeViolations = (violations: readonly Violation[], style: FieldStyle): string =>
  violations.map(({ path, description }) => `${fieldName(path, style)} ${description}`).join("; ");

/** The request is wrong; each violation names a field and says what would be right. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super("the request is invalid");
    this.violations = violations;
  }
}

/** Collects what is wrong with a request, so that the caller hears of everything at once. */
export class Violations {
  readonly #found: Violation[] = [];

  /** @param field of the message that stands at `at`; absent: all of it */
  add(at: FieldPath | Place, description: string, field?: string): void {
    this.#found.push({ path: pathTo(at, field), description });
  }

  /** Adds a violation unless `holds`. */
  require(holds: boolean, at: FieldPath | Place, description: string, field?: string): void {
    if (!holds) this.add(at, description, field);
  }

  /** @throws InvalidRequestError when anything was added */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new InvalidRequestError(this.#found);
  }
}

/** Length in UTF-16 units at most `limit`: cheap, and never longer than the characters it promises. */
export function requireLength(
  found: Violations,
  value: string,
  limit: number,
  at: FieldPath | Place,
  field?: string,
): void {
  if (value.length > limit)
    found.add(at, `has ${value.length} characters; at most ${limit} are taken`, field);
}

/** A whole number, 0 or more, that fits a double exactly. */
export function requireCount(
  found: Violations,
  value: bigint | number | undefined,
  at: FieldPath | Place,
  field?: string,
): void {
  if (value === undefined) return;
  const number = Number(value); // 2^53 and above stay above 2^53 - 1
  if (number < 0) found.add(at, `is ${value}; it must be 0 or more`, field);
  else if (number > Number.MAX_SAFE_INTEGER) found.add(at, `is ${value}; at most 2^53 - 1 is taken`, field);
}

/** A number in [minimum, maximum]; NaN and infinities are outside. */
export function requireRange(
  found: Violations,
  value: number | undefined,
  [minimum, maximum]: readonly [number, number],
  at: FieldPath | Place,
  field?: string,
): void {
  if (value === undefined || (value >= minimum && value <= maximum)) return;
  found.add(at, `is ${value}; it must be a number from ${minimum} to ${maximum}`, field);
}
