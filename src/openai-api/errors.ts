/** From this service's failures to OpenAI's. What each failure leads to was decided before, in completion. */
import { AccessError, type Refusal } from "../access/access-error.ts";
import { OverloadError } from "../admission/overload-error.ts";
import { CompletionError } from "../completion/completion-error.ts";
import type { CallerCode } from "../completion/failure-policy.ts";
import { RateLimitError } from "../limits/rate-limit-error.ts";
import { isIncapability } from "../routing/candidates.ts";
import { describe } from "../rpc/errors.ts";
import { fieldName, InvalidRequestError } from "../rpc/validate/violations.ts";
import type { Log } from "../telemetry/log.ts";
import { ApiError, type ApiErrorDetails } from "./api-error.ts";

type Shape = Pick<ApiErrorDetails, "status" | "type" | "code" | "param" | "isFinal">;

const invalid = (code: string, param?: string): Shape => ({
  status: 400,
  type: "invalid_request_error",
  code,
  ...(param !== undefined && { param }),
});
const server = (status: number, code: string): Shape => ({ status, type: "server_error", code });
const final = (shape: Shape): Shape => ({ ...shape, isFinal: true });

/** The caller's own budget is named by its field, the operator's in the message alone. */
const OVER_BUDGET: Shape = { status: 429, type: "insufficient_quota", code: "budget_exceeded" };

/** What has no line of its own below. */
const BY_CODE: Readonly<Record<CallerCode, Shape>> = {
  CANCELLED: server(499, "request_cancelled"), // nobody is there to read it
  INVALID_ARGUMENT: invalid("invalid_value"),
  DEADLINE_EXCEEDED: server(504, "timeout"),
  RESOURCE_EXHAUSTED: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" },
  FAILED_PRECONDITION: final(server(503, "failed_precondition")),
  UNAVAILABLE: server(503, "unavailable"),
  INTERNAL: server(500, "internal_error"),
};

/** By the reason of a CompletionError. */
const BY_REASON: Readonly<Record<string, Shape>> = {
  REQUEST_REJECTED: invalid("request_rejected"),
  CONTEXT_LENGTH: invalid("context_length_exceeded", "messages"),
  CONTENT_FILTERED: invalid("content_filter", "messages"),
  UNKNOWN_MODEL: { status: 404, type: "invalid_request_error", code: "model_not_found", param: "model" },
  RATE_LIMITED: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" },
  QUOTA_EXHAUSTED: final({ status: 429, type: "insufficient_quota", code: "insufficient_quota" }),
  BUDGET_EXCEEDED: final({ ...OVER_BUDGET, param: "budget_remaining" }),
  BUDGET_STORE_UNAVAILABLE: server(503, "budget_store_unavailable"),
  PROVIDER_UNREACHABLE: server(502, "provider_unreachable"),
  PROVIDER_ERROR: server(502, "provider_error"),
  PROTOCOL_ERROR: server(502, "provider_protocol_error"),
  STREAM_TRUNCATED: server(502, "stream_truncated"),
  OUTPUT_LIMIT: server(502, "provider_output_limit"),
  PROVIDER_UNAUTHENTICATED: server(502, "provider_unauthenticated"),
  MODEL_NOT_FOUND: server(502, "provider_model_not_found"),
  PROVIDER_OVERLOADED: server(503, "provider_overloaded"),
  TARGETS_UNAVAILABLE: server(503, "targets_unavailable"),
  NO_USABLE_TARGET: final(server(503, "no_usable_target")),
  HEADER_TIMEOUT: server(504, "provider_timeout"),
  FIRST_TOKEN_TIMEOUT: server(504, "provider_timeout"),
  STREAM_SILENT: server(504, "provider_timeout"),
  CONTENT_SILENT: server(504, "provider_timeout"),
};

/** No target can take the request, whatever is set or healed: the request is at fault and not the service. */
const NO_CAPABLE_MODEL = invalid("no_capable_model");

export const SHUTTING_DOWN = new ApiError({
  ...server(503, "shutting_down"),
  message: "The service is shutting down; another replica can answer.",
});

const NOT_LET_IN: Readonly<Record<Refusal, Shape>> = {
  unauthenticated: { status: 401, type: "invalid_request_error", code: "invalid_api_key" },
  role_missing: { status: 403, type: "invalid_request_error", code: "role_missing" },
  too_many_guesses: { status: 429, type: "rate_limit_error", code: "too_many_wrong_keys" },
  keys_unknown: server(503, "keys_unknown"),
};

const notLetIn = ({ refusal, message, retryAfterMs }: AccessError): ApiError =>
  new ApiError({ ...NOT_LET_IN[refusal], message, ...(retryAfterMs !== undefined && { retryAfterMs }) });

const overloaded = ({ message, retryAfterMs }: OverloadError): ApiError =>
  new ApiError({ ...server(503, "overloaded"), message, retryAfterMs });

const rateLimited = ({ message, retryAfterMs }: RateLimitError): ApiError =>
  new ApiError({ ...BY_CODE.RESOURCE_EXHAUSTED, message, retryAfterMs });

/** Any failure as the caller may see it. What nobody foresaw is a 500, logged without its message. */
export function toApiError(error: unknown, log: Log): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof InvalidRequestError) return invalidRequest(error);
  if (error instanceof CompletionError) return ofCompletion(error);
  if (error instanceof AccessError) return notLetIn(error);
  if (error instanceof OverloadError) return overloaded(error);
  if (error instanceof RateLimitError) return rateLimited(error);
  log.error("a call of the OpenAI-compatible API failed in a way nobody foresaw", describe(error));
  return new ApiError({ ...BY_CODE.INTERNAL, message: "An internal error; the service's log names it." });
}

/** A body of 4 MiB can be wrong in very many places. */
const MOST_NAMED = 8;

function invalidRequest({ violations }: InvalidRequestError): ApiError {
  const named = violations.slice(0, MOST_NAMED).map(({ path, description }) => {
    return { name: fieldName(path, "proto"), description };
  });
  const more = violations.length > MOST_NAMED ? `; and ${violations.length - MOST_NAMED} more` : "";
  const message = named.map(({ name, description }) => `${name} ${description}`).join("; ");
  return new ApiError({ ...invalid("invalid_value", named[0]?.name), message: `${message}${more}` });
}

function ofCompletion(error: CompletionError): ApiError {
  const { message, retryAfterMs, executionId, retryPushback, attempts } = error;
  const shape = shapeOf(error);
  return new ApiError({
    ...shape,
    message,
    isFinal: retryPushback || shape.isFinal === true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(executionId !== undefined && { executionId, attempts: attempts.length }),
  });
}

function shapeOf({ code, reason, routingFailure }: CompletionError): Shape {
  if (routingFailure?.kind === "no_usable_target") {
    const { rejected } = routingFailure;
    const isAsked = rejected.length > 0 && rejected.every((one) => isIncapability(one.reason));
    if (isAsked && reason === "NO_USABLE_TARGET") return NO_CAPABLE_MODEL;
  }
  if (routingFailure?.kind === "over_budget") return final(OVER_BUDGET);
  return BY_REASON[reason] ?? BY_CODE[code];
}

/** What Fastify refuses before a handler runs, by its status; its own text may quote the body. */
const REFUSED_BODY: Readonly<Record<number, Readonly<{ code: string; message: string }>>> = {
  413: { code: "request_too_large", message: "The body has more than 4 MiB." },
  415: { code: "unsupported_media_type", message: "Send JSON, with content-type: application/json." },
};
const NO_JSON = { code: "invalid_json", message: "The body is not JSON, or holds a key that is refused." };

/** @param error of Fastify's, or of a handler */
export function ofHttp(error: unknown, log: Log): ApiError {
  const status = statusOf(error);
  if (status === undefined) return toApiError(error, log);
  return new ApiError({ status, type: "invalid_request_error", ...(REFUSED_BODY[status] ?? NO_JSON) });
}

/** Of an error of Fastify's that blames the caller. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}
