/**
 * What a provider's error means. One table for all dialects: their words do not collide, and compatible hosts pass on the words of
 * whoever stands behind them. Sources: the error tables of the three providers' documents and the recorded bodies.
 */
import { asCount, asRecord, asText, type JsonRecord } from "./json.ts";
import type { ProviderFailure } from "./provider-error.ts";

/** An error as a provider words it. The message serves to recognise it and goes no further. */
export type ErrorReport = Readonly<{
  /** Most telling first: the detail code, the code, the type. */
  words: readonly string[];
  message: string;
  /** A code that is a number is an HTTP status: the only one there is for an error inside a stream. */
  status?: number;
  requestId?: string;
}>;

/** All that is given must hold; a status that is not known does not count against it. */
type Rule = Readonly<{
  /** One of the report's words. */
  words?: readonly string[];
  statuses?: readonly number[];
  message?: RegExp;
  failure: ProviderFailure;
}>;

const RATE_LIMIT_WORDS = [
  "rate_limit_exceeded",
  "rate_limit_error",
  "rate_limit_reached_error",
  "ramp_limit_exceeded",
  "slow_down",
  "tokens",
  "requests",
];
const SERVER_WORDS = [
  "server_error",
  "api_error",
  "timeout_error",
  "unexpected_output",
  "internal_server_error",
];

const REQUEST_AT_FAULT = [400, 413, 422];

/** In order: the first that holds decides. */
const RULES: readonly Rule[] = [
  {
    words: [
      "insufficient_quota",
      "credit_balance_exhausted",
      "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded",
      "organization_usage_limit_exceeded",
      "billing_hard_limit_reached",
      "billing_error",
      "enforced_spend_limit_reached",
      "contract_spend_limit_reached",
      "exceeded_current_quota_error",
    ],
    failure: "quota_exhausted",
  },
  {
    statuses: [400, 403, 429],
    message: /credit balance is too low|specified (?:api )?usage limits|insufficient balance|current quota/i,
    failure: "quota_exhausted",
  },
  // A limit per day is gone for today: like an empty account it asks for another target, not for a wait.
  { words: RATE_LIMIT_WORDS, message: /\b[RT]PD\b|per day/i, failure: "quota_exhausted" },
  { words: RATE_LIMIT_WORDS, failure: "rate_limited" },
  {
    words: [
      "overloaded_error",
      "engine_overloaded_error",
      "server_is_overloaded",
      "service_unavailable_error",
      "server_unavailable",
    ],
    failure: "overloaded",
  },
  { words: SERVER_WORDS, message: /\boverloaded\b/i, failure: "overloaded" },
  { words: SERVER_WORDS, failure: "server_error" },
  {
    words: [
      "invalid_api_key",
      "incorrect_api_key_error",
      "authentication_error",
      "invalid_authentication_error",
      "permission_error",
      "permission_denied_error",
    ],
    failure: "unauthenticated",
  },
  { words: ["model_not_found", "not_found_error", "resource_not_found_error"], failure: "model_not_found" },
  { words: ["context_length_exceeded", "request_too_large"], failure: "context_length" },
  { words: ["content_filter", "content_policy_violation"], failure: "content_filtered" },
  {
    statuses: REQUEST_AT_FAULT,
    message:
      /prompt is too long|exceeded model token limit|input token length too long|context (?:length|window)/i,
    failure: "context_length",
  },
  { statuses: REQUEST_AT_FAULT, message: /considered high risk/i, failure: "content_filtered" },
];

const FAILURE_BY_STATUS: ReadonlyMap<number, ProviderFailure> = new Map([
  [401, "unauthenticated"],
  [402, "quota_exhausted"],
  [403, "unauthenticated"],
  [404, "model_not_found"],
  [408, "server_error"],
  [409, "server_error"],
  [413, "context_length"],
  [429, "rate_limited"],
  [529, "overloaded"],
]);

/**
 * @param status the HTTP status of an error answer; undefined for an error inside an answer that began with 200
 * @returns by word first, by message second, by status last
 */
export function classifyFailure(report: ErrorReport, status = report.status): ProviderFailure {
  const rule = RULES.find(
    ({ words, statuses, message }) =>
      (words === undefined || words.some((word) => report.words.includes(word))) &&
      (statuses === undefined || status === undefined || statuses.includes(status)) &&
      (message === undefined || message.test(report.message)),
  );
  if (rule !== undefined) return rule.failure;
  return status === undefined ? failureWithoutStatus(report) : failureOfStatus(status);
}

function failureOfStatus(status: number): ProviderFailure {
  const known = FAILURE_BY_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 500) return "server_error";
  return status >= 400 ? "rejected" : "protocol";
}

/** An answer that had begun and then failed for a reason we cannot read: the server's trouble, unless it blames us. */
function failureWithoutStatus(report: ErrorReport): ProviderFailure {
  return report.words.includes("invalid_request_error") ? "rejected" : "server_error";
}

/**
 * The error that a body or an event carries; undefined when it carries none. Knows `{"error":{…}}`, `{"error":"…"}`, and the
 * bare forms of an `error` event or object.
 */
export function findErrorReport(body: JsonRecord, event = ""): ErrorReport | undefined {
  const error = asRecord(body.error);
  if (error !== undefined) return reportOf(error, body);
  const text = asText(body.error);
  if (text !== "") return { words: [], message: text };
  const isError = event === "error" || body.type === "error" || body.object === "error";
  return isError ? reportOf(body, body) : undefined;
}

/** The report of an answer whose status says that it is an error, whatever the body looks like. */
export function errorReportOf(body: JsonRecord | undefined): ErrorReport {
  if (body === undefined) return { words: [], message: "" };
  return findErrorReport(body, "error") ?? { words: [], message: "" };
}

function reportOf(error: JsonRecord, body: JsonRecord): ErrorReport {
  const words = [asRecord(error.details)?.error_code, error.code, error.type].map(asText);
  const code = asCount(error.code);
  const requestId = asText(body.request_id);
  return {
    words: words.filter((word) => word !== ""),
    message: asText(error.message),
    ...(code !== undefined && code >= 400 && code < 600 && { status: code }),
    ...(requestId !== "" && { requestId }),
  };
}
