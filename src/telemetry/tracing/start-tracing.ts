/** OpenTelemetry's SDK, set up from the settings. Only who traces imports this: it loads the SDK. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { CallTracer } from "../../rpc/call-tracer.ts";
import type { SamplerName, TracingSettings } from "../../settings/tracing.ts";
import type { Log } from "../log.ts";
import { OTEL } from "./names.ts";
import { ReportingExporter } from "./reporting-exporter.ts";
import { callTracer, type SpanDeps } from "./spans.ts";

export type Tracing = Readonly<{
  tracer: CallTracer;
  /** Sends what is left, as far as that goes within the time. Never rejects. */
  close(limitMs: number): Promise<void>;
}>;

export type TracingOptions = Readonly<{
  settings: TracingSettings;
  addressOf: SpanDeps["addressOf"];
  log: Log;
  /** Monotonic, in ms. */
  nowMs(): number;
}>;

/** What waits for the collector; spans beyond that are dropped. */
const QUEUE_SPANS = 2_048;

export function startTracing({ settings, addressOf, log, nowMs }: TracingOptions): Tracing {
  offer(settings.variables);
  const exporter = new ReportingExporter(new OTLPTraceExporter(), log, nowMs);
  const provider = new TracerProvider({
    resource: resourceOf(),
    sampler: SAMPLERS[settings.sampler](settings.ratio),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: QUEUE_SPANS,
        scheduledDelayMillis: settings.delayMs,
      }),
    ],
  });
  const tracer = provider.getTracer("modeltier");
  return {
    tracer: callTracer({ tracer, propagator: new W3CTraceContextPropagator(), addressOf }),
    async close(limitMs) {
      const flushed = provider.shutdown().catch(() => undefined); // the exporter has said what went wrong
      await Promise.race([flushed, sleep(limitMs, undefined, { ref: false })]);
    },
  };
}

/** The SDK reads the process's own variables, which those from files are not among. */
function offer(variables: TracingSettings["variables"]): void {
  for (const [name, value] of Object.entries(variables)) process.env[name] ||= value;
}

/** Who sends the spans; the variables have the last word. */
function resourceOf() {
  const ours = resourceFromAttributes({
    [OTEL.serviceName]: "modeltier",
    [OTEL.serviceInstanceId]: randomUUID(),
  });
  return ours.merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
}

const SAMPLERS: Readonly<Record<SamplerName, (ratio: number) => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
};
