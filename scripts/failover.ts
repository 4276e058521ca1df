/**
 * `npm run failover`: the sixteen faults a caller meets most, each against the real service; what the caller saw, what the
 * providers saw, and whether the promise held. Then what a failover costs in latency. Exit code 1 when a promise was broken.
 */
import { type Rig, startRig } from "../test/faults/rig/rig.ts";
import { gapsMs } from "../test/faults/rig/trial.ts";
import { CASES, type Case, LIMITS } from "./failover-cases.ts";

const FAILOVERS = 200;
const WARM_UP = 20;
const FAILOVER_P99_MS = 50;

async function runCase({ fault, promise, run }: Case, rig: Rig): Promise<readonly string[]> {
  try {
    const { caller, provider, kept } = await run(rig);
    return [kept ? "pass" : "FAIL", fault, promise, caller, provider];
  } catch (error) {
    rig.sandbox.clearFaults();
    return ["FAIL", fault, promise, error instanceof Error ? error.message : String(error), ""];
  }
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

/** In ms, from the end of each attempt that failed to the moment the next provider had read the whole request. */
async function measureFailovers(rig: Rig, faults: string): Promise<readonly number[]> {
  const waits: number[] = [];
  for (let calls = 0; calls < WARM_UP + FAILOVERS; calls += 1) {
    const sequence = rig.sandbox.ledger.entries().at(-1)?.sequence ?? 0;
    await rig.call("measured", { model: rig.primary(faults) });
    const [waitMs] = gapsMs(rig.sandbox.ledger.entries(sequence));
    if (calls >= WARM_UP && waitMs !== undefined) waits.push(waitMs);
  }
  return waits.toSorted((a, b) => a - b);
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

async function failoverRow(rig: Rig, what: string, faults: string): Promise<readonly string[]> {
  const waits = await measureFailovers(rig, faults);
  const [p50, p99] = [percentile(waits, 0.5), percentile(waits, 0.99)];
  const verdict = p99 <= FAILOVER_P99_MS ? "pass" : "FAIL";
  return [verdict, what, `p50 ${p50.toFixed(2)} ms`, `p99 ${p99.toFixed(2)} ms`, `${waits.length} failovers`];
}

async function run(rig: Rig): Promise<boolean> {
  const rows: (readonly string[])[] = [];
  for (const one of CASES) rows.push(await runCase(one, rig));
  printTable([["", "fault", "promise", "the caller saw", "the providers saw"], ...rows]);
  const title = "From the first failure to the next attempt in the hands of its provider";
  process.stdout.write(`\n${title}, promised: p99 of ${FAILOVER_P99_MS} ms at most\n`);
  const quick = [
    await failoverRow(rig, "an error status, then the next provider", "529"),
    await failoverRow(rig, "an error inside a stream, then the next provider", "error-first-event"),
  ];
  printTable(quick);
  return [...rows, ...quick].every(([verdict]) => verdict === "pass");
}

const rig = await startRig({
  env: {
    MODELTIER_HEADERS_TIMEOUT_MS: String(LIMITS.headersMs),
    MODELTIER_FIRST_TOKEN_TIMEOUT_MS: String(LIMITS.firstTokenMs),
    MODELTIER_BYTE_SILENCE_MS: String(LIMITS.byteSilenceMs),
    MODELTIER_CONTENT_SILENCE_MS: String(LIMITS.contentSilenceMs),
  },
});
try {
  if (!(await run(rig))) process.exitCode = 1;
} finally {
  await rig.stop();
}
