/**
 * What OpenAI's API has no fields for: who asks and how to route it, in `x-modeltier-*` headers or, the same by another
 * name, in `metadata`. A header wins over metadata.
 */
import type { IncomingHttpHeaders } from "node:http";
import { LONGEST, MOST } from "../../rpc/validate/bounds.ts";
import { type FieldPath, requireLength, type Violations } from "../../rpc/validate/violations.ts";
import { ApiError } from "../api-error.ts";
import type { JsonValue } from "./json-value.ts";

/** A RouteRequest without its nesting; the tier and the model asked for are `model`. */
export const ROUTE_PARAMETERS = [
  "agent_id",
  "session_id",
  "user_tier",
  "intent",
  "creation_score",
  "execution_score",
  "combined_score",
  "budget_remaining",
  "previous_failures",
  "minimum_tier",
  "step",
] as const;
export type RouteParameter = (typeof ROUTE_PARAMETERS)[number];

/** How to answer; not in `metadata`, where these words may be the caller's own. */
const CALL_PARAMETERS = ["models", "delivery"] as const;
export type CallParameter = (typeof CALL_PARAMETERS)[number];

/** A value with the name the caller gave it under. */
export type Parameter = Readonly<{ text: string; path: FieldPath }>;

const PREFIX = "x-modeltier-";
const headerOf = (name: RouteParameter | CallParameter): string => PREFIX + name.replaceAll("_", "-");
const HEADERS: ReadonlySet<string> = new Set([...ROUTE_PARAMETERS, ...CALL_PARAMETERS].map(headerOf));

export class Parameters {
  readonly #headers: IncomingHttpHeaders;
  readonly #metadata: ReadonlyMap<string, string>;

  /** @throws ApiError when a header of ours is misspelt: what it was to say would be lost without a word */
  constructor(headers: IncomingHttpHeaders, metadata: JsonValue) {
    const unknown = Object.keys(headers).find((name) => name.startsWith(PREFIX) && !HEADERS.has(name));
    if (unknown !== undefined) throw unknownHeader(unknown);
    this.#headers = headers;
    this.#metadata = textsOf(metadata);
  }

  /** Undefined when it was not given, or is empty. */
  find(name: RouteParameter): Parameter | undefined {
    return this.findHeader(name) ?? this.#findMetadata(name);
  }

  findHeader(name: RouteParameter | CallParameter): Parameter | undefined {
    const header = headerOf(name);
    const value = this.#headers[header];
    const text = (Array.isArray(value) ? value.join(", ") : value)?.trim() ?? "";
    return text === "" ? undefined : { text, path: [header] };
  }

  /** The rest of `metadata`, recorded with the execution. */
  labels(found: Violations): Readonly<Record<string, string>> {
    const isOurs = (key: string): boolean => ROUTE_PARAMETERS.some((name) => name === key);
    const labels = [...this.#metadata].filter(([key]) => !isOurs(key));
    const at = ["metadata"];
    found.require(
      labels.length <= MOST.labels,
      at,
      `has ${labels.length} labels; at most ${MOST.labels} are taken`,
    );
    for (const [key, value] of labels) {
      requireLength(found, key, LONGEST.labelKey, at);
      requireLength(found, value, LONGEST.labelValue, [...at, key]);
    }
    return Object.fromEntries(labels);
  }

  #findMetadata(name: RouteParameter): Parameter | undefined {
    const text = this.#metadata.get(name)?.trim() ?? "";
    return text === "" ? undefined : { text, path: ["metadata", name] };
  }
}

/** Numbers and truth values are taken as the text they would have been. */
function textsOf(metadata: JsonValue): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const key of Object.keys(metadata.record() ?? {})) {
    const value = metadata.at(key);
    if (typeof value.value === "number" || typeof value.value === "boolean")
      texts.set(key, String(value.value));
    else {
      const text = value.text();
      if (text !== undefined) texts.set(key, text);
    }
  }
  return texts;
}

const unknownHeader = (name: string): ApiError =>
  new ApiError({
    status: 400,
    type: "invalid_request_error",
    code: "unknown_parameter",
    param: name.slice(0, 100),
    message: `There is no header ${name.slice(0, 100)}: use ${[...HEADERS].join(", ")}.`,
  });
