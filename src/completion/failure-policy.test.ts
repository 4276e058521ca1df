import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  PROVIDER_FAILURES,
  type ProviderErrorDetails,
  type ProviderFailure,
} from "../providers/provider-error.ts";
import type { CallerCode } from "./failure-policy.ts";
import { harness, start, textOf } from "./testing/harness.ts";
import { fail, headers, says } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Row = Readonly<{
  failure: ProviderFailure;
  details?: ProviderErrorDetails;
  /** Calls the failing target gets when another one can answer. */
  primaryCalls: number;
  /** The other one answers. */
  movesOn: boolean;
  /** Of the failing target once five calls in a row have failed there. */
  breaker: "closed" | "open" | "parked";
  code: CallerCode;
  reason: string;
}>;

const ROWS: readonly Row[] = [
  {
    failure: "connection",
    primaryCalls: 2,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "PROVIDER_UNREACHABLE",
  },
  {
    failure: "connect_timeout",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "PROVIDER_UNREACHABLE",
  },
  {
    failure: "header_timeout",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "HEADER_TIMEOUT",
  },
  {
    failure: "first_token_timeout",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "FIRST_TOKEN_TIMEOUT",
  },
  {
    failure: "byte_silence",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "STREAM_SILENT",
  },
  {
    failure: "content_silence",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "CONTENT_SILENT",
  },
  {
    failure: "rate_limited",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "RESOURCE_EXHAUSTED",
    reason: "RATE_LIMITED",
  },
  {
    failure: "rate_limited",
    details: { retryAfterMs: 2_000 },
    primaryCalls: 2,
    movesOn: true,
    breaker: "open",
    code: "RESOURCE_EXHAUSTED",
    reason: "RATE_LIMITED",
  },
  {
    failure: "rate_limited",
    details: { retryAfterMs: 2_001 },
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "RESOURCE_EXHAUSTED",
    reason: "RATE_LIMITED",
  },
  {
    failure: "quota_exhausted",
    details: { retryAfterMs: 0 },
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "RESOURCE_EXHAUSTED",
    reason: "QUOTA_EXHAUSTED",
  },
  {
    failure: "server_error",
    primaryCalls: 2,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "PROVIDER_ERROR",
  },
  {
    failure: "overloaded",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "PROVIDER_OVERLOADED",
  },
  {
    failure: "context_length",
    primaryCalls: 1,
    movesOn: false,
    breaker: "closed",
    code: "INVALID_ARGUMENT",
    reason: "CONTEXT_LENGTH",
  },
  {
    failure: "content_filtered",
    primaryCalls: 1,
    movesOn: false,
    breaker: "closed",
    code: "FAILED_PRECONDITION",
    reason: "CONTENT_FILTERED",
  },
  {
    failure: "rejected",
    primaryCalls: 1,
    movesOn: false,
    breaker: "closed",
    code: "INVALID_ARGUMENT",
    reason: "REQUEST_REJECTED",
  },
  {
    failure: "unauthenticated",
    primaryCalls: 1,
    movesOn: true,
    breaker: "parked",
    code: "UNAVAILABLE",
    reason: "PROVIDER_UNAUTHENTICATED",
  },
  {
    failure: "model_not_found",
    primaryCalls: 1,
    movesOn: true,
    breaker: "parked",
    code: "UNAVAILABLE",
    reason: "MODEL_NOT_FOUND",
  },
  {
    failure: "protocol",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "PROTOCOL_ERROR",
  },
  {
    failure: "truncated",
    primaryCalls: 2,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "STREAM_TRUNCATED",
  },
  {
    failure: "output_limit",
    primaryCalls: 1,
    movesOn: true,
    breaker: "open",
    code: "UNAVAILABLE",
    reason: "OUTPUT_LIMIT",
  },
];

const named = ROWS.map(
  (row) => [`${row.failure}${row.details ? ` ${JSON.stringify(row.details)}` : ""}`, row] as const,
);

describe("what each class of failure leads to", () => {
  it("is decided here for every class there is", () => {
    expect(new Set(ROWS.map(({ failure }) => failure))).toEqual(new Set(PROVIDER_FAILURES));
  });

  it.each(named)(
    "%s before the first token: the calls it costs, and whether another target answers",
    async (_, row) => {
      const engine = harness({
        "a/one": [[headers, fail(row.failure, row.details)]],
        "b/two": [says("hello")],
      });
      const running = start(engine);
      await vi.runAllTimersAsync();
      const ran = await running;
      expect(engine.callsTo("a/one")).toHaveLength(row.primaryCalls);
      expect(engine.callsTo("b/two")).toHaveLength(row.movesOn ? 1 : 0);
      expect(textOf(ran)).toBe(row.movesOn ? "hello" : "");
      expect(engine.fallbacks).toEqual(
        row.movesOn ? [{ from: "a/one", to: "b/two", failure: row.failure }] : [],
      );
    },
  );

  it.each(named)("%s everywhere: what the caller is told", async (_, row) => {
    const engine = harness({ "a/one": [[headers, fail(row.failure, row.details)]] });
    const running = start(engine);
    await vi.runAllTimersAsync();
    const { error, events } = await running;
    expect(error).toMatchObject({ code: row.code, reason: row.reason, partial: false, retryPushback: true });
    expect(error?.failures[0]).toMatchObject({
      failure: row.failure,
      target: { provider: "a", model: "one" },
    });
    expect(events.at(-1)).toMatchObject({
      kind: "attempt_failed",
      failure: row.failure,
      willContinue: false,
    });
    expect(engine.executions[0]).toMatchObject({ status: "failed", failureReason: row.reason });
  });

  it.each(named)("%s five times in a row: what becomes of its target", async (_, row) => {
    const engine = harness({ "a/one": [[headers, fail(row.failure, row.details)]] });
    for (let call = 0; call < 5; call += 1) {
      const running = start(engine);
      await vi.advanceTimersByTimeAsync(2_500);
      await running;
      await vi.advanceTimersByTimeAsync(0);
    }
    const state = engine.health.states().get("a/one")?.breaker;
    expect(state === "half_open" ? "open" : state).toBe(row.breaker);
  });
});
