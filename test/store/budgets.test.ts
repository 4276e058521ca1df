import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Budget, type BudgetCharge, remainingOf } from "../../src/budgets/types.ts";
import { listAuditEntries } from "../../src/store/audit-log.ts";
import {
  giveBack,
  type LeaseReply,
  type LeaseWish,
  leaseSlice,
  renewLeases,
} from "../../src/store/budget-leases.ts";
import { deleteBudget, listBudgetStates, setBudget } from "../../src/store/budgets.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { Database } from "../../src/store/tables.ts";
import { anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const LONG_MS = 60_000;

describe.each(ENGINES)("budgets on $name", ({ name: engineName, start }) => {
  let engine: TestEngine;
  let opened: OpenDatabase;
  let db: Kysely<Database>;

  beforeAll(async () => {
    engine = await start();
    opened = await openDatabase(await engine.fresh(silentLog));
    await opened.migrate();
    db = opened.db;
  }, 60_000);
  afterAll(async () => {
    await opened?.close();
    await engine?.stop();
  });

  /** Sets a budget that no other test has. */
  async function aBudget(nanoUsd: bigint, parts: Partial<Budget> = {}): Promise<string> {
    const budgetId = `budget-${randomUUID()}`;
    const total = { scope: { kind: "global" }, period: "total", limits: { nano_usd: nanoUsd } } as const;
    await setBudget(db, { budgetId, ...total, ...parts }, "ana");
    return budgetId;
  }

  const wish = (budgetId: string, need: bigint, parts: Partial<LeaseWish> = {}): LeaseWish => ({
    budgetId,
    unit: "nano_usd",
    leaseId: randomUUID(),
    extend: false,
    replicaId: "one",
    need,
    want: need,
    leaseMs: LONG_MS,
    ...parts,
  });

  async function lease(asked: LeaseWish): Promise<LeaseReply> {
    const reply = await leaseSlice(db, asked);
    if (typeof reply === "string") throw new Error(`the slice is ${reply}`);
    return reply;
  }

  async function standing(budgetId: string, unit = "nano_usd") {
    const state = (await listBudgetStates(db)).find(({ budget }) => budget.budgetId === budgetId);
    const account = state?.accounts.find((one) => one.unit === unit);
    if (account === undefined) throw new Error(`no account ${budgetId}`);
    return { spent: account.spent, leased: account.leased, remaining: remainingOf(account) };
  }

  async function waitingForLocks(): Promise<number> {
    const waiting = sql`select 1 from pg_stat_activity where wait_event_type = 'Lock'`;
    return (await waiting.execute(db)).rows.length;
  }

  const expire = (leaseId: string) =>
    sql`update budget_leases set expires_at = now() where lease_id = ${leaseId}`.execute(db);

  const chargeOf = (asked: LeaseWish, { period }: LeaseReply, amount: bigint): BudgetCharge => ({
    budgetId: asked.budgetId,
    unit: asked.unit,
    amount,
    from: { leaseId: asked.leaseId, ...period },
  });

  async function record(executionId: string, charges: readonly BudgetCharge[]): Promise<void> {
    const recorder = createRecorder({ db, spool: await aSpool(), log: silentLog });
    recorder.record(anExecution(executionId, { charges }));
    await recorder.close();
  }

  it("keeps what was set, whatever the scope, and sets it anew", async () => {
    const scopes: Budget["scope"][] = [
      { kind: "global" },
      { kind: "agent", agentId: "a:b/c" },
      { kind: "label", key: "team", value: "blau & grün" },
    ];
    for (const scope of scopes) {
      const budgetId = await aBudget(5n, { scope, period: "month", limits: { nano_usd: 5n, tokens: 7n } });
      await setBudget(db, { budgetId, scope, period: "day", limits: { tokens: 2n ** 60n } }, "ana");
      const state = (await listBudgetStates(db)).find(({ budget }) => budget.budgetId === budgetId);
      expect(state?.budget).toEqual({ budgetId, scope, period: "day", limits: { tokens: 2n ** 60n } });
    }
  });

  it("notes in the audit log who set and deleted what, with what it was before, and nothing of what changed nothing", async () => {
    const scope = { kind: "label", key: "team", value: "blue" } as const;
    const budgetId = await aBudget(5n, { scope, period: "month" });
    await setBudget(db, { budgetId, scope, period: "day", limits: { tokens: 2n ** 60n } }, "ben");
    await deleteBudget(db, budgetId, "cleo");
    await deleteBudget(db, budgetId, "cleo");
    const entries = await listAuditEntries(db, 100, { action: "budget" });
    const own = entries.filter(({ subject }) => subject === `budget ${budgetId}`);
    const label = { scope: "label", scope_key: "team", scope_value: "blue" };
    const first = { ...label, period: "month", limit_nano_usd: "5", limit_tokens: null };
    const second = { ...label, period: "day", limit_nano_usd: null, limit_tokens: String(2n ** 60n) };
    expect(own.map(({ action, author, detail }) => [action, author, detail])).toEqual([
      ["budget.delete", "cleo", { before: second, after: null }],
      ["budget.set", "ben", { before: first, after: second }],
      ["budget.set", "ana", { before: null, after: first }],
    ]);
  });

  it("sets no budget that it cannot note in the audit log", async () => {
    const budgetId = `budget-${randomUUID()}`;
    const budget = { budgetId, scope: { kind: "global" }, period: "day", limits: { tokens: 1n } } as const;
    await expect(setBudget(db, budget, "a\0author that Postgres refuses")).rejects.toThrow();
    const there = await listBudgetStates(db);
    expect(there.some((state) => state.budget.budgetId === budgetId)).toBe(false);
  });

  it("lists the audit log by kind and action, page by page", async () => {
    await deleteBudget(db, await aBudget(1n), "ana");
    const all = await listAuditEntries(db, 1_000);
    expect(all.map(({ entryId }) => entryId)).toEqual(
      all.map(({ entryId }) => entryId).toSorted((a, b) => b - a),
    );
    const [, second, third] = all;
    expect(await listAuditEntries(db, 1, { before: second?.entryId })).toEqual([third]);
    const deleted = await listAuditEntries(db, 1_000, { action: "budget.delete" });
    expect(deleted).toEqual(all.filter(({ action }) => action === "budget.delete"));
    expect(await listAuditEntries(db, 10, { action: "budg" })).toEqual([]);
    expect(await listAuditEntries(db, 10, { action: "%" })).toEqual([]);
  });

  it("deletes a budget with its slices, once", async () => {
    const budgetId = await aBudget(100n);
    await lease(wish(budgetId, 10n));
    expect(await deleteBudget(db, budgetId, "ana")).toBe(true);
    expect(await deleteBudget(db, budgetId, "ana")).toBe(false);
    expect(await leaseSlice(db, wish(budgetId, 1n))).toBe("gone");
  });

  it.each(["day", "month", "total"] as const)(
    "leases from the period that a %s budget is in",
    async (period) => {
      const { period: from, periodMsLeft } = await lease(wish(await aBudget(100n, { period }), 10n));
      const now = new Date();
      const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
      const starts = {
        day: Date.UTC(year, month, now.getUTCDate()),
        month: Date.UTC(year, month, 1),
        total: 0,
      };
      expect(from).toEqual({ period, startsAt: new Date(starts[period]) });
      const ends = { day: starts.day + 86_400_000, month: Date.UTC(year, month + 1, 1), total: undefined };
      const end = ends[period];
      if (end === undefined) expect(periodMsLeft).toBeUndefined();
      else expect(Math.abs((periodMsLeft ?? 0) - (end - now.getTime()))).toBeLessThan(10_000);
    },
  );

  it("grants all that is needed or nothing, and never more than remains, to ten who ask at once", async () => {
    const budgetId = await aBudget(100n);
    const replies = await Promise.all(Array.from({ length: 10 }, () => lease(wish(budgetId, 30n))));
    expect(replies.map(({ granted }) => granted).sort()).toEqual([0n, 0n, 0n, 0n, 0n, 0n, 0n, 30n, 30n, 30n]);
    expect(await standing(budgetId)).toEqual({ spent: 0n, leased: 90n, remaining: 10n });
  });

  // The embedded database has one session, in which nobody waits for anybody's lock.
  it.runIf(engineName === "postgres")(
    "reads the account as it is after the wait for it, not before",
    async () => {
      const budgetId = await aBudget(100n);
      await lease(wish(budgetId, 1n));
      const asking = await db.transaction().execute(async (tx) => {
        await sql`select 1 from budget_accounts where budget_id = ${budgetId} for update`.execute(tx);
        const both = [lease(wish(budgetId, 60n)), lease(wish(budgetId, 60n))];
        await expect.poll(waitingForLocks, { interval: 10 }).toBe(2);
        return { both };
      });
      const granted = (await Promise.all(asking.both)).map((reply) => reply.granted);
      expect(granted.sort()).toEqual([0n, 60n]);
      expect(await standing(budgetId)).toEqual({ spent: 0n, leased: 61n, remaining: 39n });
    },
  );

  it("gives ahead of need, in slices that shrink with what remains", async () => {
    const budgetId = await aBudget(1_000n);
    const ask = async () => (await lease(wish(budgetId, 1n, { want: 10_000n }))).granted;
    expect([await ask(), await ask(), await ask()]).toEqual([125n, 109n, 95n]);
  });

  it("makes a slice larger, and says when it is lost", async () => {
    const budgetId = await aBudget(100n);
    const first = wish(budgetId, 10n);
    await lease(first);
    await lease({ ...first, extend: true });
    expect((await standing(budgetId)).leased).toBe(20n);
    await expire(first.leaseId);
    await lease(wish(budgetId, 10n, { replicaId: "two" }));
    expect(await leaseSlice(db, { ...first, extend: true })).toBe("lost");
    expect(await standing(budgetId)).toEqual({ spent: 0n, leased: 10n, remaining: 90n });
  });

  it("takes expired slices back when somebody else asks", async () => {
    const budgetId = await aBudget(100n);
    const first = wish(budgetId, 100n);
    await lease(first);
    expect((await lease(wish(budgetId, 100n))).granted).toBe(0n);
    await expire(first.leaseId);
    expect((await standing(budgetId)).remaining).toBe(100n);
    expect((await lease(wish(budgetId, 100n))).granted).toBe(100n);
  });

  it("notes who wants slices back, and tells of those that others hold", async () => {
    const budgetId = await aBudget(100n);
    await lease(wish(budgetId, 80n, { replicaId: "one" }));
    const refused = await lease(wish(budgetId, 30n, { replicaId: "two" }));
    expect([refused.granted, refused.remaining, refused.elsewhere]).toEqual([0n, 20n, 80n]);
    const state = (await listBudgetStates(db)).find(({ budget }) => budget.budgetId === budgetId);
    expect(state?.accounts[0]?.recall?.by).toBe("two");
  });

  it("renews the slices that are there, and no expired one", async () => {
    const budgetId = await aBudget(100n);
    const [kept, gone] = [wish(budgetId, 10n), wish(budgetId, 10n)];
    await lease(kept);
    await lease(gone);
    await expire(gone.leaseId);
    expect(await renewLeases(db, [kept.leaseId, gone.leaseId], LONG_MS)).toEqual(new Set([kept.leaseId]));
  });

  it("takes back a part that is given back, and nothing of a slice that is gone", async () => {
    const budgetId = await aBudget(100n);
    const held = wish(budgetId, 50n);
    await lease(held);
    await giveBack(db, { leaseId: held.leaseId, amount: 20n });
    await giveBack(db, { leaseId: "no such lease", amount: 20n });
    expect(await standing(budgetId)).toEqual({ spent: 0n, leased: 30n, remaining: 70n });
  });

  it("M12 charges a record once, however often it is written", async () => {
    const budgetId = await aBudget(100n);
    const held = wish(budgetId, 50n);
    const charge = chargeOf(held, await lease(held), 20n);
    const id = randomUUID();
    for (let time = 0; time < 3; time += 1) await record(id, [charge]);
    expect(await standing(budgetId)).toEqual({ spent: 20n, leased: 30n, remaining: 50n });
  });

  it("charges what is more than the slice, or of an expired slice, to what is spent", async () => {
    const budgetId = await aBudget(100n);
    const held = wish(budgetId, 10n);
    const reply = await lease(held);
    await record(randomUUID(), [chargeOf(held, reply, 15n)]);
    expect(await standing(budgetId)).toEqual({ spent: 15n, leased: 0n, remaining: 85n });
    await expire(held.leaseId);
    await lease(wish(budgetId, 5n));
    await record(randomUUID(), [chargeOf(held, reply, 3n)]);
    expect(await standing(budgetId)).toEqual({ spent: 18n, leased: 5n, remaining: 77n });
  });

  it("charges what was spent without a slice to the period it is written in", async () => {
    const budgetId = await aBudget(100n, { period: "day" });
    await record(randomUUID(), [{ budgetId, unit: "nano_usd", amount: 30n }]);
    expect(await standing(budgetId)).toEqual({ spent: 30n, leased: 0n, remaining: 70n });
  });

  it("writes a record whose budget is deleted meanwhile", async () => {
    const budgetId = await aBudget(100n);
    const held = wish(budgetId, 10n);
    const reply = await lease(held);
    await deleteBudget(db, budgetId, "ana");
    const id = randomUUID();
    await record(id, [chargeOf(held, reply, 5n)]);
    const { rows } = await sql`select 1 from orchestration_executions where execution_id = ${id}`.execute(db);
    expect(rows).toHaveLength(1);
  });

  it("comes out even when many lease, spend and give back at once", async () => {
    const budgetId = await aBudget(10_000n, { limits: { nano_usd: 10_000n, tokens: 10_000n } });
    const spent = await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        let cost = 0n;
        for (let round = 0; round < 5; round += 1) {
          const both = [wish(budgetId, 40n), wish(budgetId, 40n, { unit: "tokens" })];
          const replies = await Promise.all(both.map(lease));
          const amount = BigInt(worker + round);
          await record(
            randomUUID(),
            both.map((held, index) => chargeOf(held, replies[index] as LeaseReply, amount)),
          );
          for (const { leaseId } of both) await giveBack(db, { leaseId, amount: 40n - amount });
          cost += amount;
        }
        return cost;
      }),
    );
    const total = spent.reduce((sum, cost) => sum + cost, 0n);
    for (const unit of ["nano_usd", "tokens"]) {
      expect(await standing(budgetId, unit)).toEqual({
        spent: total,
        leased: 0n,
        remaining: 10_000n - total,
      });
    }
  });
});
