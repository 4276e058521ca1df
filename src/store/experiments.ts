/** Queries on experiments. One runs at a time; what changes one and its entry in the audit log are one transaction. */
import { type Kysely, type Selectable, sql } from "kysely";
import type { Experiment, ExperimentState, KnownExperiment } from "../experiments/types.ts";
import { type Detail, insertAuditEntry } from "./audit-log.ts";
import { isServerAnswer } from "./failure.ts";
import { storable } from "./insert.ts";
import type { Database, ExperimentsTable } from "./tables.ts";

/** The one that runs; undefined: none does. */
export async function findRunning(db: Kysely<Database>): Promise<KnownExperiment | undefined> {
  const row = await db
    .selectFrom("experiments")
    .selectAll()
    .where("status", "=", "running")
    .executeTakeFirst();
  return row && knownOf(row);
}

export async function findExperiment(
  db: Kysely<Database>,
  experimentId: string,
): Promise<KnownExperiment | undefined> {
  const row = await db
    .selectFrom("experiments")
    .selectAll()
    .where("experiment_id", "=", experimentId)
    .executeTakeFirst();
  return row && knownOf(row);
}

export type ListedExperiment = KnownExperiment & Readonly<{ number: number }>;

/** Newest first. @param before only those started before this one; absent: from the newest on */
export async function listExperiments(
  db: Kysely<Database>,
  limit: number,
  before?: number,
): Promise<readonly ListedExperiment[]> {
  let query = db.selectFrom("experiments").selectAll();
  if (before !== undefined) query = query.where("number", "<", BigInt(before));
  const rows = await query.orderBy("number", "desc").limit(limit).execute();
  return rows.map((row) => ({ ...knownOf(row), number: Number(row.number) }));
}

/** @returns why it was not: there was one of that name, or another runs */
export async function insertExperiment(
  db: Kysely<Database>,
  experiment: Experiment,
  state: ExperimentState,
  author: string,
): Promise<"name_taken" | "other_running" | undefined> {
  try {
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto("experiments")
        .values({
          experiment_id: experiment.experimentId,
          definition: asJson(experiment),
          state: asJson(state),
          status: "running",
          unit_window_ms: experiment.unitWindowMs,
          feedback_wait_ms: experiment.feedbackWaitMs,
        })
        .execute();
      await insertAuditEntry(tx, { ...auditEntryOf(experiment.experimentId, "start"), author });
    });
    return undefined;
  } catch (error) {
    if (!isServerAnswer(error) || error.code !== UNIQUE_VIOLATION) throw error;
    const taken = await findExperiment(db, experiment.experimentId);
    return taken === undefined ? "other_running" : "name_taken";
  }
}

const UNIQUE_VIOLATION = "23505";

/** What is to become of an experiment, and the words for it. */
export type ExperimentChange = Readonly<{
  experiment: Experiment;
  state: ExperimentState;
  isStopped: boolean;
  action: "ramp" | "stop" | "stop_arm";
  detail: Readonly<Record<string, Detail>>;
}>;

/**
 * Changes an experiment as it is then: the row is locked meanwhile.
 * @param decide what is to become of it; undefined: nothing
 * @returns as it is afterwards; undefined: there is no such experiment
 */
export const changeExperiment = (
  db: Kysely<Database>,
  experimentId: string,
  author: string,
  decide: (known: KnownExperiment) => ExperimentChange | undefined,
): Promise<KnownExperiment | undefined> =>
  db.transaction().execute(async (tx) => {
    const known = await lockExperiment(tx, experimentId);
    const change = known && decide(known);
    if (known === undefined || change === undefined) return known;
    return writeChange(tx, known, change, author);
  });

/** With its row locked until the transaction ends. */
export async function lockExperiment(
  tx: Kysely<Database>,
  experimentId: string,
): Promise<KnownExperiment | undefined> {
  const row = await tx
    .selectFrom("experiments")
    .selectAll()
    .where("experiment_id", "=", experimentId)
    .forUpdate()
    .executeTakeFirst();
  return row && knownOf(row);
}

export async function writeChange(
  tx: Kysely<Database>,
  known: KnownExperiment,
  { experiment, state, isStopped, action, detail }: ExperimentChange,
  author: string,
): Promise<KnownExperiment> {
  const { experimentId } = experiment;
  const row = await tx
    .updateTable("experiments")
    .set({
      definition: asJson(experiment),
      state: asJson(state),
      ...(isStopped && { status: "stopped" as const, stopped_at: sql<Date>`coalesce(stopped_at, now())` }),
    })
    .where("experiment_id", "=", experimentId)
    .returning("stopped_at")
    .executeTakeFirstOrThrow();
  await insertAuditEntry(tx, { ...auditEntryOf(experimentId, action), author, detail });
  return {
    ...known,
    experiment,
    state,
    status: isStopped ? "stopped" : known.status,
    ...(row.stopped_at !== null && { stoppedAt: row.stopped_at }),
  };
}

/** Without an entry: it shows more, and nobody changed it. */
export const writeState = (tx: Kysely<Database>, experimentId: string, state: ExperimentState) =>
  tx
    .updateTable("experiments")
    .set({ state: asJson(state) })
    .where("experiment_id", "=", experimentId)
    .execute();

/** An entry of its life in the audit log. */
export type ExperimentEvent = Readonly<{ at: Date; author: string; action: string; detail: unknown }>;

/** Oldest first. */
export async function listEvents(
  db: Kysely<Database>,
  experimentId: string,
): Promise<readonly ExperimentEvent[]> {
  const rows = await db
    .selectFrom("audit_log")
    .select(["created_at", "author", "action", "detail"])
    .where("subject", "=", subjectOf(experimentId))
    .orderBy("entry_id")
    .limit(MOST_EVENTS)
    .execute();
  return rows.map(({ created_at: at, ...row }) => ({ at, ...row }));
}

const MOST_EVENTS = 200;
const subjectOf = (experimentId: string): string => `experiment ${experimentId}`;
const auditEntryOf = (experimentId: string, action: "start" | ExperimentChange["action"]) => ({
  action: `experiment.${action}`,
  subject: subjectOf(experimentId),
  detail: {},
});

const asJson = (value: unknown): string => storable(JSON.stringify(value));

const knownOf = (row: Selectable<ExperimentsTable>): KnownExperiment => ({
  experiment: row.definition,
  state: row.state,
  status: row.status,
  startedAt: row.started_at,
  ...(row.stopped_at !== null && { stoppedAt: row.stopped_at }),
});
