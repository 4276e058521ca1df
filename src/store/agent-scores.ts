/** Queries on agent_scores and fleet_scores: what was learned of agents. */
import { type Kysely, sql } from "kysely";
import { learn, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { stateText } from "../agent-score/state-text.ts";
import type { AgentState, LearningSettings, Level } from "../agent-score/types.ts";
import { takeOutcomes } from "./agent-outcomes.ts";
import { storable } from "./insert.ts";
import type { Database } from "./tables.ts";

/** Any number will do, as long as it is the same in every replica and every release and not that of another lock. */
export const LEARNING_LOCK = 7_308_332_045_297_544_564n;
/** Agents that are kept; beyond it those go that were learned of longest ago. Some 100 MB. */
const MOST_AGENTS = 100_000;

/**
 * Learns the outcomes that are due, those of at most so many executions. One transaction, which holds a lock: of several replicas one
 * learns at a time, and what an outcome teaches is written with its going.
 * @returns of how many executions; undefined: another replica is at it
 */
export const learnOutcomes = (
  db: Kysely<Database>,
  settings: LearningSettings,
  most: number,
): Promise<number | undefined> =>
  db.transaction().execute(async (tx) => {
    const { rows } = await sql<{
      ours: boolean;
    }>`select pg_try_advisory_xact_lock(${LEARNING_LOCK}) as ours`.execute(tx);
    if (rows[0]?.ours !== true) return undefined;
    const { outcomes, taken } = await takeOutcomes(tx, most);
    if (outcomes.length === 0) return taken;
    const known = await readStates(tx, [...new Set(outcomes.map(({ agentId }) => agentId))]);
    const states = new Map(known.agents);
    let { fleet } = known;
    for (const { agentId, ...outcome } of outcomes) {
      const learned = learn(fleet, states.get(agentId) ?? newAgent(), outcome, settings);
      fleet = learned.fleet;
      states.set(agentId, learned.agent);
    }
    await writeStates(tx, fleet, states);
    if (states.size > known.agents.size) await dropOldest(tx);
    return taken;
  });

export type LearnedStates = Readonly<{ fleet: Level; agents: ReadonlyMap<string, AgentState> }>;

/** Of the agents that anything was learned of. */
export async function readStates(db: Kysely<Database>, agentIds: readonly string[]): Promise<LearnedStates> {
  const rows = await db
    .selectFrom("agent_scores")
    .select(["agent_id", "state"])
    .where(sql<boolean>`agent_id = any(${agentIds}::text[])`)
    .execute();
  return { fleet: await readFleet(db), agents: byId(rows) };
}

/** Of those that were learned of last. */
export async function readLatestStates(db: Kysely<Database>, most: number): Promise<LearnedStates> {
  const rows = await db
    .selectFrom("agent_scores")
    .select(["agent_id", "state"])
    .orderBy("updated_at", "desc")
    .limit(most)
    .execute();
  return { fleet: await readFleet(db), agents: byId(rows) };
}

/** When anything was learned of it last; undefined: nothing was. */
export async function findLearnedAt(db: Kysely<Database>, agentId: string): Promise<Date | undefined> {
  const row = await db
    .selectFrom("agent_scores")
    .select("updated_at")
    .where("agent_id", "=", agentId)
    .executeTakeFirst();
  return row?.updated_at;
}

const byId = (
  rows: readonly Readonly<{ agent_id: string; state: AgentState }>[],
): ReadonlyMap<string, AgentState> => new Map(rows.map(({ agent_id: agentId, state }) => [agentId, state]));

const readFleet = async (db: Kysely<Database>): Promise<Level> =>
  (await db.selectFrom("fleet_scores").select("state").executeTakeFirst())?.state ?? newFleet();

async function writeStates(
  db: Kysely<Database>,
  fleet: Level,
  agents: ReadonlyMap<string, AgentState>,
): Promise<void> {
  await sql`insert into fleet_scores (state) values (${stateText(fleet)}::jsonb)
    on conflict (is_only) do update set state = excluded.state, updated_at = now()`.execute(db);
  const rows = `[${Array.from(agents, ([id, state]) => `{"id":${JSON.stringify(id)},"state":${stateText(state)}}`).join()}]`;
  await sql`insert into agent_scores (agent_id, state)
    select id, state from json_to_recordset(${storable(rows)}::json) as r (id text, state jsonb) order by id
    on conflict (agent_id) do update set state = excluded.state, updated_at = now()`.execute(db);
}

const dropOldest = (db: Kysely<Database>) =>
  sql`delete from agent_scores where agent_id in (
    select agent_id from agent_scores order by updated_at desc offset ${MOST_AGENTS})`.execute(db);
