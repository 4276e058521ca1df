/** A backtest from its first page to its report. Between slices of work the event loop is free for calls. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import { type Candidate, rescore } from "./rescore.ts";
import { Tally } from "./tally.ts";
import type { BacktestEvent } from "./types.ts";

export type BacktestSource = Readonly<{
  /** How many there are, counting no further than `most`. */
  count(most: number): Promise<number>;
  /** Newest first; shorter than `limit` at the end. */
  page(limit: number, after: RecordedExecution | undefined): Promise<readonly RecordedExecution[]>;
}>;

export type BacktestOptions = Readonly<{
  source: BacktestSource;
  candidate: Candidate;
  maxExecutions: number;
  signal: AbortSignal;
  /** Monotonic, in ms. */
  nowMs: () => number;
}>;

const PAGE = 1_000;
/** The event loop is left to others after so much work. */
const SLICE_MS = 4;
const PROGRESS_MS = 250;

/** Progress several times a second, then the report. Ends without one when the signal is aborted. */
export async function* runBacktest(options: BacktestOptions): AsyncGenerator<BacktestEvent> {
  const { source, candidate, maxExecutions, signal, nowMs } = options;
  const total = await source.count(maxExecutions);
  const tally = new Tally();
  let executions = 0;
  let saidAtMs = nowMs();
  yield { kind: "progress", executions, total };
  let after: RecordedExecution | undefined;
  while (executions < maxExecutions) {
    const limit = Math.min(PAGE, maxExecutions - executions);
    const page = await source.page(limit, after);
    let sliceEndsMs = nowMs() + SLICE_MS;
    for (const execution of page) {
      decide(execution, candidate, tally);
      if (nowMs() < sliceEndsMs) continue;
      await nextTurn();
      if (signal.aborted) return;
      sliceEndsMs = nowMs() + SLICE_MS;
    }
    executions += page.length;
    after = page.at(-1);
    if (signal.aborted) return;
    if (page.length < limit) break;
    if (nowMs() - saidAtMs < PROGRESS_MS) continue;
    saidAtMs = nowMs();
    yield { kind: "progress", executions, total: Math.max(total, executions) };
  }
  yield { kind: "progress", executions, total: Math.max(total, executions) };
  yield { kind: "report", report: tally.report };
}

function decide(execution: RecordedExecution, candidate: Candidate, tally: Tally): void {
  tally.note(execution);
  const { inputs } = execution;
  if (inputs === undefined) {
    tally.withoutInputs += 1;
    return;
  }
  const rescored = rescore({ ...execution, inputs }, candidate);
  if (rescored === undefined) tally.refused += 1;
  else tally.add(execution, rescored);
}
