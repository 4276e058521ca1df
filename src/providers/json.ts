/**
 * Reading JSON that a provider sent. Every value is unknown and none is trusted: fields are picked by fixed names, nothing is
 * copied key by key, so `__proto__` and its like stay plain data.
 */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): JsonRecord | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonRecord)
    : undefined;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The string, "" for anything else. */
export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A whole number from 0 up to 2^53 - 1, also when it came as a string of digits; undefined for anything else. */
export function asCount(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** The object that the text holds; undefined when it holds none. */
export function parseRecord(text: string): JsonRecord | undefined {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
