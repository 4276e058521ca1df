import { describe, expect, it } from "vitest";
import type { ProviderFailure } from "./provider-error.ts";
import { retryAfterMs } from "./retry-after.ts";

const wait = (
  headers: Readonly<Record<string, string>>,
  message = "",
  failure: ProviderFailure = "rate_limited",
): number | undefined => retryAfterMs(headers, failure, message);

const DATE = "Tue, 24 Nov 2026 10:00:00 GMT";

describe("how long a provider asks to wait", () => {
  it.each([
    ["nothing said", {}, undefined],
    ["seconds", { "retry-after": "2" }, 2_000],
    ["a fraction of a second, rounded up to a whole ms", { "retry-after": "0.0015" }, 2],
    ["zero, which is an answer", { "retry-after": "0" }, 0],
    ["milliseconds before seconds", { "retry-after-ms": "250", "retry-after": "9" }, 250],
    ["zero milliseconds before seconds", { "retry-after-ms": "0", "retry-after": "9" }, 0],
    ["milliseconds that are nonsense, so seconds", { "retry-after-ms": "soon", "retry-after": "9" }, 9_000],
    [
      "a date, by the answer's own date",
      { "retry-after": "Tue, 24 Nov 2026 10:01:00 GMT", date: DATE },
      60_000,
    ],
    ["a date that is past", { "retry-after": "Tue, 24 Nov 2026 09:00:00 GMT", date: DATE }, 0],
    ["a date without a date to measure it by", { "retry-after": DATE }, undefined],
    ["nonsense", { "retry-after": "later" }, undefined],
    ["less than nothing", { "retry-after": "-5" }, undefined],
    ["longer than a day, which is cut to one", { "retry-after": "99999999999" }, 86_400_000],
  ])("%s", (_name, headers, ms) => {
    expect(wait(headers)).toBe(ms);
  });

  it.each([
    ["120ms", 120],
    ["59.369s", 59_369],
    ["6m0s", 360_000],
    ["1h2m3s", 3_723_000],
    ["0s", 0],
    ["7", 7_000],
    ["soon", undefined],
    ["", undefined],
  ])("x-ratelimit-reset-tokens: %s", (reset, ms) => {
    expect(wait({ "x-ratelimit-reset-tokens": reset })).toBe(ms);
  });

  it("waits for the limits that are used up, and for the last of them", () => {
    const resets = { "x-ratelimit-reset-requests": "9s", "x-ratelimit-reset-tokens": "2s" };
    expect(wait(resets)).toBe(9_000);
    expect(
      wait({ ...resets, "x-ratelimit-remaining-requests": "41", "x-ratelimit-remaining-tokens": "0" }),
    ).toBe(2_000);
    expect(
      wait({ ...resets, "x-ratelimit-remaining-requests": "41", "x-ratelimit-remaining-tokens": "5" }),
    ).toBeUndefined();
  });

  it("does not wait for limits that are not why the call failed", () => {
    expect(wait({ "x-ratelimit-reset-requests": "9s" }, "", "server_error")).toBeUndefined();
  });

  it("prefers retry-after to the limits' resets", () => {
    expect(wait({ "retry-after": "1", "x-ratelimit-reset-requests": "9s" })).toBe(1_000);
  });

  it.each([
    ["Limit 200000, Used 162960. Please try again in 1.574s. Visit https://example.org", 1_574],
    ["Please try again in 20ms.", 20],
    ["Please try again in 6m0s.", 360_000],
    ["please try again after 1 seconds", 1_000],
    ["Try again in 2 minutes", 120_000],
    ["please try again later", undefined],
    ["try again in a while", undefined],
  ])('"%s"', (message, ms) => {
    expect(wait({}, message)).toBe(ms);
  });
});
