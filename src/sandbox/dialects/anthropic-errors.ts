import { KEY_CANARY } from "./canaries.ts";
import type { ErrorContext, ErrorKind, ErrorReply, Problem } from "./voice.ts";

type Row = Readonly<{ status: number; type: string; message: string }>;

const ROWS: Readonly<Record<ErrorKind, Row>> = {
  "rate-limit": {
    status: 429,
    type: "rate_limit_error",
    message: "This request would exceed the rate limit for your organization of 50 requests per minute.",
  },
  quota: { status: 402, type: "billing_error", message: "Your credit balance is too low to access the API." },
  "server-error": { status: 500, type: "api_error", message: "Internal server error" },
  unavailable: { status: 503, type: "api_error", message: "Service unavailable" },
  overloaded: { status: 529, type: "overloaded_error", message: "Overloaded" },
  "context-length": {
    status: 400,
    type: "invalid_request_error",
    message: "prompt is too long: 200001 tokens > 200000 maximum",
  },
  "content-filter": {
    status: 400,
    type: "invalid_request_error",
    message: "Output blocked by content filtering policy",
  },
  auth: { status: 401, type: "authentication_error", message: `invalid x-api-key: ${KEY_CANARY}` },
  "no-key": { status: 401, type: "authentication_error", message: "x-api-key header is required" },
  forbidden: {
    status: 403,
    type: "permission_error",
    message: "Your API key does not have permission to use the specified resource.",
  },
  "model-not-found": { status: 404, type: "not_found_error", message: "model" },
  "too-large": { status: 413, type: "request_too_large", message: "Request exceeds the maximum size" },
};

export function anthropicError(kind: ErrorKind, context: ErrorContext): ErrorReply {
  const { status, type, message } = ROWS[kind];
  const said = kind === "model-not-found" ? `model: ${context.model}` : message;
  return { status, body: { type: "error", error: { type, message: said }, request_id: context.requestId } };
}

export const anthropicBadRequest = ({ message, type }: Problem, context: ErrorContext): ErrorReply => ({
  status: 400,
  body: {
    type: "error",
    error: { type: type ?? "invalid_request_error", message },
    request_id: context.requestId,
  },
});
