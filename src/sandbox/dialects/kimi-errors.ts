import { KEY_CANARY } from "./canaries.ts";
import type { ErrorContext, ErrorKind, ErrorReply, Problem } from "./voice.ts";

type Row = Readonly<{ status: number; type: string; message: string }>;

const ROWS: Readonly<Record<ErrorKind, Row>> = {
  "rate-limit": {
    status: 429,
    type: "rate_limit_reached_error",
    message: "Your account org-sandbox request reached organization max RPM: 20",
  },
  quota: {
    status: 403,
    type: "exceeded_current_quota_error",
    message:
      "Your account org-sandbox is not active, organization <org-sandbox> exceeded current quota, please check your plan and billing details",
  },
  "server-error": {
    status: 500,
    type: "server_error",
    message: "The server had an error, please try again later",
  },
  unavailable: { status: 503, type: "server_error", message: "The service is temporarily unavailable" },
  overloaded: {
    status: 429,
    type: "engine_overloaded_error",
    message: "The engine is currently overloaded, please try again later",
  },
  "context-length": {
    status: 400,
    type: "invalid_request_error",
    message: "Your request exceeded model token limit: 262144 (requested: 262145)",
  },
  "content-filter": {
    status: 400,
    type: "content_filter",
    message: "The request was rejected because it was considered high risk",
  },
  auth: {
    status: 401,
    type: "invalid_authentication_error",
    message: `Invalid Authentication: ${KEY_CANARY}`,
  },
  "no-key": { status: 401, type: "invalid_authentication_error", message: "Invalid Authentication" },
  forbidden: { status: 403, type: "permission_denied_error", message: "Permission denied" },
  "model-not-found": { status: 404, type: "resource_not_found_error", message: "Not found the model" },
  "too-large": { status: 413, type: "invalid_request_error", message: "The request is too large" },
};

export function kimiError(kind: ErrorKind, context: ErrorContext): ErrorReply {
  const { status, type, message } = ROWS[kind];
  if (kind === "content-filter")
    return { status, body: { error: { code: 400, message, param: "prompt", type } } };
  const said =
    kind === "model-not-found" ? `Not found the model ${context.model} or Permission denied` : message;
  return { status, body: { error: { message: said, type } } };
}

export const kimiBadRequest = ({ message, type }: Problem): ErrorReply => ({
  status: 400,
  body: { error: { message, type: type ?? "invalid_request_error" } },
});
