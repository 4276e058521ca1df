import { performance } from "node:perf_hooks";
import type { ProviderHub } from "../providers/hub.ts";
import type { Settings } from "../settings/settings.ts";
import type { Log } from "../telemetry/log.ts";
import type { Tracing } from "../telemetry/tracing/start-tracing.ts";

/** Undefined where no collector is named; nothing of OpenTelemetry is loaded then. */
export async function openTracing(
  { tracing: settings }: Settings,
  hub: ProviderHub,
  log: Log,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { startTracing } = await import("../telemetry/tracing/start-tracing.ts");
  return startTracing({
    settings,
    addressOf: ({ provider }) => hub.current.addresses.get(provider),
    log,
    nowMs: () => performance.now(),
  });
}
