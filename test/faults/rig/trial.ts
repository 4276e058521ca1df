/** Runs calls into a fault at once, and then checks all that must hold after every fault, whatever it was. */
import { randomUUID } from "node:crypto";
import { DIALECTS } from "../../../src/providers/provider.ts";
import type { LedgerEntry } from "../../../src/sandbox/ledger.ts";
import type { Ask, Heard } from "./call.ts";
import {
  checkAccounts,
  checkHealth,
  checkOpen,
  checkRows,
  checkSecrets,
  checkShape,
  checkStderr,
} from "./invariants.ts";
import { holdsWithin, type Rig } from "./rig.ts";
import { countExecutions, type ExecutionRow, readExecutions } from "./rows.ts";

export type Trial = Readonly<{
  heard: readonly Heard[];
  /** What the sandbox saw of them. */
  ledger: readonly LedgerEntry[];
  rows: readonly ExecutionRow[];
  /** Metrics before and after. */
  before: string;
  after: string;
}>;

export type TrialOptions = Readonly<{
  /**
   * What the sandbox saw may differ from what was attempted. "fewer": attempts never reached it. Usage it reported may
   * have been lost on the way: an attempt that broke off, was cancelled or not wanted any more. "hedged": both, of attempts that
   * were hedged out and of no others.
   */
  ledger?: "same" | "fewer" | "usage lost" | "hedged";
  /** Everything is down: no healthy call is expected yet. */
  withoutHealthyCall?: boolean;
}>;

/** What the sandbox saw of one target, in order. */
export const attemptsAt = ({ ledger }: Trial, target: string): readonly LedgerEntry[] => {
  const [provider = "", model = ""] = target.split("/", 2);
  const name = model.split("!", 1)[0];
  return ledger.filter(
    (entry) =>
      entry.model === name && (entry.provider === provider || !DIALECTS.some((one) => one === provider)),
  );
};

/** Between the beginnings of each exchange and the next, in ms. */
export const spacingsMs = (entries: readonly LedgerEntry[]): readonly number[] =>
  entries.slice(1).map(({ startedAtMs }, index) => startedAtMs - (entries[index]?.startedAtMs ?? Number.NaN));

/** Between the end of each exchange and the beginning of the next, in ms. A busy provider notes an end after the caller has read it. */
export const gapsMs = (entries: readonly LedgerEntry[]): readonly number[] =>
  entries.slice(1).map(({ startedAtMs }, index) => startedAtMs - (entries[index]?.endedAtMs ?? Number.NaN));

/** How long the recorder may take; it writes behind the calls. */
const WRITTEN_WITHIN_MS = 5_000;

/** @param ask what the call with this index, from 0, asks */
export const trial = (
  rig: Rig,
  concurrency: number,
  ask: (index: number) => Ask,
  options: TrialOptions = {},
): Promise<Trial> =>
  observe(
    rig,
    (call) => Promise.all(Array.from({ length: concurrency }, (_, index) => call(ask(index)))),
    options,
  );

/** As `trial`, for calls that are not all made at once. @param run makes the calls and gives what each heard */
export async function observe(
  rig: Rig,
  run: (call: (ask: Ask) => Promise<Heard>) => Promise<readonly Heard[]>,
  options: TrialOptions = {},
): Promise<Trial> {
  const agentId = `trial-${randomUUID()}`;
  const sequence = rig.sandbox.ledger.entries().at(-1)?.sequence ?? 0;
  const stderrStart = rig.service.output().stderr.length;
  const before = await rig.metrics();
  const heard = await run((ask) => rig.call(agentId, ask));
  heard.forEach(checkShape);
  const accepted = heard.filter(({ decision }) => decision !== undefined);
  await holdsWithin(
    WRITTEN_WITHIN_MS,
    async () => (await countExecutions(rig.database, agentId)) >= accepted.length,
  );
  await checkOpen(rig, before);
  const rows = await readExecutions(rig.database, agentId);
  const after = await rig.metrics();
  const ledger = rig.sandbox.ledger.entries(sequence);
  const seen = { heard, ledger, rows, before, after };
  checkRows(accepted, rows);
  checkAccounts(seen, options.ledger ?? "same");
  if (options.withoutHealthyCall !== true) await checkHealth(rig);
  checkSecrets(rig, seen);
  checkStderr(rig.service.output().stderr.slice(stderrStart), heard.length + 1);
  return seen;
}
