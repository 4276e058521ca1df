/** A backtest from its first page to its report. Between slices of work the event loop is free for calls. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import { type Candidate, canRescore, rescore } from "./rescore.ts";
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

/** Large: a database without statistics sorts the whole window for every page. */
const PAGE = 2_000;
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
  for await (const page of pagesOf(source, maxExecutions)) {
    let sliceEndsMs = nowMs() + SLICE_MS;
    for (const execution of page) {
      decide(execution, candidate, tally);
      executions += 1;
      if (nowMs() < sliceEndsMs) continue;
      await nextTurn();
      if (signal.aborted) return;
      if (nowMs() - saidAtMs >= PROGRESS_MS) {
        saidAtMs = nowMs();
        yield { kind: "progress", executions, total: Math.max(total, executions) };
      }
      sliceEndsMs = nowMs() + SLICE_MS;
    }
    if (signal.aborted) return;
  }
  yield { kind: "progress", executions, total: Math.max(total, executions) };
  yield { kind: "report", report: tally.report };
}

/** Page by page; the next one is on its way while one is worked on, and never more than that. */
async function* pagesOf(source: BacktestSource, maxExecutions: number) {
  let left = maxExecutions;
  const pageAfter = (last: RecordedExecution | undefined) => source.page(Math.min(PAGE, left), last);
  let coming: Promise<readonly RecordedExecution[]> | undefined = pageAfter(undefined);
  while (coming !== undefined) {
    const page: readonly RecordedExecution[] = await coming;
    const isLast = page.length < Math.min(PAGE, left);
    left -= page.length;
    coming = isLast || left === 0 ? undefined : pageAfter(page.at(-1));
    coming?.catch(() => undefined); // it is awaited, unless the backtest ends before
    yield page;
  }
}

function decide(execution: RecordedExecution, candidate: Candidate, tally: Tally): void {
  tally.note(execution);
  const { inputs } = execution;
  if (inputs === undefined || !canRescore(inputs, candidate)) {
    tally.withoutInputs += 1;
    return;
  }
  const rescored = rescore({ ...execution, inputs }, candidate);
  if (rescored === undefined) tally.refused += 1;
  else tally.add(execution, rescored);
}
