import { describe, expect, it } from "vitest";
import { classifyFailure, errorReportOf, findErrorReport } from "./failure-rules.ts";
import type { ProviderFailure } from "./provider-error.ts";

type Error = Readonly<{ type?: string; code?: string | number; message?: string; details?: object }>;

/** One line for each entry of the providers' error tables that the recorded bodies do not already prove. */
const ERRORS: readonly (readonly [status: number | undefined, error: Error, failure: ProviderFailure])[] = [
  [429, { code: "slow_down" }, "rate_limited"],
  [429, { type: "rate_limit_error", details: { error_code: "ramp_limit_exceeded" } }, "rate_limited"],
  [
    429,
    { code: "rate_limit_exceeded", message: "Request too large for m on tokens per min (TPM)" },
    "rate_limited",
  ],
  [
    429,
    { type: "rate_limit_reached_error", message: "TPD rate limit, current: 1526210, limit: 1500000" },
    "quota_exhausted",
  ],
  [
    429,
    { code: "rate_limit_exceeded", message: "Rate limit reached on requests per day (RPD): Limit 200" },
    "quota_exhausted",
  ],
  [429, { type: "insufficient_quota", code: "organization_spend_limit_exceeded" }, "quota_exhausted"],
  [
    429,
    { type: "rate_limit_error", details: { error_code: "enforced_spend_limit_reached" } },
    "quota_exhausted",
  ],
  [402, { type: "billing_error" }, "quota_exhausted"],
  [402, {}, "quota_exhausted"],
  [
    400,
    { type: "invalid_request_error", message: "Your credit balance is too low to access the API" },
    "quota_exhausted",
  ],
  [
    400,
    { type: "invalid_request_error", message: "You have reached your specified API usage limits" },
    "quota_exhausted",
  ],
  [
    429,
    { type: "exceeded_current_quota_error", message: "suspended due to insufficient balance" },
    "quota_exhausted",
  ],
  [503, { code: "server_is_overloaded", type: "service_unavailable_error" }, "overloaded"],
  [503, { type: "server_unavailable" }, "overloaded"],
  [500, { type: "api_error", message: "Overloaded" }, "overloaded"],
  [529, {}, "overloaded"],
  [500, { type: "server_error" }, "server_error"],
  [500, { type: "unexpected_output" }, "server_error"],
  [504, { type: "timeout_error" }, "server_error"],
  [503, {}, "server_error"],
  [408, {}, "server_error"],
  [409, {}, "server_error"],
  [401, { type: "incorrect_api_key_error" }, "unauthenticated"],
  [403, { type: "permission_error" }, "unauthenticated"],
  [403, { message: "Country, region, or territory not supported" }, "unauthenticated"],
  [404, { type: "invalid_request_error", code: "model_not_found" }, "model_not_found"],
  [404, {}, "model_not_found"],
  [
    400,
    { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" },
    "context_length",
  ],
  [
    400,
    {
      type: "invalid_request_error",
      message: "Your request exceeded model token limit: 262144 (requested: 3)",
    },
    "context_length",
  ],
  [400, { type: "invalid_request_error", message: "Input token length too long" }, "context_length"],
  [
    400,
    { type: "BadRequestError", message: "This model's maximum context length is 4096 tokens" },
    "context_length",
  ],
  [413, { type: "request_too_large" }, "context_length"],
  [413, {}, "context_length"],
  [400, { code: "content_policy_violation" }, "content_filtered"],
  [400, { code: "content_filter" }, "content_filtered"],
  [400, { type: "invalid_request_error", code: "unsupported_value" }, "rejected"],
  [422, {}, "rejected"],
  [418, {}, "rejected"],
  [
    undefined,
    { type: "invalid_request_error", message: "prompt is too long: 3 tokens > 2 maximum" },
    "context_length",
  ],
  [undefined, { type: "invalid_request_error" }, "rejected"],
  [undefined, { code: 400, type: "content_filter" }, "content_filtered"],
  [undefined, { code: 502, message: "upstream" }, "server_error"],
  [undefined, { code: 429 }, "rate_limited"],
  [undefined, { code: 12, message: "odd" }, "server_error"],
  [undefined, {}, "server_error"],
];

describe("what a provider's error means", () => {
  it.each(ERRORS)("%s %j is %s", (status, error, failure) => {
    expect(classifyFailure(errorReportOf({ error }), status)).toBe(failure);
  });

  it("goes by the status when the body says nothing", () => {
    expect(classifyFailure(errorReportOf(undefined), 500)).toBe("server_error");
    expect(classifyFailure(errorReportOf({ unrelated: true }), 429)).toBe("rate_limited");
  });

  it("finds no error where there is none", () => {
    for (const body of [
      {},
      { error: null },
      { error: "" },
      { error: 0 },
      { choices: [] },
      { type: "ping" },
    ]) {
      expect(findErrorReport(body)).toBeUndefined();
    }
  });

  it("puts the most telling word first", () => {
    const error = { type: "rate_limit_error", code: "c", details: { error_code: "ramp_limit_exceeded" } };
    expect(findErrorReport({ error })?.words).toEqual(["ramp_limit_exceeded", "c", "rate_limit_error"]);
  });
});
