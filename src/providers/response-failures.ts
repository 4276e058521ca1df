import { classifyFailure, type ErrorReport } from "./failure-rules.ts";
import { ProviderError, type ProviderErrorDetails, type ProviderFailure } from "./provider-error.ts";
import { retryAfterMs } from "./retry-after.ts";
import { type ResponseHeaders, responseHeader } from "./transport.ts";

/** Words and ids that may be shown: too short and too plain for a prompt. */
const PUBLIC_CODE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const PUBLIC_ID = /^[A-Za-z0-9_.-]{1,128}$/;

/** Names the failures of one response: it knows who sent it, with which status and headers. */
export class ResponseFailures {
  readonly #provider: string;
  readonly #secret: string;
  readonly #status: number;
  readonly #headers: ResponseHeaders;

  /** @param secret our key: no error shows it, should the provider send it back as a code or an id */
  constructor(provider: string, secret: string, status: number, headers: ResponseHeaders) {
    this.#provider = provider;
    this.#secret = secret;
    this.#status = status;
    this.#headers = headers;
  }

  /** A failure that we found ourselves. */
  failed(failure: ProviderFailure, explanation: string): ProviderError {
    return new ProviderError(this.#provider, failure, { ...this.#details(), explanation });
  }

  /** A failure that the provider reported, as the whole answer or inside one that began well. */
  reported(report: ErrorReport): ProviderError {
    const failure = classifyFailure(report, this.#status >= 300 ? this.#status : report.status);
    const wait = retryAfterMs(this.#headers, failure, report.message);
    const code = this.#shown(report.words[0], PUBLIC_CODE);
    return new ProviderError(this.#provider, failure, {
      ...this.#details(report.requestId),
      ...(wait !== undefined && { retryAfterMs: wait }),
      ...(code !== undefined && { providerCode: code }),
    });
  }

  #details(requestIdInBody?: string): ProviderErrorDetails {
    const inHeader =
      responseHeader(this.#headers, "x-request-id") ?? responseHeader(this.#headers, "request-id");
    const requestId = this.#shown(inHeader ?? requestIdInBody, PUBLIC_ID);
    return { status: this.#status, ...(requestId !== undefined && { requestId }) };
  }

  #shown(value: string | undefined, allowed: RegExp): string | undefined {
    if (value === undefined || !allowed.test(value)) return undefined;
    return this.#secret !== "" && value.includes(this.#secret) ? undefined : value;
  }
}
