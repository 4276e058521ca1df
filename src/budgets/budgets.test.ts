import { describe, expect, it } from "vitest";
import { MemoryStore } from "./testing/memory-store.ts";
import type { Budget, BudgetScope } from "./types.ts";

const never = new AbortController().signal;
const patience = { untilMs: 0, signal: never };
const worst = (nanoUsd: bigint, tokens = 0n) => ({ nano_usd: nanoUsd, tokens });
const aBudget = (budgetId: string, scope: BudgetScope, limit = 1_000n): Budget => ({
  budgetId,
  scope,
  period: "total",
  limits: { nano_usd: limit },
});
const GLOBAL = aBudget("all", { kind: "global" });
const CALLER = ["a", { team: "blue" }] as const;

async function acquired(store: MemoryStore, replica = store.addReplica(), amount = 10n) {
  const reservation = await replica.find(...CALLER)?.acquire(worst(amount), patience);
  if (reservation === undefined || typeof reservation === "string") throw new Error(`it is ${reservation}`);
  return reservation;
}

describe("the budgets of a call", () => {
  it("are those of everyone, of its agent and of its labels", () => {
    const replica = new MemoryStore([
      GLOBAL,
      aBudget("a", { kind: "agent", agentId: "a" }),
      aBudget("b", { kind: "agent", agentId: "b" }),
      aBudget("blue", { kind: "label", key: "team", value: "blue" }),
      aBudget("red", { kind: "label", key: "team", value: "red" }),
      aBudget("no label", { kind: "label", key: "toString", value: "" }),
    ]).addReplica();
    const ids = replica
      .find(...CALLER)
      ?.left()
      .map(({ budgetId }) => budgetId);
    expect(ids).toEqual(["all", "a", "blue"]);
  });

  it("are none where none applies", () => {
    expect(new MemoryStore([]).addReplica().find(...CALLER)).toBeUndefined();
    const other = new MemoryStore([aBudget("b", { kind: "agent", agentId: "b" })]).addReplica();
    expect(other.find(...CALLER)).toBeUndefined();
  });

  it("set aside at all of them or at none", async () => {
    const store = new MemoryStore([GLOBAL, aBudget("small", { kind: "agent", agentId: "a" }, 5n)]);
    const replica = store.addReplica();
    expect(await replica.find(...CALLER)?.acquire(worst(10n), patience)).toBe("short");
    expect(replica.list().map(({ reserved }) => reserved)).toEqual([0n, 0n]);
  });

  it("cannot be set aside where nothing bounds the cost, in money; in tokens they can", async () => {
    const unpriced = { tokens: 10n };
    const inMoney = new MemoryStore([GLOBAL]).addReplica().find(...CALLER);
    expect(await inMoney?.acquire(unpriced, patience)).toBe("short");
    expect(inMoney?.reserve(unpriced)).toBeUndefined();
    const inTokens = new MemoryStore([{ ...GLOBAL, limits: { tokens: 10n } }]).addReplica().find(...CALLER);
    expect(typeof (await inTokens?.acquire(unpriced, patience))).toBe("object");
  });
});

describe("a slice", () => {
  it("serves many calls before the store is asked again", async () => {
    const store = new MemoryStore([aBudget("all", { kind: "global" }, 1_000_000n)]);
    const replica = store.addReplica();
    for (let call = 0; call < 10; call += 1) (await acquired(store, replica)).settle(worst(1n));
    expect(store.asked).toBe(1);
  });

  it("is made larger in the background before it runs out", async () => {
    const store = new MemoryStore([aBudget("all", { kind: "global" }, 1_000_000n)]);
    const replica = store.addReplica();
    for (let call = 0; call < 100; call += 1) {
      expect(replica.find(...CALLER)?.reserve(worst(10n)) !== undefined || call === 0).toBe(true);
      if (call === 0) await acquired(store, replica);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(store.asked).toBeGreaterThan(5);
  });

  it("that is lost is replaced, and what was set aside of it is charged to it", async () => {
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica();
    const old = await acquired(store, replica, 100n);
    store.leases.clear();
    const fresh = await acquired(store, replica, 800n);
    const [oldCharge] = old.settle(worst(5n));
    const [freshCharge] = fresh.settle(worst(5n));
    expect(oldCharge?.from?.leaseId).not.toBe(freshCharge?.from?.leaseId);
    expect(replica.list()[0]?.reserved).toBe(0n);
  });

  it("that has expired is given back, as far as it is free, before another is leased", async () => {
    const store = new MemoryStore([GLOBAL]);
    let laterMs = 0;
    const replica = store.addReplica({ nowMs: () => performance.now() + laterMs });
    (await acquired(store, replica, 100n)).settle(worst(0n));
    laterMs = 60_000;
    const [charge] = (await acquired(store, replica, 1_000n)).settle(worst(1n));
    expect(charge?.from?.leaseId).toBe("replica-0-2");
    expect(store.leases.get("replica-0-1")?.amount).toBe(0n);
  });

  it("is replaced after five leases' time, however much it is used", async () => {
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica({ leaseMs: 40 });
    const leaseId = async () => (await acquired(store, replica)).settle(worst(1n))[0]?.from?.leaseId;
    const first = await leaseId();
    await expect.poll(leaseId, { interval: 5 }).not.toBe(first);
    await replica.close();
  });

  it("that nobody uses is given back at its renewal", async () => {
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica({ leaseMs: 80 });
    (await acquired(store, replica)).settle(worst(0n));
    await expect.poll(() => store.remaining("nano_usd all")).toBe(1_000n);
    await replica.close();
  });

  it("does not count twice what cost more than was set aside, and says so", async () => {
    const overruns: string[] = [];
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica({ onOverrun: ({ budgetId }) => overruns.push(budgetId) });
    const reservation = await acquired(store, replica, 10n);
    store.charge(reservation.settle(worst(30n)));
    expect([store.spent.get("nano_usd all"), overruns]).toEqual([30n, ["all"]]);
  });
});

describe("without the database", () => {
  it("calls are refused once the slice is empty", async () => {
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica();
    await acquired(store, replica, 10n);
    store.isAway = true;
    await acquired(store, replica, 10n);
    expect(await replica.find(...CALLER)?.acquire(worst(900n), patience)).toBe("unavailable");
  });

  it("calls pass where the operator says so, and are charged to no slice", async () => {
    const store = new MemoryStore([GLOBAL]);
    const replica = store.addReplica({ withoutDatabase: "allow" });
    store.isAway = true;
    const accounts = replica.find(...CALLER);
    const reservation = await accounts?.acquire(worst(900n), patience);
    if (reservation === undefined || typeof reservation === "string") throw new Error("it was refused");
    expect(accounts?.reserve(worst(900n))).toBeDefined();
    expect(reservation.settle(worst(5n))).toEqual([{ budgetId: "all", unit: "nano_usd", amount: 5n }]);
  });
});

it("a deleted budget holds nothing back any more", async () => {
  const store = new MemoryStore([aBudget("all", { kind: "global" }, 10n)]);
  const replica = store.addReplica();
  const accounts = replica.find(...CALLER);
  const reservation = await acquired(store, replica);
  replica.update([]);
  expect(replica.find(...CALLER)).toBeUndefined();
  expect(accounts?.reserve(worst(1_000n))).toBeDefined();
  reservation.settle(worst(1n));
});
