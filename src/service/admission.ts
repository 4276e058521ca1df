/** Admission over this process: its event loop, its heap, its metrics. */
import { performance } from "node:perf_hooks";
import { Admission } from "../admission/admission.ts";
import { watchPressure } from "../admission/watch-pressure.ts";
import type { AdmissionSettings } from "../settings/admission.ts";
import { addAdmissionGauges } from "../telemetry/admission-metrics.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export type RunningAdmission = Readonly<{ admission: Admission; close(): void }>;

export function startAdmission(settings: AdmissionSettings, metrics: Metrics): RunningAdmission {
  const watch = watchPressure(settings.mostLagMs);
  const admission = new Admission({
    limits: settings,
    pressure: watch.pressure,
    nowMs: () => performance.now(),
    random: Math.random,
    onRefusal: (cause) => metrics.admissionRefusals.inc({ cause }),
    onWait: (waitedMs) => metrics.admissionWait.observe(waitedMs / 1_000),
  });
  addAdmissionGauges(metrics.registry, admission);
  return { admission, close: watch.close };
}
