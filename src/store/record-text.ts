/**
 * A record as the JSON text of its rows. It is made once, for the spool, and goes into the database as it is. What is known
 * of a call at its start is one piece, made then, and the beginning of what is known at its end.
 */

import { attemptRow } from "./attempts.ts";
import { chargeRow } from "./budget-charges.ts";
import { beginningRow, endRow } from "./executions.ts";
import type { ExecutionIntent, ExecutionRecord } from "./records.ts";
import { usageRow } from "./usage.ts";

/** Rows as JSON objects, with commas between them; "" when there are none. */
export type RecordText = Readonly<{
  executionId: string;
  /** One row. */
  execution: string;
  attempts: string;
  charges: string;
}>;

/** A JSON object without its end. */
export const beginningText = (intent: ExecutionIntent): string =>
  JSON.stringify(beginningRow(intent)).slice(0, -1);

/**
 * What there is to say of a call that nobody saw the end of: it failed, and what it used is not known.
 * @param beginning as `beginningText` gives it
 */
export const interruptedText = (
  { executionId, planned }: ExecutionIntent,
  beginning: string,
): RecordText => ({
  executionId,
  execution: `${beginning},"provider":${JSON.stringify(planned.provider)},"model":${JSON.stringify(planned.model)},${INTERRUPTED}`,
  attempts: "",
  charges: "",
});

const INTERRUPTED = JSON.stringify({
  status: "failed",
  failure_reason: "INTERRUPTED",
  ...usageRow({
    tokens: { freshInputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 },
    usageSource: "UNKNOWN",
    costNanoUsd: 0n,
    priceStatus: "UNKNOWN",
    cacheSavingNanoUsd: 0n,
    latencyMs: 0,
  }),
}).slice(1);

/**
 * @param beginning as `beginningText` gave it at the start of the call
 * @throws TypeError when something of it is no JSON
 */
export const recordText = (record: ExecutionRecord, beginning: string): RecordText => ({
  executionId: record.executionId,
  execution: `${beginning},${JSON.stringify(endRow(record)).slice(1)}`,
  attempts: rowsText(record.attempts.map(attemptRow)),
  charges: rowsText(record.charges?.map(chargeRow) ?? []),
});

const rowsText = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join(",");
