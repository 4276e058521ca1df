import { describe, expect, it } from "vitest";
import { FAILURE_POLICY } from "../completion/failure-policy.ts";
import { PROVIDER_FAILURES, type ProviderFailure } from "../providers/provider-error.ts";
import type { RejectionKind } from "../routing/types.ts";
import { ofHttp, toApiError } from "./errors.ts";
import { completionError, KIMI } from "./test-support.ts";

const logged: string[] = [];
const say = (message: string, fields: object = {}) => void logged.push(message + JSON.stringify(fields));
const log = { info: say, warn: say, error: say };

const detailsOf = (error: unknown) => toApiError(error, log).details;

/** Status, type and code of what is left when every attempt ended so. */
const EXPECTED: Readonly<Record<ProviderFailure, readonly [number, string, string]>> = {
  connection: [502, "server_error", "provider_unreachable"],
  connect_timeout: [502, "server_error", "provider_unreachable"],
  header_timeout: [504, "server_error", "provider_timeout"],
  first_token_timeout: [504, "server_error", "provider_timeout"],
  byte_silence: [504, "server_error", "provider_timeout"],
  content_silence: [504, "server_error", "provider_timeout"],
  rate_limited: [429, "rate_limit_error", "rate_limit_exceeded"],
  quota_exhausted: [429, "insufficient_quota", "insufficient_quota"],
  server_error: [502, "server_error", "provider_error"],
  overloaded: [503, "server_error", "provider_overloaded"],
  context_length: [400, "invalid_request_error", "context_length_exceeded"],
  content_filtered: [400, "invalid_request_error", "content_filter"],
  rejected: [400, "invalid_request_error", "request_rejected"],
  unauthenticated: [502, "server_error", "provider_unauthenticated"],
  model_not_found: [502, "server_error", "provider_model_not_found"],
  protocol: [502, "server_error", "provider_protocol_error"],
  truncated: [502, "server_error", "stream_truncated"],
  output_limit: [502, "server_error", "provider_output_limit"],
};

describe("a provider's failure", () => {
  it.each(PROVIDER_FAILURES)("%s has a status, a type and a code", (failure) => {
    const { callerCode, callerReason, callerMessage } = FAILURE_POLICY[failure];
    const error = completionError({ code: callerCode, reason: callerReason, message: callerMessage });
    const { status, type, code, message } = detailsOf(error);
    expect([status, type, code]).toEqual(EXPECTED[failure]);
    expect(message).toBe(callerMessage);
  });
});

describe("a call that was never attempted", () => {
  const noTarget = (...reasons: RejectionKind[]) =>
    completionError({
      code: "FAILED_PRECONDITION",
      reason: "NO_USABLE_TARGET",
      routingFailure: {
        kind: "no_usable_target",
        missingVariables: [],
        rejected: reasons.map((reason) => ({ target: KIMI, tier: "fast", reason, detail: "" })),
      },
    });

  it("blames the request for what no model can take, and the service for all else", () => {
    expect(detailsOf(noTarget("images", "tools"))).toMatchObject({ status: 400, code: "no_capable_model" });
    expect(detailsOf(noTarget("images", "no_key"))).toMatchObject({ status: 503, code: "no_usable_target" });
    expect(detailsOf(noTarget())).toMatchObject({ status: 503, code: "no_usable_target" });
  });

  it("says that a budget is spent, and that asking again does not help", () => {
    const error = toApiError(completionError({ code: "RESOURCE_EXHAUSTED", reason: "BUDGET_EXCEEDED" }), log);
    expect(error.details).toMatchObject({ status: 429, code: "budget_exceeded", param: "budget_remaining" });
    expect(error.headers).toEqual({ "x-should-retry": "false" });
  });
});

describe("waiting", () => {
  it("is told in seconds and in ms, rounded up", () => {
    const error = toApiError(completionError({ reason: "TARGETS_UNAVAILABLE", retryAfterMs: 1_200.4 }), log);
    expect(error.headers).toEqual({ "retry-after": "2", "retry-after-ms": "1201" });
  });

  it("is not asked of a client whose call's attempts are spent", () => {
    const { headers } = toApiError(
      completionError({
        code: "RESOURCE_EXHAUSTED",
        reason: "RATE_LIMITED",
        retryAfterMs: 20_000,
        retryPushback: true,
        executionId: "e-1",
      }),
      log,
    );
    expect(headers).toEqual({
      "retry-after": "20",
      "retry-after-ms": "20000",
      "x-should-retry": "false",
      "x-request-id": "e-1",
      "x-modeltier-execution-id": "e-1",
      "x-modeltier-attempts": "0",
    });
  });
});

describe("a fault of ours", () => {
  it("is a 500 that says nothing of it, and a line in the log without its message", () => {
    logged.length = 0;
    const { status, code, message } = detailsOf(new TypeError("cannot read 'secret prompt'"));
    expect([status, code]).toEqual([500, "internal_error"]);
    expect(message + logged.join()).not.toContain("secret");
    expect(logged.join()).toContain("TypeError");
  });
});

describe("a body that is refused unread", () => {
  it("is never quoted", () => {
    const error = Object.assign(new SyntaxError('Unexpected token in "my secret"'), { statusCode: 400 });
    const { details } = ofHttp(error, log);
    expect(details).toMatchObject({ status: 400, type: "invalid_request_error", code: "invalid_json" });
    expect(details.message).not.toContain("secret");
  });

  it("keeps a fault of the server's a fault of the server's", () => {
    expect(ofHttp(Object.assign(new Error("x"), { statusCode: 500 }), log).details.status).toBe(500);
  });
});
