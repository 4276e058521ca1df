import type { JsonRecord } from "../json.ts";
import { KEY_CANARY } from "./canaries.ts";
import type { ErrorContext, ErrorKind, ErrorReply, Problem } from "./voice.ts";

type Row = Readonly<{ status: number; type: string; code: string | null; param?: string; message: string }>;

const ROWS: Readonly<Record<ErrorKind, Row>> = {
  "rate-limit": {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    message: "Rate limit reached for this model on requests per min (RPM): Limit 500, Used 500, Requested 1.",
  },
  quota: {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: "You exceeded your current quota, please check your plan and billing details.",
  },
  "server-error": {
    status: 500,
    type: "server_error",
    code: null,
    message: "The server had an error while processing your request. Sorry about that!",
  },
  unavailable: {
    status: 503,
    type: "server_error",
    code: null,
    message: "The service is temporarily unavailable.",
  },
  overloaded: {
    status: 503,
    type: "service_unavailable_error",
    code: "server_is_overloaded",
    message: "Our servers are currently overloaded. Please try again later.",
  },
  "context-length": {
    status: 400,
    type: "invalid_request_error",
    code: "context_length_exceeded",
    param: "messages",
    message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
  },
  "content-filter": {
    status: 400,
    type: "invalid_request_error",
    code: "content_policy_violation",
    param: "prompt",
    message: "Your request was rejected as a result of our safety system.",
  },
  auth: {
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: `Incorrect API key provided: ${KEY_CANARY}.`,
  },
  "no-key": {
    status: 401,
    type: "invalid_request_error",
    code: null,
    message: "You didn't provide an API key. Put it in an Authorization header: 'Bearer YOUR_KEY'.",
  },
  forbidden: {
    status: 403,
    type: "invalid_request_error",
    code: null,
    message: "You have insufficient permissions for this operation.",
  },
  "model-not-found": {
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    message: "The model does not exist or you do not have access to it.",
  },
  "too-large": {
    status: 413,
    type: "invalid_request_error",
    code: null,
    message: "The request is too large.",
  },
};

const body = (row: Omit<Row, "status">): JsonRecord => ({
  error: { message: row.message, type: row.type, param: row.param ?? null, code: row.code },
});

export function openAiError(kind: ErrorKind, context: ErrorContext): ErrorReply {
  const row = ROWS[kind];
  const message =
    kind === "model-not-found"
      ? `The model \`${context.model}\` does not exist or you do not have access to it.`
      : row.message;
  return { status: row.status, body: body({ ...row, message }) };
}

export const openAiBadRequest = (problem: Problem): ErrorReply => ({
  status: 400,
  body: body({ type: "invalid_request_error", code: null, ...problem }),
});
