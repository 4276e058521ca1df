/** How long a provider asks to wait. */
import type { ProviderFailure } from "./provider-error.ts";
import { type ResponseHeaders, responseHeader } from "./transport.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** No sane wait is longer, and timers overflow at 24.8 days. */
const LONGEST_WAIT_MS = 24 * HOUR_MS;

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const TRY_AGAIN = /try again (?:in|after) ([\d.]+(?:[hms][\dhms.]*)?)( second| minute)?/i;

/**
 * The wait in ms from when the answer arrived; 0 is an answer. In this order: `retry-after-ms`, `retry-after` (seconds, or a
 * date measured against the response's own `Date`, since our clock may differ), the `x-ratelimit-reset-*` of an exhausted
 * limit, and the message ("try again in 1.574s").
 * @returns undefined when nothing was asked for
 */
export function retryAfterMs(
  headers: ResponseHeaders,
  failure: ProviderFailure,
  message: string,
): number | undefined {
  const wait =
    milliseconds(responseHeader(headers, "retry-after-ms"), 1) ??
    retryAfterHeaderMs(headers) ??
    (failure === "rate_limited" ? limitResetMs(headers) : undefined) ??
    messageWaitMs(message);
  return wait === undefined ? undefined : Math.min(wait, LONGEST_WAIT_MS);
}

function retryAfterHeaderMs(headers: ResponseHeaders): number | undefined {
  const value = responseHeader(headers, "retry-after");
  const wait = milliseconds(value, SECOND_MS);
  if (wait !== undefined || value === undefined) return wait;
  const until = Date.parse(value) - Date.parse(responseHeader(headers, "date") ?? "");
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}

/** The longest reset among the limits that are used up; a limit with something remaining is not what refused us. */
function limitResetMs(headers: ResponseHeaders): number | undefined {
  const waits = ["requests", "tokens"]
    .filter((kind) => (responseHeader(headers, `x-ratelimit-remaining-${kind}`) ?? "0") === "0")
    .map((kind) => durationMs(responseHeader(headers, `x-ratelimit-reset-${kind}`) ?? ""))
    .filter((wait) => wait !== undefined);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function messageWaitMs(message: string): number | undefined {
  const [, amount = "", unit = ""] = TRY_AGAIN.exec(message) ?? [];
  if (unit !== "")
    return milliseconds(amount, unit.trim().toLowerCase() === "minute" ? MINUTE_MS : SECOND_MS);
  return durationMs(amount.replace(/\.$/, ""));
}

/** `120ms`, `59.369s`, `6m0s`, or a bare number of seconds. */
function durationMs(text: string): number | undefined {
  const parts = text === "" ? null : DURATION.exec(text);
  if (parts === null) return milliseconds(text, SECOND_MS);
  const [, hours = 0, minutes = 0, seconds = 0, ms = 0] = parts;
  return Math.ceil(
    Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS + Number(ms),
  );
}

function milliseconds(text: string | undefined, unitMs: number): number | undefined {
  return text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? Math.ceil(Number(text) * unitMs) : undefined;
}
