/** How much the service takes at a time, for this process. */
import type { AdmissionLimits } from "../admission/admission.ts";
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

export function readAdmission(reader: SettingsReader): AdmissionSettings {
  const bytes = reader.count("MODELTIER_MAX_REQUEST_BYTES", 512 * MIB, Number.MAX_SAFE_INTEGER);
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
