/** Whatever budgets there are, and whoever asks: spent and set aside together stay within every limit, and nothing is refused that fits. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Budgets } from "./budgets.ts";
import type { Reservation } from "./call-accounts.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import type { Amounts, Budget, BudgetCharge, BudgetScope } from "./types.ts";

const REPLICAS = 3;
const never = new AbortController().signal;
const UNITS = ["nano_usd", "tokens"] as const;

/** Few words, so that budgets and calls meet. */
const AGENTS = ["a", "b"];
const KEYS = ["key-1", "key-2"];
const TEAMS = ["red", "blue"];

const SCOPES: readonly BudgetScope[] = [
  { kind: "global" },
  ...AGENTS.map((agentId) => ({ kind: "agent" as const, agentId })),
  ...KEYS.map((keyId) => ({ kind: "key" as const, keyId })),
  ...TEAMS.map((value) => ({ kind: "label" as const, key: "team", value })),
  { kind: "label", key: "env", value: "prod" },
];

const aLimit = fc.bigInt(300n, 1_500n);
const limits: fc.Arbitrary<Budget["limits"]> = fc.oneof(
  fc.record({ nano_usd: aLimit }),
  fc.record({ tokens: aLimit }),
  fc.record({ nano_usd: aLimit, tokens: aLimit }),
);

/** Up to five at a time, of every scope; two may have the same. */
const someBudgets = fc
  .array(fc.record({ scope: fc.constantFrom(...SCOPES), limits }), { minLength: 1, maxLength: 5 })
  .map((drawn) => drawn.map((one, index) => ({ ...one, budgetId: `b${index}`, period: "total" as const })));

const oneOfEveryone = limits.map((one) => [
  { budgetId: "b", scope: { kind: "global" as const }, period: "total" as const, limits: one },
]);

/** A replica's attempt: whose it is, what is set aside for it, and which part of that it turns out to cost, in hundredths. */
const anAttempt = fc.record({
  replica: fc.nat({ max: REPLICAS - 1 }),
  agentId: fc.constantFrom(...AGENTS, "another"),
  keyId: fc.constantFrom(...KEYS, ""),
  labels: fc.record(
    { team: fc.constantFrom(...TEAMS), env: fc.constantFrom("prod", "test") },
    { requiredKeys: [] },
  ),
  worst: fc.record({ nano_usd: fc.bigInt(1n, 700n), tokens: fc.bigInt(1n, 700n) }),
  cost: fc.bigInt(0n, 100n),
  /** Settled before the next one asks. */
  ends: fc.boolean(),
  /** Recorded as soon as it is settled; the others at the end. */
  isRecorded: fc.boolean(),
});

type Plan = typeof anAttempt extends fc.Arbitrary<infer T> ? T : never;

/** The rule, put differently than the index has it. */
function countsTowards({ agentId, keyId, labels }: Plan, scope: BudgetScope): boolean {
  if (scope.kind === "agent") return scope.agentId === agentId;
  if (scope.kind === "key") return scope.keyId === keyId;
  if (scope.kind === "label") return Object.entries(labels).join().includes(`${scope.key},${scope.value}`);
  return true;
}

/** Three replicas on the same budgets, and what an observer who sees everything knows of these. */
class World {
  readonly store: MemoryStore;
  readonly replicas: readonly Budgets[];
  readonly #budgets: readonly Budget[];
  readonly #unrecorded: BudgetCharge[] = [];
  readonly #open = new Map<Reservation, Plan>();
  /** By account: what is spent or set aside. */
  readonly #used = new Map<string, bigint>();

  constructor(budgets: readonly Budget[]) {
    this.#budgets = budgets;
    this.store = new MemoryStore(budgets);
    this.replicas = Array.from({ length: REPLICAS }, () => this.store.addReplica());
  }

  async acquire(plan: Plan, waitMs: number): Promise<Reservation | "short" | "unavailable"> {
    const { replica, agentId, labels, keyId, worst } = plan;
    const accounts = this.replicas[replica]?.find(agentId, labels, keyId);
    expect(accounts === undefined).toBe(this.#accountsOf(plan).length === 0);
    if (accounts === undefined) return NOTHING_SET_ASIDE;
    const patience = { untilMs: performance.now() + waitMs, signal: never };
    const reservation = await accounts.acquire(worst, patience);
    if (typeof reservation !== "string") {
      this.#open.set(reservation, plan);
      this.#use(plan, worst);
    }
    return reservation;
  }

  settle(reservation: Reservation): void {
    const plan = this.#open.get(reservation);
    if (plan === undefined) return;
    this.#open.delete(reservation);
    const { worst, cost: share } = plan;
    const cost = { nano_usd: (worst.nano_usd * share) / 100n, tokens: (worst.tokens * share) / 100n };
    const charges = reservation.settle(cost);
    expect(reservation.settle(cost)).toEqual([]);
    if (plan.isRecorded) this.store.charge(charges);
    else this.#unrecorded.push(...charges);
    this.#use(plan, { nano_usd: cost.nano_usd - worst.nano_usd, tokens: cost.tokens - worst.tokens });
  }

  /** Nothing is under way, and so nothing is set aside. */
  settleAll(): void {
    for (const reservation of [...this.#open.keys()]) this.settle(reservation);
    for (const account of this.replicas.flatMap((replica) => replica.list()))
      expect(account.reserved).toBe(0n);
  }

  isCovered(plan: Plan): boolean {
    return this.#accountsOf(plan).every(
      ({ key, unit, limit }) => this.#usedOf(key) + plan.worst[unit] <= limit,
    );
  }

  expectWithin(): void {
    for (const { key, limit } of this.#accounts()) {
      expect(this.#usedOf(key) <= limit, `${key}: ${this.#usedOf(key)} of ${limit} used`).toBe(true);
      expect((this.store.spent.get(key) ?? 0n) <= limit, `${key} is overspent`).toBe(true);
    }
  }

  /** Everything ends, is recorded and is given back: what is left is what was not spent. */
  async end(): Promise<void> {
    this.settleAll();
    this.store.charge(this.#unrecorded);
    await Promise.all(this.replicas.map((replica) => replica.close()));
    for (const account of this.replicas.flatMap((replica) => replica.list()))
      expect(account.slice?.held ?? 0n).toBe(0n);
    for (const { key, limit } of this.#accounts()) {
      expect(this.store.spent.get(key) ?? 0n).toBe(this.#usedOf(key));
      expect(this.store.remaining(key)).toBe(limit - this.#usedOf(key));
    }
  }

  #accounts(budgets = this.#budgets) {
    return budgets.flatMap(({ budgetId, limits: ofBudget }) =>
      UNITS.flatMap((unit) => {
        const limit = ofBudget[unit];
        return limit === undefined ? [] : [{ key: `${unit} ${budgetId}`, unit, limit }];
      }),
    );
  }

  #accountsOf(plan: Plan) {
    return this.#accounts(this.#budgets.filter(({ scope }) => countsTowards(plan, scope)));
  }

  #usedOf(key: string): bigint {
    return this.#used.get(key) ?? 0n;
  }

  #use(plan: Plan, amounts: Amounts): void {
    for (const { key, unit } of this.#accountsOf(plan))
      this.#used.set(key, this.#usedOf(key) + amounts[unit]);
  }
}

async function expectServedIfCovered(world: World, plan: Plan) {
  const isCovered = world.isCovered(plan);
  const reservation = await world.acquire(plan, 80);
  expect(typeof reservation !== "string").toBe(isCovered);
  return reservation;
}

/** Of a call that no budget limits. */
const NOTHING_SET_ASIDE: Reservation = { settle: () => [] };

describe.each([
  ["a budget of everyone", oneOfEveryone, 12],
  ["budgets of agents, keys, labels and everyone", someBudgets, 25],
] as const)("%s, at three replicas", (_, budgetsArbitrary, numRuns) => {
  it("serve a call exactly if what is neither spent nor set aside covers it at each, wherever that is", async () => {
    await fc.assert(
      fc.asyncProperty(budgetsArbitrary, fc.array(anAttempt, { maxLength: 8 }), async (budgets, plans) => {
        const world = new World(budgets);
        for (const plan of plans) {
          const reservation = await expectServedIfCovered(world, plan);
          if (typeof reservation !== "string" && plan.ends) world.settle(reservation);
          world.expectWithin();
        }
        await world.end();
      }),
      { numRuns },
    );
  }, 60_000);

  it("are never overspent by those who ask at once; nothing stays set aside, and what is left still serves", async () => {
    const many = fc.array(anAttempt, { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(budgetsArbitrary, many, async (budgets, plans) => {
        const world = new World(budgets);
        await Promise.all(
          plans.map(async (plan) => {
            const reservation = await world.acquire(plan, 30);
            world.expectWithin();
            if (typeof reservation === "string" || !plan.ends) return;
            await new Promise((resolve) => setImmediate(resolve));
            world.settle(reservation);
          }),
        );
        world.settleAll();
        for (const plan of plans.slice(0, 1)) await expectServedIfCovered(world, plan);
        await world.end();
        world.expectWithin();
      }),
      { numRuns },
    );
  }, 60_000);
});
