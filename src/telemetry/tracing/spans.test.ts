import { type HrTime, SpanStatusCode } from "@opentelemetry/api";
import { hrTimeToMilliseconds, W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Harness, harness, settle, start } from "../../completion/testing/harness.ts";
import { answers, hedging, P95_MS } from "../../completion/testing/hedging.ts";
import {
  finish,
  headers,
  type Script,
  says,
  send,
  text,
} from "../../completion/testing/scripted-provider.ts";
import { callTracer } from "./spans.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The spans of one call, in the order they ended, and the headers that the providers were given. */
async function spansOf(engine: Harness) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = callTracer({
    tracer: provider.getTracer("test"),
    propagator: new W3CTraceContextPropagator(),
    addressOf: () => undefined,
  });
  const trace = tracer.startRpc("grpc", "Service/Method", () => undefined);
  await settle(start(engine, { observer: trace.observer }));
  trace.end();
  trace.end("internal"); // counts no more
  return exporter.getFinishedSpans();
}

const ms = (time: HrTime): number => hrTimeToMilliseconds(time);

it("shows two attempts of one call beside each other, and the one that was overtaken as no error", async () => {
  const engine = hedging({ "a/one": [answers(5_000, "slow")], "b/two": [answers(50, "quick")] });
  const [slow, quick, call] = await spansOf(engine);
  if (slow === undefined || quick === undefined || call === undefined) throw new Error("a span is missing");
  expect(ms(quick.startTime) - ms(slow.startTime)).toBe(P95_MS);
  expect(ms(quick.startTime)).toBeLessThan(ms(slow.endTime));
  expect(slow.attributes).toMatchObject({ "modeltier.attempt": 1, "modeltier.outcome": "hedged_out" });
  expect(slow.attributes).not.toHaveProperty("error.type");
  expect(quick.attributes).toMatchObject({ "modeltier.attempt": 2, "modeltier.outcome": "ok" });
  for (const { status, parentSpanContext } of [slow, quick]) {
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(parentSpanContext?.spanId).toBe(call.spanContext().spanId);
  }
  expect(call.status.code).toBe(SpanStatusCode.UNSET);
  expect(engine.callsTo("a/one")[0]?.request.headers).toEqual(headersOf(slow));
  expect(engine.callsTo("b/two")[0]?.request.headers).toEqual(headersOf(quick));
});

const headersOf = (span: { spanContext(): { traceId: string; spanId: string } }): readonly string[] => [
  "traceparent",
  `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`,
];

it.each([
  ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18"],
  ["You asked: what is my password?", undefined],
  ["x".repeat(129), undefined],
])("passes on what a provider calls its model only where that is a name: %s", async (reported, told) => {
  const answer: Script = [headers, send(text("yes")), send(finish({ model: reported }))];
  const [attempt] = await spansOf(harness({ "a/one": [answer] }));
  expect(attempt?.attributes["modeltier.outcome"]).toBe("ok");
  expect(attempt?.attributes["gen_ai.response.model"]).toBe(told);
});

it.each([
  ["openai", "openai"],
  ["anthropic", "anthropic"],
  ["kimi", "moonshot_ai"],
  ["my-vllm", "my-vllm"],
])("calls %s what the conventions do: %s", async (provider, name) => {
  const [attempt] = await spansOf(harness({ [`${provider}/m`]: [says("yes")] }));
  expect(attempt).toMatchObject({ name: "chat m", attributes: { "gen_ai.provider.name": name } });
});
