/** Ids of executions: they begin with the time, so that rows that are written together lie together in the index. */
import { randomUUIDv7 } from "node:crypto";

export const newExecutionId = (): string => randomUUIDv7();

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Longer than any database is away while records wait in memory. */
const LONGEST_WAIT_MS = 24 * 3_600_000;
/** What the clocks of replicas may differ by. */
const CLOCK_DIFFERENCE_MS = 60_000;

/**
 * Whether an execution of this id may have come about, and its record not be written yet: the id is one of ours, and
 * not too old.
 */
export function mayBeOnItsWay(executionId: string, now: Date): boolean {
  const [, high, low] = UUID_V7.exec(executionId) ?? [];
  if (high === undefined || low === undefined) return false;
  const ageMs = now.getTime() - Number.parseInt(high + low, 16);
  return ageMs >= -CLOCK_DIFFERENCE_MS && ageMs <= LONGEST_WAIT_MS;
}
