/** M: what budgets let pass, held against the providers' own ledger. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { CATALOGUE } from "../../src/pricing/catalogue.ts";
import { costOf } from "../../src/pricing/cost.ts";
import { worstCaseOf } from "../../src/routing/funds.ts";
import { billedTokens, type LedgerEntry } from "../../src/sandbox/ledger.ts";
import type { Ask, Heard } from "./rig/call.ts";
import { accessOf, type Replica, type Replicas, startReplicas } from "./rig/replicas.ts";
import { holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { isThorough } from "./rig/thorough.ts";

const PROVIDER = "openai";
const MODEL = "gpt-4o";
const TODAY = new Date().toISOString().slice(0, 10);
const listed = CATALOGUE.findModel(PROVIDER, MODEL);

/** Costs nearly what is set aside for it: an answer as long as it may be, at ten dollars a million tokens. */
const OUTPUT_TOKENS = 2_000;
const ASK: Ask = {
  model: `${PROVIDER}/${MODEL}`,
  prompt: `Say hello [tokens=${OUTPUT_TOKENS}]`,
  maxOutputTokens: OUTPUT_TOKENS,
};
/** More than the bound of that prompt, and not by much. */
const MOST_INPUT_TOKENS = 1_300;
const ONE_CALL = worstCaseOf(listed, TODAY, MOST_INPUT_TOKENS, OUTPUT_TOKENS).nano_usd ?? 0n;

/** Calls that are cancelled, and calls under way when their process is killed. */
const [CANCELLED, UNDER_WAY] = isThorough ? [9_000, 1_000] : [1_500, 500];

/** How long the slices of a killed replica are withheld. */
const LEASE_SECONDS = 6;

/** By the provider's account, whatever we were told or wrote down. */
const costOfLedger = (entries: readonly LedgerEntry[]): bigint =>
  entries.reduce((sum, { provider, model, usage }) => {
    return sum + costOf(CATALOGUE.findModel(provider, model), TODAY, billedTokens(usage)).costNanoUsd;
  }, 0n);

/** So that all who are let pass are under way at once. */
const slowly = (rig: Pick<Rig, "sandbox">) =>
  rig.sandbox.setFaults({ provider: PROVIDER, model: MODEL, faults: [{ fault: "slow-headers=400" }] });

function setBudget({ access }: Pick<Replica, "access">, agentId: string, limitNanoUsd: bigint) {
  const scope = { kind: { case: "agentId" as const, value: agentId } };
  return access.setBudget({ budget: { budgetId: agentId, scope, period: BudgetPeriod.TOTAL, limitNanoUsd } });
}

async function balanceOf({ access }: Pick<Replica, "access">, budgetId: string) {
  const { budgets } = await access.listBudgets({});
  const balance = budgets.find(({ budget }) => budget?.budgetId === budgetId)?.nanoUsd;
  if (balance === undefined) throw new Error(`no budget ${budgetId}`);
  return balance;
}

/** Served, or refused by the budget; nothing else. */
function expectServedOrRefused(heard: readonly Heard[]): void {
  for (const { error, completed } of heard) {
    if (completed !== undefined) continue;
    expect([error?.code, error?.reason]).toEqual([Code.ResourceExhausted, "BUDGET_EXCEEDED"]);
    expect(error?.retryAfterMs).toBeUndefined();
  }
}

describe("M09 budget race", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig?.stop());

  it("50 concurrent calls on a budget for 1: nothing is overspent, by the provider's own account", async () => {
    const access = accessOf(rig.service);
    await setBudget({ access }, "race", ONE_CALL);
    slowly(rig);
    const heard = await Promise.all(Array.from({ length: 50 }, () => rig.call("race", ASK)));
    expectServedOrRefused(heard);
    expect(heard.filter(({ completed }) => completed !== undefined)).toHaveLength(1);
    const spent = costOfLedger(rig.sandbox.ledger.entries());
    expect(spent).toBeGreaterThan(0n);
    expect(spent).toBeLessThanOrEqual(ONE_CALL);
    expect(await holdsWithin(5_000, async () => (await balanceOf({ access }, "race")).spent === spent)).toBe(
      true,
    );
    const page = await rig.metrics();
    expect(sumOf(page, "modeltier_budget_reserved", { budget: "race" })).toBe(0);
    expect(sumOf(page, "modeltier_budget_limit", { budget: "race" })).toBe(Number(ONE_CALL) / 1e9);
    expect(sumOf(page, "modeltier_budget_refusals_total", { budget: "race" })).toBe(49);
    expect(sumOf(page, "modeltier_budget_overruns_total")).toBe(0);
  });
});

describe("M09 budget race between replicas", () => {
  let rig: Replicas;
  beforeAll(async () => {
    rig = await startReplicas(3);
  }, 60_000);
  afterAll(() => rig?.stop());

  it("200 callers of 3 replicas on a budget for 10: nothing is overspent, and as many are served as it pays for", async () => {
    const limit = 10n * ONE_CALL;
    await setBudget(rig.replicas[0], "shared", limit);
    const isKnown = async (replica: Replica) =>
      sumOf(await replica.metrics(), "modeltier_budget_limit", { budget: "shared" }) > 0;
    for (const replica of rig.replicas) {
      expect(await holdsWithin(3_000, () => isKnown(replica))).toBe(true);
    }
    slowly(rig);
    const callers = Array.from({ length: 200 }, (_, index) => rig.replicas[index % 3] as Replica);
    const heard = await Promise.all(callers.map((replica) => replica.call("shared", ASK)));
    expectServedOrRefused(heard);
    const spent = costOfLedger(rig.sandbox.ledger.entries());
    expect(spent).toBeLessThanOrEqual(limit);
    expect(heard.filter(({ completed }) => completed !== undefined).length).toBeGreaterThanOrEqual(10);
    const isWritten = async () => (await balanceOf(rig.replicas[0], "shared")).spent === spent;
    expect(await holdsWithin(5_000, isWritten)).toBe(true);
    for (const replica of rig.replicas) {
      expect(sumOf(await replica.metrics(), "modeltier_budget_reserved")).toBe(0);
    }
  });

  it("a slice that one replica does not use serves a call of another", async () => {
    const limit = 2n * ONE_CALL;
    await setBudget(rig.replicas[0], "recalled", limit);
    const [, other] = rig.replicas as [Replica, Replica];
    const isKnown = async () =>
      sumOf(await other.metrics(), "modeltier_budget_limit", { budget: "recalled" }) > 0;
    expect(await holdsWithin(3_000, isKnown)).toBe(true);
    // A small call leaves a slice behind that the large one cannot do without.
    await rig.replicas[0].call("recalled", { ...ASK, maxOutputTokens: 900, prompt: "Say hello [tokens=9]" });
    const held = await balanceOf(rig.replicas[0], "recalled");
    expect(held.leased).toBeGreaterThan(0n);
    const need = worstCaseOf(listed, TODAY, MOST_INPUT_TOKENS, 3_300).nano_usd ?? 0n;
    expect(need).toBeGreaterThan(held.remaining);
    const large = { ...ASK, maxOutputTokens: 3_300, prompt: "Say hello [tokens=9]" };
    const { completed, decision } = await other.call("recalled", large);
    expect(completed).toBeDefined();
    expect(decision?.maxOutputTokens).toBe(3_300);
  });
});

describe("M10 reservations that nobody settles", () => {
  let rig: Replicas;
  beforeAll(async () => {
    rig = await startReplicas(2, {
      MODELTIER_BUDGET_LEASE_SECONDS: String(LEASE_SECONDS),
      MODELTIER_HEADERS_TIMEOUT_MS: "120000",
      MODELTIER_FIRST_TOKEN_TIMEOUT_MS: "120000",
      LOG_LEVEL: "warn",
    });
  }, 60_000);
  afterAll(() => rig?.stop());

  const recorded = async (agentId: string): Promise<bigint> => {
    const { rows } = await rig.database.query(
      "select coalesce(sum(cost_nano_usd), 0)::text as cost from orchestration_executions where agent_id = $1",
      [agentId],
    );
    return BigInt(rows[0].cost);
  };

  it(`${CANCELLED} calls cancelled and ${UNDER_WAY} under way at a kill -9: leases expire, and the balance converges`, async () => {
    const [doomed, survivor] = rig.replicas as [Replica, Replica];
    const limit = 2_000n * ONE_CALL;
    await setBudget(doomed, "leak", limit);
    const served = await Promise.all(Array.from({ length: 20 }, () => doomed.call("leak", ASK)));
    const cost = served.reduce((sum, { completed }) => sum + (completed?.costNanoUsd ?? 0n), 0n);
    expect(cost).toBeGreaterThan(ONE_CALL);
    rig.sandbox.setFaults({ provider: PROVIDER, model: MODEL, faults: [{ fault: "slow-headers=120000" }] });
    const reserved = async () =>
      sumOf(await doomed.metrics(), "modeltier_budget_reserved", { budget: "leak" });
    const leaves: Ask = { ...ASK, leavesWhen: ({ asked }) => asked.length > 0 };
    for (let calls = 0; calls < CANCELLED; calls += 500) {
      await Promise.all(Array.from({ length: 500 }, () => doomed.call("leak", leaves)));
    }
    expect(await holdsWithin(5_000, async () => (await reserved()) === 0)).toBe(true);

    const underWay = Array.from({ length: UNDER_WAY }, () => doomed.call("leak", ASK));
    const areAllUnderWay = async () => (await reserved()) >= UNDER_WAY * (Number(ONE_CALL) / 1e9) * 0.9;
    expect(await holdsWithin(20_000, areAllUnderWay)).toBe(true);
    expect((await balanceOf(survivor, "leak")).leased).toBeGreaterThan(
      (BigInt(UNDER_WAY) * 9n * ONE_CALL) / 10n,
    );
    await doomed.kill();
    for (const { completed } of await Promise.all(underWay)) expect(completed).toBeUndefined();

    const isFree = async () => (await balanceOf(survivor, "leak")).leased === 0n;
    expect(await holdsWithin(LEASE_SECONDS * 1_000 + 2_000, isFree)).toBe(true);
    const { spent, remaining } = await balanceOf(survivor, "leak");
    expect([spent, spent >= cost]).toEqual([await recorded("leak"), true]);
    expect(remaining).toBe(limit - spent);

    rig.sandbox.clearFaults();
    const { completed } = await survivor.call("leak", { ...ASK, prompt: "Say hello [tokens=9]" });
    const settled = spent + (completed?.costNanoUsd ?? 0n);
    expect(await holdsWithin(5_000, async () => (await balanceOf(survivor, "leak")).spent === settled)).toBe(
      true,
    );
  }, 120_000);
});
