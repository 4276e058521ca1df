/** A failure as OpenAI's clients expect it: a status, and a body that says what, where and which kind. */

export type ErrorType = "invalid_request_error" | "rate_limit_error" | "insufficient_quota" | "server_error";

export type ApiErrorDetails = Readonly<{
  status: number;
  type: ErrorType;
  /** lower_snake, for programs. */
  code: string;
  /** For people: ours, without a word of a provider's. */
  message: string;
  /** The parameter at fault, as the caller named it. */
  param?: string;
  /** When it is worth trying again, in ms from now. */
  retryAfterMs?: number;
  /** Trying again cannot help, or has been tried enough. */
  isFinal?: boolean;
  /** Absent: no execution came about. */
  executionId?: string;
  /** How many providers' calls were made for it. */
  attempts?: number;
}>;

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly details: ApiErrorDetails;

  constructor(details: ApiErrorDetails) {
    super(details.message);
    this.details = details;
  }

  /** The body, and the data of an error inside a stream. */
  get json(): string {
    const { message, type, param = null, code } = this.details;
    return JSON.stringify({ error: { message, type, param, code } });
  }

  /** The OpenAI SDKs obey `x-should-retry` and `retry-after-ms` before anything else. */
  get headers(): Readonly<Record<string, string>> {
    const { retryAfterMs, isFinal, executionId, attempts } = this.details;
    return {
      ...(retryAfterMs !== undefined && {
        "retry-after": String(Math.ceil(retryAfterMs / 1000)),
        "retry-after-ms": String(Math.ceil(retryAfterMs)),
      }),
      ...(isFinal === true && { "x-should-retry": "false" }),
      ...(executionId !== undefined && {
        "x-request-id": executionId,
        "x-modeltier-execution-id": executionId,
      }),
      ...(attempts !== undefined && { "x-modeltier-attempts": String(attempts) }),
    };
  }
}

/** A parameter that exists in OpenAI's API and is not served here. */
export const unsupportedParameter = (param: string, remedy: string): ApiError =>
  new ApiError({
    status: 400,
    type: "invalid_request_error",
    code: "unsupported_parameter",
    param,
    message: `${param} is not served: ${remedy}`,
  });

export const modelNotFound = (param: string, message: string): ApiError =>
  new ApiError({ status: 404, type: "invalid_request_error", code: "model_not_found", param, message });
