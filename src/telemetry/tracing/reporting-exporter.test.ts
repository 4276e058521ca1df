import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { expect, it } from "vitest";
import { createMemoryLog } from "../../../test/support/memory-log.ts";
import { ReportingExporter } from "./reporting-exporter.ts";

const REFUSED = Object.assign(new Error("connect ECONNREFUSED canary"), { code: "ECONNREFUSED" });
const span = {} as ReadableSpan;

function exporterWith(result: ExportResult) {
  const inner: SpanExporter = {
    export: (_, done) => done(result),
    shutdown: async () => {},
  };
  const clock = { nowMs: 0 };
  const log = createMemoryLog();
  const exporter = new ReportingExporter(inner, log, () => clock.nowMs);
  const send = (spans: number) => {
    const results: ExportResult[] = [];
    exporter.export(Array(spans).fill(span), (one) => results.push(one));
    expect(results).toEqual([result]);
  };
  return { send, clock, log };
}

it("says once a minute how many spans were lost since, and why", () => {
  const { send, clock, log } = exporterWith({ code: ExportResultCode.FAILED, error: REFUSED });
  send(3);
  clock.nowMs = 59_999;
  send(2);
  expect(log.lines).toMatchObject([{ level: "warn", fields: { spans: 3, code: "ECONNREFUSED" } }]);
  clock.nowMs = 60_000;
  send(1);
  expect(log.lines).toMatchObject([{}, { fields: { spans: 3 } }]);
  expect(JSON.stringify(log.lines)).not.toContain("canary");
});

it("says nothing of what was sent", () => {
  const { send, log } = exporterWith({ code: ExportResultCode.SUCCESS });
  send(1);
  expect(log.lines).toEqual([]);
});
