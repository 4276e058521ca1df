/** OpenTelemetry's own variables. Those that are not read here reach its SDK as they are. */
import type { Environment } from "./environment.ts";
import type { SettingsReader } from "./reader.ts";

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

export type TracingSettings = Readonly<{
  sampler: SamplerName;
  /** Of traces that begin here, for the samplers that want it: in [0, 1]. */
  ratio: number;
  /** How long a finished span waits for others to be sent with it, in ms. */
  delayMs: number;
  /** Every variable that begins with OTEL_, from the environment and from files. May hold a collector's key. */
  variables: Readonly<Record<string, string>>;
}>;

const ENDPOINTS = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
/** Spans that wait longer would be dropped. */
const LONGEST_DELAY_MS = 60_000;

/** Undefined: nothing is traced, because no collector is named or tracing is switched off. */
export function readTracing(reader: SettingsReader, environment: Environment): TracingSettings | undefined {
  const endpoints = ENDPOINTS.map((name) => reader.url(name, ["http", "https"], undefined));
  if (endpoints.every((url) => url === undefined)) return undefined;
  const isOff = reader.flag("OTEL_SDK_DISABLED", false);
  const exporter = reader.choice("OTEL_TRACES_EXPORTER", ["otlp", "none"], "otlp");
  if (isOff || exporter === "none") return undefined;
  for (const name of PROTOCOLS) reader.choice(name, ["http/protobuf"], "http/protobuf");
  return {
    sampler: reader.choice("OTEL_TRACES_SAMPLER", SAMPLERS, "parentbased_always_on"),
    ratio: readRatio(reader),
    delayMs: reader.milliseconds("OTEL_BSP_SCHEDULE_DELAY", LONGEST_DELAY_MS) ?? 5_000,
    variables: Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) =>
        name.startsWith("OTEL_") && value !== undefined ? [[name, value]] : [],
      ),
    ),
  };
}

function readRatio(reader: SettingsReader): number {
  const value = reader.text("OTEL_TRACES_SAMPLER_ARG") ?? "1";
  const ratio = Number(value);
  if (ratio >= 0 && ratio <= 1) return ratio;
  reader.problem("OTEL_TRACES_SAMPLER_ARG", `is "${value}"; use a share from 0 to 1`);
  return 1;
}
