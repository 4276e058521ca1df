/** How failures reach the caller: one table from the service's words to gRPC codes and google.rpc details. */
import { type DescMessage, type DescMethod, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { AccessError, type Refusal } from "../access/access-error.ts";
import { OverloadError } from "../admission/overload-error.ts";
import { CompletionError } from "../completion/completion-error.ts";
import type { CallerCode } from "../completion/failure-policy.ts";
import { IdempotencyError, type IdempotencyFailure } from "../idempotency/idempotency-error.ts";
import { RateLimitError } from "../limits/rate-limit-error.ts";
import { SettingsError } from "../settings/reader.ts";
import type { Log } from "../telemetry/log.ts";
import { durationFromMs } from "./convert/route.ts";
import { statusOf } from "./status.ts";
import {
  describeViolations,
  type FieldPath,
  type FieldStyle,
  fieldName,
  InvalidRequestError,
} from "./validate/violations.ts";

const DOMAIN = "modeltier";

const CODE: Readonly<Record<CallerCode, Code>> = {
  CANCELLED: Code.Canceled,
  INVALID_ARGUMENT: Code.InvalidArgument,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  RESOURCE_EXHAUSTED: Code.ResourceExhausted,
  FAILED_PRECONDITION: Code.FailedPrecondition,
  UNAVAILABLE: Code.Unavailable,
  INTERNAL: Code.Internal,
};

export type ErrorContext = Readonly<{
  style: FieldStyle;
  method: DescMethod;
  log: Log;
  /** Aborted when the caller is gone or its deadline has passed. */
  signal: AbortSignal;
}>;

type Detail = Readonly<{ desc: DescMessage; value: MessageInitShape<DescMessage> }>;

/** Any failure as the caller may see it. What nobody foresaw is INTERNAL, logged without its message. */
export function toConnectError(error: unknown, { style, method, log, signal }: ErrorContext): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof AccessError) return notLetIn(error);
  if (error instanceof OverloadError) return overloaded(error);
  if (error instanceof RateLimitError) return rateLimited(error);
  if (error instanceof InvalidRequestError) return invalidRequest(error, style);
  // A call that ends because the service goes away is not the caller's cancellation, whatever the engine made of it.
  if (isShutdown(signal)) return signal.reason;
  if (error instanceof CompletionError) return connectErrorOf(error, routePath(method), style);
  if (error instanceof IdempotencyError) return refusedKey(error, method, style);
  if (error instanceof SettingsError) return wrongSettings(error);
  if (signal.aborted && signal.reason instanceof ConnectError) return signal.reason;
  log.error("an RPC failed in a way nobody foresaw", { method: method.name, ...describe(error) });
  return new ConnectError("an internal error; the service's log names it", Code.Internal, undefined, [
    errorInfo("INTERNAL_ERROR"),
  ]);
}

const isShutdown = (signal: AbortSignal): boolean =>
  signal.aborted && signal.reason instanceof ConnectError && signal.reason.code === Code.Unavailable;

/** The error's class and where it was thrown. Its message stays out: it may quote a prompt. */
export function describe(error: unknown): { error: string; stack?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const frames = error.stack?.split("\n").filter((line) => line.trimStart().startsWith("at ")) ?? [];
  return { error: error.name, stack: frames.slice(0, 8).join("\n") };
}

const NOT_LET_IN: Readonly<Record<Refusal, readonly [Code, string]>> = {
  unauthenticated: [Code.Unauthenticated, "KEY_MISSING_OR_WRONG"],
  role_missing: [Code.PermissionDenied, "ROLE_MISSING"],
  too_many_guesses: [Code.ResourceExhausted, "TOO_MANY_WRONG_KEYS"],
  keys_unknown: [Code.Unavailable, "KEYS_UNKNOWN"],
};

export function notLetIn({ refusal: why, message, retryAfterMs }: AccessError): ConnectError {
  const [code, reason] = NOT_LET_IN[why];
  return new ConnectError(message, code, undefined, [
    errorInfo(reason),
    ...(retryAfterMs === undefined ? [] : [retryInfo(retryAfterMs)]),
  ]);
}

const overloaded = ({ overload, message, retryAfterMs }: OverloadError): ConnectError =>
  comeBack(message, errorInfo("OVERLOADED", { cause: overload }), retryAfterMs);

const rateLimited = ({ limit, most, message, retryAfterMs }: RateLimitError): ConnectError =>
  comeBack(message, errorInfo("RATE_LIMITED", { limit, most: String(most) }), retryAfterMs);

/** Clients of gRPC that retry by themselves keep to the pushback. */
function comeBack(message: string, info: Detail, retryAfterMs: number): ConnectError {
  const metadata = { "grpc-retry-pushback-ms": String(retryAfterMs) };
  return new ConnectError(message, Code.ResourceExhausted, metadata, [info, retryInfo(retryAfterMs)]);
}

function invalidRequest({ violations }: InvalidRequestError, style: FieldStyle): ConnectError {
  const fieldViolations = violations.map(({ path, description }) => ({
    field: fieldName(path, style),
    description,
  }));
  return new ConnectError(describeViolations(violations, style), Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations } },
    errorInfo("INVALID_REQUEST"),
  ]);
}

function wrongSettings({ problems }: SettingsError): ConnectError {
  return new ConnectError(`nothing was changed: ${problems.join("; ")}`, Code.FailedPrecondition, undefined, [
    errorInfo("INVALID_SETTINGS"),
  ]);
}

/** Where the RouteRequest stands in a method's request. */
function routePath({ name }: DescMethod): FieldPath {
  if (name === "Complete") return ["route"];
  return name === "CompleteOnce" ? ["request", "route"] : [];
}

/** @param path where the RouteRequest stands in the caller's request */
export function connectErrorOf(
  error: CompletionError,
  path: FieldPath = [],
  style: FieldStyle = "proto",
): ConnectError {
  const metadata = error.retryPushback ? { "grpc-retry-pushback-ms": "-1" } : undefined;
  return new ConnectError(error.message, CODE[error.code], metadata, [
    errorInfo(error.reason, factsOf(error)),
    ...(error.retryAfterMs === undefined ? [] : [retryInfo(error.retryAfterMs)]),
    ...routingDetails(error, path, style),
  ]);
}

/** What a program may want to read of a failed completion; ErrorInfo's metadata is text only. */
function factsOf(error: CompletionError): Record<string, string> {
  const facts: Record<string, string> = {};
  if (error.executionId !== undefined) facts.execution_id = error.executionId;
  if (error.attempts.length > 0) facts.attempts = String(error.attempts.length);
  if (error.partial) {
    facts.partial = "true";
    facts.delivered_tokens = String(error.deliveredTokens ?? 0);
  }
  error.failures.forEach(({ attempt, target, failure }) => {
    facts[`attempt_${attempt}`] = `${target.provider}/${target.model}: ${failure}`;
  });
  return facts;
}

function routingDetails(
  { routingFailure, message }: CompletionError,
  path: FieldPath,
  style: FieldStyle,
): Detail[] {
  switch (routingFailure?.kind) {
    case "unknown_model":
      return [
        {
          desc: BadRequestSchema,
          value: {
            fieldViolations: [
              { field: fieldName([...path, "constraints", "model"], style), description: message },
            ],
          },
        },
      ];
    case "over_budget":
      return [
        {
          desc: QuotaFailureSchema,
          value: {
            violations: routingFailure.budgetIds.map((budgetId) => ({
              subject: `budgets/${budgetId}`,
              description: message,
            })),
          },
        },
      ];
    case "budget_exhausted":
      return [
        {
          desc: QuotaFailureSchema,
          value: {
            violations: [{ subject: fieldName([...path, "budget_remaining"], style), description: message }],
          },
        },
      ];
    default:
      return [];
  }
}

/** How soon a refused call is worth repeating, in ms: others with the same key take about a call's length. */
const KEY_RETRY_MS = 1_000;

/** Each message is a predicate of the key's field. */
const REFUSED_KEY: Readonly<Record<IdempotencyFailure, Readonly<{ code: Code; message: string }>>> = {
  IDEMPOTENCY_IN_FLIGHT: {
    code: Code.Aborted,
    message: "is that of a call that has not ended: repeat the call a little later for its answer",
  },
  IDEMPOTENCY_KEY_REUSED: {
    code: Code.InvalidArgument,
    message: "came before with another body: use a new key for a new call",
  },
  IDEMPOTENCY_STORE_UNAVAILABLE: {
    code: Code.Unavailable,
    message: "cannot be looked up now, so the call was not made: repeat it, or leave the key out",
  },
};

function refusedKey({ failure }: IdempotencyError, method: DescMethod, style: FieldStyle): ConnectError {
  const { code, message } = REFUSED_KEY[failure];
  const path = method.name === "CompleteOnce" ? ["request", "idempotency_key"] : ["idempotency_key"];
  const violation = { field: fieldName(path, style), description: message };
  return new ConnectError(`${violation.field} ${message}`, code, undefined, [
    errorInfo(failure, { field: violation.field }),
    code === Code.InvalidArgument
      ? { desc: BadRequestSchema, value: { fieldViolations: [violation] } }
      : retryInfo(KEY_RETRY_MS),
  ]);
}

/** How soon a database may be there again, in ms. */
const STORE_RETRY_MS = 1_000;

/** What an RPC is about cannot be read or written now. */
export const storeUnavailable = (): ConnectError =>
  new ConnectError("the database cannot be reached now: try again later", Code.Unavailable, undefined, [
    errorInfo("STORE_UNAVAILABLE"),
    retryInfo(STORE_RETRY_MS),
  ]);

/** @param reason UPPER_SNAKE */
export const refusal = (message: string, code: Code, reason: string): ConnectError =>
  new ConnectError(message, code, undefined, [errorInfo(reason)]);

const retryInfo = (retryAfterMs: number): Detail => ({
  desc: RetryInfoSchema,
  value: { retryDelay: durationFromMs(retryAfterMs) },
});

const errorInfo = (reason: string, metadata: Record<string, string> = {}): Detail => ({
  desc: ErrorInfoSchema,
  value: { reason, domain: DOMAIN, metadata },
});

/** The same error as native gRPC sends it: code, message, and the details in `grpc-status-details-bin`. */
export function grpcStatusOf(error: unknown): Readonly<{ code: number; details: string; header: Headers }> {
  const connectError = ConnectError.from(error);
  const header = new Headers(connectError.metadata);
  const status = statusOf(connectError);
  if (status.details.length > 0) {
    header.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)).toString("base64"));
  }
  return { code: status.code, details: status.message, header };
}
