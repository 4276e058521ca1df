import { protoCamelCase } from "@bufbuild/protobuf/reflect";

/** A field's place in a request, in proto names: ["messages", 0, "parts", 1, "text"]. */
export type FieldPath = readonly (string | number)[];

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

  add(path: FieldPath, description: string): void {
    this.#found.push({ path, description });
  }

  /** Adds a violation unless `holds`. */
  require(holds: boolean, path: FieldPath, description: string): void {
    if (!holds) this.add(path, description);
  }

  /** @throws InvalidRequestError when anything was added */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new InvalidRequestError(this.#found);
  }
}

/** Length in UTF-16 units at most `limit`: cheap, and never longer than the characters it promises. */
export function requireLength(found: Violations, value: string, limit: number, path: FieldPath): void {
  if (value.length > limit) found.add(path, `has ${value.length} characters; at most ${limit} are taken`);
}

/** A whole number, 0 or more, that fits a double exactly. */
export function requireCount(found: Violations, value: bigint | number | undefined, path: FieldPath): void {
  if (value === undefined) return;
  if (value < 0) found.add(path, `is ${value}; it must be 0 or more`);
  else if (value > Number.MAX_SAFE_INTEGER) found.add(path, `is ${value}; at most 2^53 - 1 is taken`);
}

/** A number in [minimum, maximum]; NaN and infinities are outside. */
export function requireRange(
  found: Violations,
  value: number | undefined,
  [minimum, maximum]: readonly [number, number],
  path: FieldPath,
): void {
  if (value === undefined || (value >= minimum && value <= maximum)) return;
  found.add(path, `is ${value}; it must be a number from ${minimum} to ${maximum}`);
}
