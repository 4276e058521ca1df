/** What must hold after every fault, whatever it was. Each throws an AssertionError that says what does not. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { billedTokens, type LedgerEntry } from "../../../src/sandbox/ledger.ts";
import type { Heard } from "./call.ts";
import { holdsWithin, type Rig } from "./rig.ts";
import type { AttemptRow, ExecutionRow, Tokens } from "./rows.ts";
import { nanoUsdOf, sumOf } from "./scrape.ts";
import type { Trial, TrialOptions } from "./trial.ts";

const RECOVERED_WITHIN_MS = 1_000;
const STDERR_BYTES_PER_CALL = 1_024;
/** Timers that come and go by themselves: the recorder's, a session's, the metrics' own. */
const SPARE_TIMERS = 5;
/** One to the sandbox and one through the proxy, each on its own pool. */
const KEPT_SOCKETS_PER_CALL = 2;
const SPARE_SOCKETS = 10;
/** Attempts of one call, and of these at one provider. */
const MOST_ATTEMPTS = 3;
const MOST_AT_ONE_PROVIDER = 2;

/** Exactly one end, the decision first, attempts within their bounds. */
export function checkShape(heard: Heard): void {
  const cases = heard.events.map((event) => event.case);
  const ends = cases.filter((name) => name === "completed").length + (heard.error === undefined ? 0 : 1);
  assert.equal(ends, 1, `one terminal outcome, not ${ends}: ${cases.join(" ")} ${heard.error?.message}`);
  if (heard.completed !== undefined) assert.equal(cases.at(-1), "completed");
  assert.equal(cases.indexOf("decision"), cases.length === 0 ? -1 : 0);
  assert.equal(cases.lastIndexOf("decision"), cases.indexOf("decision"));
  assert.ok(heard.asked.length <= MOST_ATTEMPTS, `${heard.asked.length} attempts`);
  for (const provider of new Set(heard.asked.map(providerOf))) {
    const there = heard.asked.filter((target) => providerOf(target) === provider).length;
    assert.ok(there <= MOST_AT_ONE_PROVIDER, `${there} attempts at ${provider}`);
  }
}

const providerOf = (target: string): string => target.slice(0, target.indexOf("/"));

/** One row for every accepted call, and one for each of its attempts, that say what the caller heard. */
export function checkRows(accepted: readonly Heard[], rows: readonly ExecutionRow[]): void {
  const byDecision = new Map(rows.map((row) => [row.decisionId, row]));
  assert.equal(rows.length, accepted.length, "one execution row for each accepted call");
  assert.equal(byDecision.size, accepted.length, "no execution row twice");
  for (const heard of accepted) {
    const row = byDecision.get(heard.decision?.decisionId ?? "");
    assert.ok(row !== undefined, "the call has its row");
    assert.equal(row.status, statusOf(heard));
    // A caller that left may not have heard of the last attempt any more.
    const hasLeft = heard.error?.code === Code.Canceled || heard.error?.code === Code.DeadlineExceeded;
    const targets = row.attempts.map(({ target }) => target);
    assert.deepEqual(hasLeft ? targets.slice(0, heard.asked.length) : targets, heard.asked);
    assert.deepEqual(
      row.attempts.map(({ attempt }) => attempt),
      row.attempts.map((_, index) => index + 1),
    );
    checkTotals(row);
    if (heard.completed === undefined) continue;
    assert.equal(heard.completed.executionId, row.executionId);
    assert.equal(heard.completed.costNanoUsd, row.costNanoUsd, "the caller was told what was written");
    // The last one, but for a hedge that was started after it and lost.
    const served = row.attempts.filter(({ outcome }) => outcome === "ok");
    assert.deepEqual(
      served.map(({ target }) => target),
      [heard.served],
    );
    assert.ok(row.attempts.slice(served[0]?.attempt).every(({ outcome }) => outcome === "hedged_out"));
  }
}

function statusOf({ completed, error }: Heard): ExecutionRow["status"] {
  if (completed !== undefined) return "ok";
  if (error?.code === Code.Canceled) return "cancelled";
  return error?.code === Code.DeadlineExceeded ? "deadline_exceeded" : "failed";
}

function checkTotals({ attempts, costNanoUsd, tokens }: ExecutionRow): void {
  assert.equal(costNanoUsd, costOf(attempts), "an execution costs what its attempts cost");
  assert.deepEqual(tokens, tokensOf(attempts.map((attempt) => attempt.tokens)));
}

type Used = Readonly<{ costNanoUsd: bigint }>;
const costOf = (used: readonly Used[]): bigint => used.reduce((sum, one) => sum + one.costNanoUsd, 0n);

const tokensOf = (all: readonly Tokens[]): Tokens => ({
  freshInput: all.reduce((sum, one) => sum + one.freshInput, 0),
  cachedInput: all.reduce((sum, one) => sum + one.cachedInput, 0),
  cacheWrite: all.reduce((sum, one) => sum + one.cacheWrite, 0),
  output: all.reduce((sum, one) => sum + one.output, 0),
});

/** Rows, metrics and, where usage was reported, the provider's own ledger agree to the nano-USD. */
export function checkAccounts(
  { rows, ledger, before, after }: Trial,
  compare: NonNullable<TrialOptions["ledger"]>,
): void {
  const attempts = rows.flatMap((row) => row.attempts);
  const known = attempts.filter(({ priceStatus }) => priceStatus === "KNOWN");
  const calls = "modeltier_provider_calls_total";
  assert.equal(nanoUsdOf(after) - nanoUsdOf(before), costOf(known), "the metric counts what was written");
  assert.equal(sumOf(after, calls) - sumOf(before, calls), attempts.length, "one count for each attempt");
  const hedgedOut = attempts.filter(({ outcome }) => outcome === "hedged_out").length;
  if (compare === "hedged") {
    const unseen = attempts.length - ledger.length;
    assert.ok(unseen >= 0 && unseen <= hedgedOut, `${unseen} attempts unseen, ${hedgedOut} hedged out`);
  } else if (compare === "fewer")
    assert.ok(ledger.length <= attempts.length, "no exchange without an attempt");
  else assert.equal(ledger.length, attempts.length, "one exchange for each attempt");
  const reported = attempts.filter(({ usageSource }) => usageSource === "REPORTED").length;
  const told = ledger.filter(({ usageReported }) => usageReported === "final").length;
  const isHedgeLost = compare === "hedged" && told > reported && told - reported <= hedgedOut;
  checkReported(attempts, ledger, compare === "usage lost" || isHedgeLost);
}

function checkReported(
  attempts: readonly AttemptRow[],
  ledger: readonly LedgerEntry[],
  isLost: boolean,
): void {
  const reported = attempts.filter(({ usageSource }) => usageSource === "REPORTED");
  const told = ledger.filter(({ usageReported }) => usageReported === "final");
  if (isLost) {
    assert.ok(costOf(reported) <= costOf(told), "no more than the provider reported");
    return;
  }
  assert.equal(costOf(reported), costOf(told), "the cost is the ledger's");
  assert.deepEqual(tokensOf(reported.map(({ tokens }) => tokens)), tokensOf(told.map(ledgerTokens)));
}

function ledgerTokens({ usage }: LedgerEntry): Tokens {
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = billedTokens(usage);
  return {
    freshInput: freshInputTokens,
    cachedInput: cachedInputTokens,
    cacheWrite: cacheWriteTokens,
    output: outputTokens,
  };
}

/** Within a second nothing of the fault is open any more: no exchange, no place, no timer, and no socket but those kept for later. */
export async function checkOpen({ sandbox, proxy, mostAtOnce, metrics }: Rig, before: string): Promise<void> {
  const mostKept = KEPT_SOCKETS_PER_CALL * mostAtOnce() + SPARE_SOCKETS;
  const timers = (page: string): number => sumOf(page, "nodejs_active_resources", { type: "Timeout" });
  const isClosed = (): boolean =>
    sandbox.ledger.openExchanges === 0 &&
    proxy.stuckConnections() === 0 &&
    sandbox.openConnections() <= mostKept;
  const isBack = (page: string): boolean =>
    timers(page) <= timers(before) + SPARE_TIMERS &&
    sumOf(page, "modeltier_calls_in_flight") === 0 &&
    sumOf(page, "modeltier_request_bytes_in_flight") === 0;
  const recovered = await holdsWithin(RECOVERED_WITHIN_MS, async () => isClosed() && isBack(await metrics()));
  const page = await metrics();
  const left = [
    `${sandbox.ledger.openExchanges} exchanges`,
    `${proxy.stuckConnections()} stuck sockets`,
    `${sandbox.openConnections()} sockets of at most ${mostKept}`,
    `timers ${timers(before)} before, ${timers(page)} now`,
    `places of ${sumOf(page, "modeltier_calls_in_flight")} calls`,
  ];
  assert.ok(recovered, `open after a second: ${left.join(", ")}`);
}

/** A call that meets no fault is served. */
export async function checkHealth(rig: Rig): Promise<void> {
  const heard = await rig.call("healthy", { timeoutMs: RECOVERED_WITHIN_MS });
  assert.ok(heard.completed !== undefined, `a healthy call was not served: ${heard.error?.message}`);
}

/** No key, no prompt and nothing a provider said shows anywhere. */
export function checkSecrets({ canaries, service }: Rig, { heard, rows, after }: Trial): void {
  const { stdout, stderr } = service.output();
  const places = {
    stdout,
    stderr,
    metrics: after,
    "an error": heard.map(({ error }) => error?.whole ?? "").join(),
    "a failure's event": JSON.stringify(heard.map(({ failures }) => failures)),
    "an answer": heard.map(({ text }) => text).join(),
    "the database": rows.map(({ whole }) => whole).join(),
  };
  for (const [place, text] of Object.entries(places)) {
    for (const canary of canaries) assert.ok(!text.includes(canary), `a canary shows in ${place}`);
  }
}

/** Only our own lines, no warning of the runtime and no stack of an unhandled rejection among them, and few. */
export function checkStderr(grown: string, calls: number): void {
  const lines = grown.split("\n").filter((line) => line !== "");
  const complaints = lines.filter((line) => levelOf(line) !== "info");
  const bytes = complaints.reduce((sum, line) => sum + line.length + 1, 0);
  assert.ok(bytes <= calls * STDERR_BYTES_PER_CALL, `${bytes} bytes on stderr for ${calls} calls`);
}

function levelOf(line: string): unknown {
  assert.ok(line.startsWith("{") && line.endsWith("}"), `not a line of our log: ${line}`);
  return JSON.parse(line).level;
}
