import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallAccounts, Reservation } from "./call-accounts.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import type { Budget, BudgetCharge } from "./types.ts";

const LIMIT = 1_000n;
const BUDGET: Budget = {
  budgetId: "b",
  scope: { kind: "global" },
  period: "total",
  limits: { nano_usd: LIMIT, tokens: LIMIT },
};
const REPLICAS = 3;
const never = new AbortController().signal;

/** A replica's attempt: what is set aside for it, and which part of that it turns out to cost, in hundredths. */
const anAttempt = fc.record({
  replica: fc.nat({ max: REPLICAS - 1 }),
  nanoUsd: fc.bigInt(1n, 700n),
  tokens: fc.bigInt(1n, 700n),
  cost: fc.bigInt(0n, 100n),
  /** Settled before the next one asks. */
  ends: fc.boolean(),
  /** Recorded as soon as it is settled; the others at the end. */
  isRecorded: fc.boolean(),
});

type Plan = Readonly<{
  replica: number;
  nanoUsd: bigint;
  tokens: bigint;
  cost: bigint;
  ends: boolean;
  isRecorded: boolean;
}>;

/** Three replicas on one budget, and what an observer who sees everything knows of it. */
class World {
  readonly store = new MemoryStore([BUDGET]);
  readonly replicas = Array.from({ length: REPLICAS }, () => this.store.addReplica());
  readonly #unrecorded: BudgetCharge[] = [];
  readonly #open = new Map<Reservation, Plan>();
  readonly used = { nano_usd: 0n, tokens: 0n };

  accountsOf({ replica }: Plan): CallAccounts {
    const accounts = this.replicas[replica]?.find("a", {});
    if (accounts === undefined) throw new Error("the budget is not known");
    return accounts;
  }

  async acquire(plan: Plan, waitMs: number): Promise<Reservation | "short" | "unavailable"> {
    const worst = { nano_usd: plan.nanoUsd, tokens: plan.tokens };
    const patience = { untilMs: performance.now() + waitMs, signal: never };
    const reservation = await this.accountsOf(plan).acquire(worst, patience);
    if (typeof reservation !== "string") {
      this.#open.set(reservation, plan);
      this.used.nano_usd += plan.nanoUsd;
      this.used.tokens += plan.tokens;
    }
    return reservation;
  }

  settle(reservation: Reservation): void {
    const plan = this.#open.get(reservation);
    if (plan === undefined) return;
    this.#open.delete(reservation);
    const cost = { nano_usd: (plan.nanoUsd * plan.cost) / 100n, tokens: (plan.tokens * plan.cost) / 100n };
    const charges = reservation.settle(cost);
    expect(reservation.settle(cost)).toEqual([]);
    if (plan.isRecorded) this.store.charge(charges);
    else this.#unrecorded.push(...charges);
    this.used.nano_usd += cost.nano_usd - plan.nanoUsd;
    this.used.tokens += cost.tokens - plan.tokens;
  }

  isCovered({ nanoUsd, tokens }: Plan): boolean {
    return this.used.nano_usd + nanoUsd <= LIMIT && this.used.tokens + tokens <= LIMIT;
  }

  get isWithin(): boolean {
    return this.used.nano_usd <= LIMIT && this.used.tokens <= LIMIT;
  }

  /** Everything ends, is recorded and is given back. */
  async end(): Promise<void> {
    for (const reservation of [...this.#open.keys()]) this.settle(reservation);
    this.store.charge(this.#unrecorded);
    await Promise.all(this.replicas.map((replica) => replica.close()));
  }
}

async function expectAllReturned({ store, replicas, used }: World): Promise<void> {
  for (const account of replicas.flatMap((replica) => replica.list())) {
    expect([account.reserved, account.slice?.held ?? 0n]).toEqual([0n, 0n]);
  }
  for (const unit of ["nano_usd", "tokens"] as const) {
    expect(store.spent.get(`${unit} b`) ?? 0n).toBe(used[unit]);
    expect(store.remaining(`${unit} b`)).toBe(LIMIT - used[unit]);
  }
}

describe("a budget of three replicas", () => {
  it("serves a call exactly if what is neither spent nor set aside covers it, wherever that is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anAttempt, { maxLength: 8 }), async (plans) => {
        const world = new World();
        for (const plan of plans) {
          const isCovered = world.isCovered(plan);
          const reservation = await world.acquire(plan, 80);
          expect(typeof reservation === "string").toBe(!isCovered);
          if (typeof reservation !== "string" && plan.ends) world.settle(reservation);
        }
        await world.end();
        await expectAllReturned(world);
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it("is never overspent by those who ask at once, and nothing stays set aside", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anAttempt, { minLength: 5, maxLength: 40 }), async (plans) => {
        const world = new World();
        await Promise.all(
          plans.map(async (plan) => {
            const reservation = await world.acquire(plan, 30);
            expect(world.isWithin).toBe(true);
            if (typeof reservation === "string" || !plan.ends) return;
            await new Promise((resolve) => setImmediate(resolve));
            world.settle(reservation);
          }),
        );
        await world.end();
        expect(world.isWithin).toBe(true);
        await expectAllReturned(world);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
