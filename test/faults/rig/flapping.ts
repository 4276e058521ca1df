/** A primary that goes down and comes up again while callers go on calling. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LedgerEntry } from "../../../src/sandbox/ledger.ts";
import type { Heard } from "./call.ts";
import { holdsWithin, type Rig } from "./rig.ts";
import { attemptsAt, observe, type Trial } from "./trial.ts";

/** Of the breaker: failures in a row that open it, and how long it then stays open. */
export const FAILURES_IN_A_ROW = 5;
export const OPEN_MS = 3_000;
/** From the opening on: long enough for one probe to fail. */
export const OUTAGE_MS = OPEN_MS + 1_000;
const GIVEN_UP_MS = 10_000;

export type Flap = Readonly<{
  seen: Trial;
  target: string;
  /** What reached the primary while its breaker must have been open. */
  probes: readonly LedgerEntry[];
  /** From the end of the outage to the first answer of the primary; Infinity: it never came back. */
  backAfterMs: number;
}>;

export async function flap(rig: Rig, callers: number): Promise<Flap> {
  const target = rig.primary();
  const model = target.slice(target.indexOf("/") + 1);
  const set = (fault: string): void =>
    rig.sandbox.setFaults({ provider: "openai", model, faults: fault === "" ? [] : [{ fault }] });
  let upAgainMs = Number.POSITIVE_INFINITY;
  let backMs = Number.POSITIVE_INFINITY;
  set("slow-headers=250,503");
  const outage = untilOpen(rig, model).then(async () => {
    await sleep(OUTAGE_MS);
    set("");
    upAgainMs = performance.now();
  });
  const goesOn = (): boolean => !Number.isFinite(backMs) && performance.now() < upAgainMs + GIVEN_UP_MS;
  const seen = await observe(rig, (call) =>
    callersWhile(callers, 100, goesOn, async () => {
      const heard = await call({ model: target });
      if (heard.served === target) backMs = Math.min(backMs, performance.now());
      return heard;
    }),
  );
  await outage;
  const failed = attemptsAt(seen, target).filter(({ status }) => status === 503);
  return { seen, target, probes: probesAmong(failed), backAfterMs: backMs - upAgainMs };
}

/** Callers that each make one call after the other, with a pause between them, for as long as it goes on. */
export async function callersWhile(
  callers: number,
  pauseMs: number,
  goesOn: () => boolean,
  call: () => Promise<Heard>,
): Promise<readonly Heard[]> {
  const heard: Heard[] = [];
  const work = async (): Promise<void> => {
    while (goesOn()) {
      heard.push(await call());
      await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, work));
  return heard;
}

/** Resolves when the breaker must have opened. */
const untilOpen = (rig: Rig, model: string): Promise<boolean> =>
  holdsWithin(GIVEN_UP_MS, () => {
    const entries = rig.sandbox.ledger.entries().filter((entry) => entry.model === model);
    return entries.filter(({ end }) => end === "failed").length >= FAILURES_IN_A_ROW;
  });

function probesAmong(failed: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const ends = failed.map(({ endedAtMs }) => endedAtMs ?? 0).toSorted((a, b) => a - b);
  const openedMs = (ends[FAILURES_IN_A_ROW - 1] ?? 0) + 100;
  return failed.filter(({ startedAtMs }) => startedAtMs > openedMs);
}

/** How many of the exchanges were under way at the busiest moment. */
export const mostAtOnce = (entries: readonly LedgerEntry[]): number =>
  Math.max(
    0,
    ...entries.map(
      ({ startedAtMs: atMs }) =>
        entries.filter(
          ({ startedAtMs, endedAtMs = Number.POSITIVE_INFINITY }) => startedAtMs <= atMs && endedAtMs > atMs,
        ).length,
    ),
  );
