/** How much the service takes at a time, for this process. */
import type { AdmissionLimits } from "../admission/admission.ts";
import { heapLimitBytes } from "../admission/heap-limit.ts";
import type { SettingsReader } from "./reader.ts";

export type AdmissionSettings = AdmissionLimits &
  Readonly<{
    /** How late the event loop may run, in ms. */
    mostLagMs: number;
    /** Attempts under way at one provider. */
    attemptsPerProvider: number;
  }>;

/** By their names without MODELTIER_. */
export const ADMISSION_VARIABLES = "MAX_CALLS MAX_REQUEST_BYTES MAX_LAG_MS MAX_ATTEMPTS_PER_PROVIDER";

const MIB = 1024 * 1024;
/** The largest request has to fit. */
const LEAST_BYTES = 4 * MIB;
const MOST_CALLS = 1_000_000;
/** What a request is made into (texts, the body for a provider, its record) takes several times its bytes. */
const HEAP_PER_BYTE = 6;

/** As much as the heap has room for, and never more than is usual. */
export function usualRequestBytes(heapBytes: number): number {
  const fitting = Math.floor(heapBytes / HEAP_PER_BYTE);
  return Math.max(LEAST_BYTES, Math.min(512 * MIB, fitting));
}

export function readAdmission(reader: SettingsReader): AdmissionSettings {
  const bytes = reader.count(
    "MODELTIER_MAX_REQUEST_BYTES",
    usualRequestBytes(heapLimitBytes()),
    Number.MAX_SAFE_INTEGER,
  );
  if (bytes < LEAST_BYTES) {
    const remedy = `use at least ${LEAST_BYTES}, which one request may have`;
    reader.problem("MODELTIER_MAX_REQUEST_BYTES", `is ${bytes}; ${remedy}`);
  }
  return {
    calls: reader.count("MODELTIER_MAX_CALLS", 20_000, MOST_CALLS),
    bytes,
    mostLagMs: reader.milliseconds("MODELTIER_MAX_LAG_MS", 10_000) ?? 200,
    attemptsPerProvider: reader.count("MODELTIER_MAX_ATTEMPTS_PER_PROVIDER", 20_000, MOST_CALLS),
  };
}
