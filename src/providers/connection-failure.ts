import { errors } from "undici";
import { ADDRESS_NOT_ALLOWED } from "./outbound.ts";
import { ProviderError } from "./provider-error.ts";

const TLS = "the TLS handshake failed";
const RESET = "the connection was reset before an answer";
const DNS = "the host name was not resolved";
const NOT_ALLOWED = "its address is not public, and MODELTIER_PRIVATE_UPSTREAMS does not name it";
const UNREACHABLE = "the host is unreachable";

/** Error codes of sockets, of name resolution and of undici. */
const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", DNS],
  ["EAI_AGAIN", DNS],
  ["EAI_FAIL", DNS],
  ["EAI_NODATA", DNS],
  ["EAI_NONAME", DNS],
  ["ECONNREFUSED", "the connection was refused"],
  ["ECONNRESET", RESET],
  ["ECONNABORTED", RESET],
  ["EPIPE", RESET],
  ["UND_ERR_SOCKET", RESET],
  ["EHOSTUNREACH", UNREACHABLE],
  ["ENETUNREACH", UNREACHABLE],
  ["EADDRNOTAVAIL", UNREACHABLE],
  [ADDRESS_NOT_ALLOWED, NOT_ALLOWED],
  ["EPROTO", TLS],
  ["UND_ERR_CLOSED", "the connection pool is closed"],
  ["UND_ERR_DESTROYED", "the connection pool is closed"],
]);
/** What does not pass by itself. */
const FOR_AN_OPERATOR: ReadonlySet<string> = new Set([TLS, NOT_ALLOWED]);
const TIMEOUT_CODES: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);
const TLS_CODE = /^ERR_(?:TLS|SSL)_|CERT|^UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/;
/** The failure of an exchange that ended before its headers. The explanation is ours; the cause's text is not kept. */
export function connectionFailure(provider: string, error: unknown): ProviderError {
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return new ProviderError(provider, "protocol", { explanation: "the answer is not HTTP as we know it" });
  }
  const code = errorCode(error);
  if (TIMEOUT_CODES.has(code)) {
    return new ProviderError(provider, "connect_timeout", { explanation: "no connection in time" });
  }
  const explanation = EXPLANATIONS.get(code) ?? (TLS_CODE.test(code) ? TLS : "the connection failed");
  return new ProviderError(provider, "connection", {
    explanation,
    ...(FOR_AN_OPERATOR.has(explanation) && { needsOperator: true }),
  });
}

/** The code of a socket error. When every address of a host failed, that of the last one tried. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error instanceof AggregateError ? errorCode(error.errors.at(-1)) : "";
}
