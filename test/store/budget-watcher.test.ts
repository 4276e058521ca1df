/** Replicas on one real Postgres, as far as they tell each other of budgets. Nothing polls here: what is known was told. */
import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Budgets } from "../../src/budgets/budgets.ts";
import { BudgetWatcher } from "../../src/budgets/watcher.ts";
import { giveBack, leaseSlice, renewLeases } from "../../src/store/budget-leases.ts";
import { deleteBudget, listBudgetStates, setBudget } from "../../src/store/budgets.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { silentLog } from "../support/memory-log.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const NEVER_MS = 600_000;
const PATIENTLY = { timeout: 20_000 };
const never = new AbortController().signal;

describe("replicas on Postgres", () => {
  let postgres: TestPostgres;
  let opened: OpenDatabase;
  let url: string;
  const ends: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    url = await postgres.createDatabase();
    opened = await openDatabase({ url, dataDir: "unused", log: silentLog });
    await opened.migrate();
  }, 60_000);
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  afterAll(async () => {
    await opened?.close();
    await postgres?.stop();
  });

  const listeners = async (): Promise<number> => {
    const { rows } = await sql`select 1 from pg_stat_activity where query like 'listen %'`.execute(opened.db);
    return rows.length;
  };

  /** Once it listens. */
  async function startReplica(): Promise<Budgets> {
    const { db } = opened;
    const replicaId = randomUUID();
    const before = await listeners();
    const budgets = new Budgets({
      store: {
        lease: (wish) => leaseSlice(db, wish),
        renew: (leaseIds, leaseMs) => renewLeases(db, leaseIds, leaseMs),
        giveBack: (part) => giveBack(db, part),
      },
      replicaId,
      leaseMs: NEVER_MS,
      withoutDatabase: "refuse",
      onOverrun: () => {},
      onRefusal: () => {},
      nowMs: () => performance.now(),
      newId: randomUUID,
      log: silentLog,
    });
    const list = () => listBudgetStates(db);
    const watcher = new BudgetWatcher({ budgets, list, url, replicaId, log: silentLog, pollMs: NEVER_MS });
    ends.push(async () => {
      await watcher.stop();
      await budgets.close();
    });
    await watcher.known;
    await expect.poll(listeners, PATIENTLY).toBe(before + 1);
    return budgets;
  }

  const aBudget = (budgetId: string) =>
    setBudget(
      opened.db,
      {
        budgetId,
        scope: { kind: "agent", agentId: budgetId },
        period: "total",
        limits: { tokens: 1_000n },
      },
      "ana",
    );

  const acquire = (replica: Budgets, agentId: string, tokens: bigint) =>
    replica.find(agentId, {})?.acquire({ tokens }, { untilMs: performance.now() + 1_000, signal: never });

  it("are told of a budget that is set, and of one that is deleted", async () => {
    const replica = await startReplica();
    await aBudget("told");
    await expect.poll(() => replica.find("told", {}) !== undefined, PATIENTLY).toBe(true);
    await deleteBudget(opened.db, "told", "ana");
    await expect.poll(() => replica.find("told", {}), PATIENTLY).toBeUndefined();
  });

  it("give a slice back when another is short of it, and keep what is set aside", async () => {
    await aBudget("shared");
    const [one, other] = [await startReplica(), await startReplica()];
    const small = await acquire(one, "shared", 100n);
    const unused = await acquire(one, "shared", 800n);
    if (typeof small !== "object" || typeof unused !== "object") throw new Error("there was enough");
    unused.settle({ nano_usd: 0n, tokens: 0n });
    expect(await acquire(other, "shared", 901n)).toBe("short");
    expect(typeof (await acquire(other, "shared", 900n))).toBe("object");
    expect(one.list().find(({ id }) => id.budgetId === "shared")?.reserved).toBe(100n);
    small.settle({ nano_usd: 0n, tokens: 0n });
  }, 30_000);

  it("listen again after their connection was cut, and hear what they have missed", async () => {
    const replica = await startReplica();
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'`.execute(
      opened.db,
    );
    await expect.poll(listeners, PATIENTLY).toBe(1);
    await aBudget("after-the-cut");
    await expect.poll(() => replica.find("after-the-cut", {}) !== undefined, PATIENTLY).toBe(true);
  }, 30_000);
});
