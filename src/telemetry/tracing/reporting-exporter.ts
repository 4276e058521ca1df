import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Log } from "../log.ts";

/** A collector may be away for hours; that it is needs saying, and not with every batch. */
const SILENT_MS = 60_000;

/** An exporter that says, once a minute at most, that spans were lost. */
export class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Log;
  readonly #nowMs: () => number;
  #lost = 0;
  #silentUntilMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs a monotonic clock, in ms */
  constructor(exporter: SpanExporter, log: Log, nowMs: () => number) {
    this.#exporter = exporter;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      if (result.code === ExportResultCode.FAILED) this.#report(spans.length, result.error);
      done(result);
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #report(spans: number, error: Error | undefined): void {
    this.#lost += spans;
    const nowMs = this.#nowMs();
    if (nowMs < this.#silentUntilMs) return;
    this.#silentUntilMs = nowMs + SILENT_MS;
    this.#log.warn("spans could not be sent to the collector and are lost", {
      spans: this.#lost,
      error: error?.name,
      code: codeOf(error),
    });
    this.#lost = 0;
  }
}

/** An HTTP status or the name of a socket's error. The message stays out: it may quote the collector's answer. */
function codeOf(error: Error | undefined): string | number | undefined {
  if (error === undefined || !("code" in error)) return undefined;
  return typeof error.code === "string" || typeof error.code === "number" ? error.code : undefined;
}
