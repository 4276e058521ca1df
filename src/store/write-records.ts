/** A batch of records in one transaction. */
import type { Kysely } from "kysely";
import { noteOutcomes } from "./agent-outcomes.ts";
import { insertAttemptTexts } from "./attempts.ts";
import { chargeBudgets } from "./budget-charges.ts";
import { insertExecutionTexts } from "./executions.ts";
import { mentionsExperiment, noteUnits } from "./experiment-units.ts";
import type { RecordText } from "./record-text.ts";
import { rollUp } from "./rollups.ts";
import type { Database } from "./tables.ts";

/**
 * Executions, their attempts, their part of the rollups and what they cost their budgets, all or none. Writing them again
 * changes nothing: rows that are new are counted and charged. Both lock rows that other replicas want, and so come last;
 * charges after all else, because calls wait for those rows.
 * @param outcomeWaitMs after which new executions are learned from; absent: they are not
 */
export const writeRecords = (
  db: Kysely<Database>,
  records: readonly RecordText[],
  outcomeWaitMs?: number,
): Promise<void> =>
  db.transaction().execute(async (tx) => {
    const given = firstOfEach(records);
    const inserted = new Set(await insertExecutionTexts(tx, joined(given.map(({ execution }) => execution))));
    await insertAttemptTexts(tx, joined(given.map(({ attempts }) => attempts)));
    if (outcomeWaitMs !== undefined) await noteOutcomes(tx, [...inserted], outcomeWaitMs);
    const added = given.filter(({ executionId }) => inserted.has(executionId));
    const drawn = added.filter(({ execution }) => mentionsExperiment(execution));
    await noteUnits(
      tx,
      drawn.map(({ executionId }) => executionId),
    );
    await rollUp(tx, [...inserted]);
    await chargeBudgets(tx, joined(added.map(({ charges }) => charges)));
  });

/** A record that was written down twice would be charged twice where both are in one batch. */
const firstOfEach = (records: readonly RecordText[]): readonly RecordText[] => {
  const byId = new Map<string, RecordText>();
  for (const record of records) if (!byId.has(record.executionId)) byId.set(record.executionId, record);
  return [...byId.values()];
};

const joined = (rows: readonly string[]): string => rows.filter((row) => row !== "").join(",");
