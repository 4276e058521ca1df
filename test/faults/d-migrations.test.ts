/** D17 and D18: replicas that migrate at once, one of which is killed; the same, and the service, behind PgBouncer. */
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { MIGRATIONS, migrate } from "../../src/store/migrations/migrate.ts";
import { connect, MIGRATION_LIMITS } from "../../src/store/pool.ts";
import type { Database } from "../../src/store/tables.ts";
import { silentLog } from "../support/memory-log.ts";
import { HAS_PGBOUNCER, startPgBouncer } from "../support/pgbouncer.ts";
import { startProcess } from "../support/process.ts";
import { hashSchema } from "../support/schema.ts";
import { type ConfigRig, msUntil, publishNext, type Replica, startConfigRig } from "./rig/config-replicas.ts";
import { countRows } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const NAMES = MIGRATIONS.map(({ name }) => name);
const MIGRATING = new URL("../store/processes/migrate.ts", import.meta.url);
const HANGING = new URL("../store/processes/migrate-and-hang.ts", import.meta.url);
/** Each takes a second of a core to start. */
const PROCESSES = isThorough ? 10 : 4;
/** Fewer than those who ask, so that transactions of one client meet server connections of another. */
const SERVER_CONNECTIONS = 3;
const PATIENCE_MS = 45_000;

let rig: ConfigRig;
let url: string;
let database: pg.Client;
let stack = new AsyncDisposableStack();
beforeAll(async () => {
  rig = await startConfigRig();
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  url = await rig.postgres.createDatabase();
  database = await clientOf(url);
});
afterEach(() => stack.disposeAsync());

async function clientOf(place: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: place });
  client.on("error", () => undefined);
  await client.connect();
  stack.defer(() => client.end());
  return client;
}

const hangIn = async (place: string) => {
  const victim = await startProcess(HANGING, JSON.stringify({ url: place, dataDir: "unused" }));
  stack.defer(() => victim.kill());
  expect(victim.firstLine).toBe("in the middle");
  return victim;
};

const replica = (place: string) => {
  const db = connect<Database>({ url: place }, MIGRATION_LIMITS, silentLog);
  stack.defer(() => db.destroy());
  return db;
};

/** Of the database itself, whatever is before it. */
async function countLocks(isGranted: boolean): Promise<number> {
  const { rows } = await database.query(
    "select count(*)::int as count from pg_locks where locktype = 'advisory' and granted = $1",
    [isGranted],
  );
  return rows[0].count;
}

async function hashOfCleanSchema(): Promise<string> {
  const clean = replica(await rig.postgres.createDatabase());
  await migrate(clean);
  return hashSchema(clean);
}

it(`D17 ${PROCESSES} processes migrate an empty Postgres at once and one is killed in the middle: one of the others does it, all go on, and there is one schema`, async () => {
  const victim = await hangIn(url);
  const others = Array.from({ length: PROCESSES - 1 }, () => startProcess(MIGRATING, url));
  const ended = Promise.all(others);
  expect(await holdsWithin(PATIENCE_MS, async () => (await countLocks(false)) === others.length)).toBe(true);
  const { rows } = await database.query(
    "select count(*)::int as tables from pg_tables where schemaname = 'public'",
  );
  expect(rows, "nothing of an unfinished migration is seen").toEqual([{ tables: 0 }]);
  await victim.kill();
  const ran = (await ended).map(({ firstLine }) => JSON.parse(firstLine));
  expect(ran.filter((names) => names.length > 0)).toEqual([NAMES]);
  expect(await hashSchema(replica(url))).toBe(await hashOfCleanSchema());
});

it.skipIf(!HAS_PGBOUNCER)(
  "D18 ten replicas migrate through PgBouncer at once and one is killed in the middle: no lock is left on a connection that others get",
  async () => {
    const pooled = await throughPgBouncer();
    const victim = await hangIn(pooled);
    const replicas = Array.from({ length: 9 }, () => replica(pooled));
    const running = Promise.all(replicas.map((db) => migrate(db)));
    expect(await holdsWithin(PATIENCE_MS, async () => (await countLocks(false)) > 0)).toBe(true);
    await victim.kill();
    const ran = await running;
    expect(ran.filter((names) => names.length > 0)).toEqual([NAMES]);
    expect(await countLocks(true)).toBe(0);
    expect(await hashSchema(replica(url))).toBe(await hashOfCleanSchema());
  },
);

it.skipIf(!HAS_PGBOUNCER)(
  "D18 two replicas serve behind PgBouncer: records, keyed calls, budgets and configurations, those by polling",
  async () => {
    const pooled = await throughPgBouncer();
    await migrate(replica(pooled)); // or a slow start would complain of tables that are not there yet
    const [one, other] = await Promise.all([rig.start({}, pooled), rig.start({}, pooled)]);
    for (const { service } of [one, other]) stack.defer(async () => void (await service.stop()));
    const calls = Array.from({ length: 40 }, (_, number) => complete(number % 2 === 0 ? one : other, "a"));
    await Promise.all(calls);
    const [first, repeated] = [await complete(one, "a", "once"), await complete(other, "a", "once")];
    expect(repeated.completed).toMatchObject({ executionId: first.completed?.executionId, replayed: true });
    expect(await holdsWithin(PATIENCE_MS, async () => (await countRows(database)) === 41)).toBe(true);
    await accessOf(one).setBudget({
      budget: {
        budgetId: "none-left",
        scope: { kind: { case: "agentId", value: "poor" } },
        period: BudgetPeriod.TOTAL,
        limitTokens: 0n,
      },
    });
    const isRefused = () =>
      complete(other, "poor").then(
        () => false,
        (error: unknown) => String(error).includes("resource_exhausted"),
      );
    expect(await holdsWithin(PATIENCE_MS, isRefused)).toBe(true);
    expect(await msUntil(other, await publishNext(one))).toBeLessThan(PATIENCE_MS);
    // A busy machine answers late; a pooler that lost an answer would have been noticed above.
    const complaints = [one, other]
      .flatMap(({ service }) => service.output().stderr.split("\n"))
      .filter((line) => !line.includes("Query read timeout"))
      .join("\n");
    expect(complaints).not.toMatch(/prepared statement|cannot be written|could not be/);
  },
);

it.skipIf(!HAS_PGBOUNCER)(
  "D18 limits on statements hold behind PgBouncer once they are the role's, as the README has it",
  async () => {
    const pooled = await throughPgBouncer();
    await database.query("alter role postgres set statement_timeout = '300ms'");
    stack.defer(async () => void (await database.query("alter role postgres reset statement_timeout")));
    const client = await clientOf(pooled);
    await expect(client.query("select pg_sleep(60)")).rejects.toMatchObject({ code: "57014" });
    const slow = { name: "slow", statements: ["select pg_sleep(0.6)"] };
    expect(await migrate(replica(pooled), { migrations: [slow] }), "a migration has its own").toEqual([
      "slow",
    ]);
  },
);

if (!HAS_PGBOUNCER) console.warn("D18 is skipped: there is no pgbouncer on the path; .ci/run installs it");

async function throughPgBouncer(): Promise<string> {
  const bouncer = await startPgBouncer(rig.postgres.socketFolder, SERVER_CONNECTIONS);
  stack.defer(() => bouncer.stop());
  return bouncer.through(url);
}

const accessOf = ({ service }: Replica): Client<typeof AccessService> =>
  createClient(AccessService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }));

const complete = ({ router }: Replica, agentId: string, idempotencyKey = "") =>
  router.completeOnce({
    request: {
      routing: { case: "route", value: { agentId } },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello [tokens=10]" } }] }],
      idempotencyKey,
    },
  });
