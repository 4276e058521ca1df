/** Numbers as people read them: three significant digits, a unit always. The exact value is for hovering and copying. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";

const LOCALE = "en";
const NANO = 1_000_000_000n;

/** All digits: 4203100n nano-USD is "$0.0042031". */
export function exactUsd(nanoUsd: bigint): string {
  const sign = nanoUsd < 0n ? "−" : "";
  const size = nanoUsd < 0n ? -nanoUsd : nanoUsd;
  const fraction = (size % NANO).toString().padStart(9, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${sign}$${(size / NANO).toLocaleString(LOCALE)}.${fraction}`;
}

/** "0.15" is 150000000n nano-USD. Digits are moved, nothing is rounded. @throws SyntaxError unless it is a decimal number */
export function nanoUsdOf(usd: string): bigint {
  const [whole = "0", fraction = ""] = usd.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}

/** "$12.40", "$0.00420", "$1,240". */
export function usd(nanoUsd: bigint): string {
  const value = Number(nanoUsd) / 1e9;
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size >= 1000) return `${sign}$${Math.round(size).toLocaleString(LOCALE)}`;
  if (size >= 1) return `${sign}$${size.toFixed(2)}`;
  const digits = Math.min(9, 2 - Math.floor(Math.log10(size)));
  return `${sign}$${size.toFixed(digits)}`;
}

/** A price: micro-USD per million tokens as "$0.15 / MTok". */
export const price = (microUsdPerMtok: bigint): string => `${exactUsd(microUsdPerMtok * 1000n)} / MTok`;

export const exactCount = (count: bigint | number): string => count.toLocaleString(LOCALE);

/** "12.4k", "1.20M"; up to 9,999 in full. */
export function count(value: bigint | number): string {
  const size = Number(value);
  if (Math.abs(size) < 10_000) return size.toLocaleString(LOCALE);
  const [divisor, unit] = size < 1e6 ? [1e3, "k"] : size < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${(size / divisor).toPrecision(3)}${unit}`;
}

/** 0.6432 is "64.3 %". */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return "0 %";
  return `${value >= 99.95 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

export const ms = (duration: Duration): number => Number(duration.seconds) * 1000 + duration.nanos / 1e6;

/** "12 ms", "1.24 s", "3 min 5 s". */
export function span(milliseconds: number): string {
  if (milliseconds === 0) return "0 ms";
  if (milliseconds < 1) return `${milliseconds.toPrecision(2)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toPrecision(3)} s`;
  if (milliseconds < 3_600_000) {
    return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
  }
  return `${Math.floor(milliseconds / 3_600_000)} h ${Math.round((milliseconds % 3_600_000) / 60_000)} min`;
}

export const spanOf = (duration: Duration | undefined): string =>
  duration === undefined ? "–" : span(ms(duration));

export const timeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

const withSeconds = new Intl.DateTimeFormat(LOCALE, {
  dateStyle: "medium",
  timeStyle: "medium",
  hour12: false,
});
const dayOnly = new Intl.DateTimeFormat(LOCALE, { month: "short", day: "numeric" });

export const moment = (time: Timestamp): string => withSeconds.format(timestampDate(time));
export const day = (time: Timestamp): string => dayOnly.format(timestampDate(time));

/** Relative under a day, absolute after it. */
export function ago(time: Timestamp, nowMs: number): string {
  const passed = Math.max(0, nowMs - timestampDate(time).getTime());
  if (passed < 5_000) return "just now";
  if (passed < 60_000) return `${Math.round(passed / 1000)} s ago`;
  if (passed < 3_600_000) return `${Math.round(passed / 60_000)} min ago`;
  if (passed < 86_400_000) return `${Math.round(passed / 3_600_000)} h ago`;
  return moment(time);
}
