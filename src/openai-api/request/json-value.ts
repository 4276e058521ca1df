import type { FieldPath, Violations } from "../../rpc/validate/violations.ts";

/**
 * A value of the caller's JSON at its place. What it should be and is not is noted, and then reads as absent. null is
 * absent too: clients send it for what they leave out.
 */
export class JsonValue {
  readonly value: unknown;
  readonly path: FieldPath;
  readonly found: Violations;

  constructor(value: unknown, path: FieldPath, found: Violations) {
    this.value = value ?? undefined;
    this.path = path;
    this.found = found;
  }

  get isAbsent(): boolean {
    return this.value === undefined;
  }

  wrong(description: string): undefined {
    this.found.add(this.path, description);
    return undefined;
  }

  /** A field of an object; absent when this is none. */
  at(name: string): JsonValue {
    const record = asRecord(this.value);
    const value = record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
    return new JsonValue(value, [...this.path, name], this.found);
  }

  items(): readonly JsonValue[] {
    if (this.value === undefined) return [];
    if (Array.isArray(this.value)) {
      return this.value.map((item, index) => new JsonValue(item, [...this.path, index], this.found));
    }
    this.wrong("is not an array");
    return [];
  }

  record(): Readonly<Record<string, unknown>> | undefined {
    if (this.value === undefined) return undefined;
    return asRecord(this.value) ?? this.wrong("is not an object");
  }

  text(): string | undefined {
    return this.value === undefined || typeof this.value === "string"
      ? this.value
      : this.wrong("is not a string");
  }

  number(): number | undefined {
    return this.value === undefined || typeof this.value === "number"
      ? this.value
      : this.wrong("is not a number");
  }

  integer(): number | undefined {
    const number = this.number();
    return number === undefined || Number.isSafeInteger(number)
      ? number
      : this.wrong("is not a whole number");
  }

  flag(): boolean | undefined {
    return this.value === undefined || typeof this.value === "boolean"
      ? this.value
      : this.wrong("is not true or false");
  }

  /** An object's JSON text, as it came. */
  recordJson(): string | undefined {
    const record = this.record();
    if (record === undefined) return undefined;
    return isDeeperThan(record, MOST_LEVELS)
      ? this.wrong(`is nested deeper than ${MOST_LEVELS} levels`)
      : JSON.stringify(record);
  }
}

/** Far more than a schema has, and far less than what writing it down again could take. */
const MOST_LEVELS = 100;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
