/** What a caller is told whose call could not be accounted for. */
import type { RecordObstacle } from "../store/records.ts";
import { CompletionError } from "./completion-error.ts";

const WHY: Readonly<Record<RecordObstacle, string>> = {
  spool_full: "The database has been away for so long that no more records of calls fit on the disk",
  disk_full: "The disk has no room for the records of calls",
  disk_failing: "The disk does not take the records of calls",
};

/** How soon there may be room again, in ms. */
const RETRY_MS = 5_000;

/** Nothing of a call is done that nobody could account for. */
export const unrecordable = (obstacle: RecordObstacle): CompletionError =>
  new CompletionError({
    code: "RESOURCE_EXHAUSTED",
    reason: `RECORDS_${obstacle.toUpperCase()}`,
    message: `${WHY[obstacle]}, so this one was not made: try again later, and tell the operator.`,
    retryAfterMs: RETRY_MS,
  });
