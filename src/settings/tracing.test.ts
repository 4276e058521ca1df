import { expect, it } from "vitest";
import { SettingsError } from "./reader.ts";
import { readSettings } from "./settings.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

const tracingOf = (environment: Record<string, string>) => readSettings(environment, "/srv").tracing;

it.each([
  [{}],
  [{ OTEL_TRACES_EXPORTER: "console", OTEL_TRACES_SAMPLER: "of no interest without a collector" }],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: "true" }],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }],
])("nothing is traced with %o", (environment) => {
  expect(tracingOf(environment)).toBeUndefined();
});

it("takes every trace that its caller takes or that begins here, unless told otherwise", () => {
  expect(tracingOf(ENDPOINT)).toEqual({
    sampler: "parentbased_always_on",
    ratio: 1,
    delayMs: 5_000,
    variables: ENDPOINT,
  });
});

it("takes what OpenTelemetry's variables say", () => {
  const variables = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/v1/traces",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  };
  expect(tracingOf({ ...variables, LOG_LEVEL: "warn" })).toEqual({
    sampler: "parentbased_traceidratio",
    ratio: 0.25,
    delayMs: 100,
    variables,
  });
});

it.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" }, "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, 'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"'],
  [
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" },
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is "http/json"',
  ],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "zipkin" }, 'OTEL_TRACES_EXPORTER is "zipkin"'],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "sometimes" }, 'OTEL_TRACES_SAMPLER is "sometimes"'],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER_ARG: "2" }, 'OTEL_TRACES_SAMPLER_ARG is "2"'],
  [{ ...ENDPOINT, OTEL_BSP_SCHEDULE_DELAY: "0" }, 'OTEL_BSP_SCHEDULE_DELAY is "0"'],
])("%o is refused by name", (environment, problem) => {
  expect(() => tracingOf(environment)).toThrow(SettingsError);
  expect(() => tracingOf(environment)).toThrow(problem);
});
