import { describe, expect, it } from "vitest";
import { aRecordedExecution, aRequest } from "../../test/support/recorded.ts";
import { type ConfigDocument, documentOf, resolveDocument } from "../config/document.ts";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { costOf } from "../pricing/cost.ts";
import { PRESETS } from "../routing/presets.ts";
import { route } from "../routing/router.ts";
import { scoringInputsOf } from "../routing/scoring-inputs.ts";
import { type ProviderState, targetKey } from "../routing/types.ts";
import { shippedWeights } from "../scoring/weights.ts";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import { rescore } from "./rescore.ts";
import { runBacktest } from "./run.ts";
import type { BacktestEvent, BacktestReport } from "./types.ts";

const BASE = documentOf(PRESETS.classic);
const STATE: ProviderState = {
  today: "2026-11-25",
  sandbox: true,
  providers: new Map(
    ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [] }]),
  ),
  targets: new Map(),
};

const recorded = (n: number): RecordedExecution => {
  const record = aRecordedExecution(n, PRESETS.classic, STATE);
  const { executionId, createdAt, agentId, intent, decision, served, tokens, costNanoUsd, scoringInputs } =
    record;
  return {
    executionId,
    createdAt,
    agentId,
    intent,
    tier: decision.tier,
    served,
    tokens,
    costNanoUsd,
    isPriced: record.priceStatus === "KNOWN",
    ...(scoringInputs !== undefined && { inputs: scoringInputs }),
  };
};

const EXECUTIONS = Array.from({ length: 500 }, (_, n) => recorded(n));

async function backtest(
  document: ConfigDocument,
  executions: readonly RecordedExecution[] = EXECUTIONS,
  options: { maxExecutions?: number; signal?: AbortSignal } = {},
): Promise<{ events: readonly BacktestEvent[]; report: BacktestReport | undefined }> {
  let asked = 0;
  const events = await Array.fromAsync(
    runBacktest({
      source: {
        count: async (most) => Math.min(most, executions.length),
        page: async (limit, after) => {
          const start = after === undefined ? 0 : executions.indexOf(after) + 1;
          asked += 1;
          return executions.slice(start, start + limit);
        },
      },
      candidate: { config: resolveDocument(document, 0, CATALOGUE), state: STATE, billedBy: CATALOGUE },
      maxExecutions: options.maxExecutions ?? 100_000,
      signal: options.signal ?? new AbortController().signal,
      nowMs: () => performance.now(),
    }),
  );
  expect(asked).toBeLessThanOrEqual(Math.ceil(executions.length / 2_000) + 1);
  const last = events.at(-1);
  return { events, report: last?.kind === "report" ? last.report : undefined };
}

describe("the recorded inputs of an execution", () => {
  it("lead to the decision that was made, under the configuration that made it", () => {
    for (let n = 0; n < 500; n += 1) {
      const { decision, scoringInputs } = aRecordedExecution(n, PRESETS.classic, STATE);
      const again = rescore(
        { ...recorded(n), inputs: scoringInputs as NonNullable<typeof scoringInputs> },
        { config: PRESETS.classic, state: STATE, billedBy: CATALOGUE },
      );
      expect(again?.tier).toBe(decision.tier);
      expect(again?.target).toMatchObject(decision.targets[0]);
    }
  });

  it("hold no text of the request", () => {
    const inputs = EXECUTIONS.map(({ inputs }) => JSON.stringify(inputs)).join();
    expect(inputs).not.toContain("word");
    expect(inputs).not.toContain("{{");
  });
});

describe("a backtest", () => {
  it("of the configuration that decided finds everything as it was, to the nano-USD", async () => {
    const { report } = await backtest(BASE);
    expect(report).toMatchObject({
      executions: 500,
      withoutInputs: 0,
      refused: 0,
      tierChanges: 0,
      targetChanges: 0,
    });
    expect(report?.candidate).toEqual(report?.recorded);
    const sum = EXECUTIONS.reduce((total, { costNanoUsd }) => total + costNanoUsd, 0n);
    expect(report?.recorded.cost).toEqual({ cost: sum, lowest: sum, highest: sum, unpricedExecutions: 0 });
  });

  it("counts what moves, and both sides have every execution", async () => {
    const { report } = await backtest({
      ...BASE,
      thresholds: { balancedFrom: 0, balancedTo: 10 },
      failureLimit: 0,
    });
    const changes = EXECUTIONS.filter(({ tier }) => tier !== "balanced");
    expect(report?.tierChanges).toBe(changes.length);
    expect(report?.candidate.tiers).toMatchObject([{ of: "balanced", executions: 500 }]);
    const flown = report?.flows.filter(({ from, to }) => from !== to) ?? [];
    expect(flown.reduce((sum, { executions }) => sum + executions, 0)).toBe(changes.length);
    for (const groups of [report?.byAgent, report?.byIntent]) {
      expect(groups?.reduce((sum, { executions }) => sum + executions, 0)).toBe(500);
      expect(groups?.reduce((sum, { candidate }) => sum + candidate.cost, 0n)).toBe(
        report?.candidate.cost.cost,
      );
    }
  });

  it("prices another model with the tokens that were used, and says how far off that may be", async () => {
    const target = { provider: "openai", model: "gpt-4o" };
    const tier = { ...BASE.tiers.balanced, targets: [target] };
    const document = { ...BASE, tiers: { fast: tier, balanced: tier, powerful: tier } };
    const { report } = await backtest(document);
    const elsewhere = EXECUTIONS.filter(({ served }) => targetKey(served) !== targetKey(target));
    expect(report?.targetChanges).toBe(elsewhere.length);
    const model = CATALOGUE.findModel(target.provider, target.model);
    const expected = EXECUTIONS.reduce(
      (sum, { tokens, createdAt }) =>
        sum + costOf(model, createdAt.toISOString().slice(0, 10), tokens).costNanoUsd,
      0n,
    );
    const { cost, lowest, highest } = report?.candidate.cost ?? { cost: 0n, lowest: 0n, highest: 0n };
    expect(cost).toBe(expected);
    expect(lowest).toBeLessThan(cost);
    expect(highest).toBeGreaterThan(cost);
    expect(report?.assumptions.join(" ")).toContain("half to twice as long");
  });

  it("prices by the price of the day, with the candidate's own where it has one", async () => {
    const free = {
      freshInputMicroUsdPerMtok: 0n,
      cachedInputMicroUsdPerMtok: 0n,
      cacheWriteMicroUsdPerMtok: 0n,
      outputMicroUsdPerMtok: 0n,
    };
    const target = { provider: "kimi", model: "kimi-k2-0905-preview" };
    const override = { target, effectiveFrom: "2020-01-01", source: "", bands: [free] };
    const { report } = await backtest({ ...BASE, priceOverrides: [override] });
    const kimi = report?.candidate.targets.find(({ of }) => targetKey(of) === targetKey(target));
    expect(kimi?.executions).toBeGreaterThan(0);
    expect(kimi?.cost.cost).toBe(0n);
    const later = { ...override, effectiveFrom: "2999-01-01" };
    expect((await backtest({ ...BASE, priceOverrides: [later] })).report?.candidate.cost).toEqual(
      report?.recorded.cost,
    );
  });

  it("counts what it cannot price, decide or read, and lets nothing of it into the sums", async () => {
    const [one, two, three] = [recorded(0), recorded(1), recorded(2)] as const;
    const { inputs: _, ...bare } = one;
    const starved = {
      ...two,
      inputs: { ...(two.inputs as object), budget: 1 } as RecordedExecution["inputs"],
    };
    const unpriced = { ...three, costNanoUsd: 0n, isPriced: false };
    const { report } = await backtest(BASE, [bare, starved as RecordedExecution, unpriced]);
    expect(report).toMatchObject({ executions: 1, withoutInputs: 1, refused: 1 });
    expect(report?.recorded.cost).toMatchObject({ cost: 0n, unpricedExecutions: 1 });
  });

  it("reads no more than it is told, and nothing once nobody waits", async () => {
    expect((await backtest(BASE, EXECUTIONS, { maxExecutions: 70 })).report?.executions).toBe(70);
    expect((await backtest(BASE, EXECUTIONS, { signal: AbortSignal.abort() })).report).toBeUndefined();
    expect((await backtest(BASE, [])).report).toMatchObject({ executions: 0, byAgent: [] });
  });
});

it("a candidate with the calibrated scorer is told of the calls that this scorer looked at, and counts the others", async () => {
  const { version } = shippedWeights();
  const scored = EXECUTIONS.filter(({ inputs }) => inputs?.measured !== undefined);
  const looked = scored.map((execution, n): RecordedExecution => {
    const { inputs } = execution;
    if (inputs === undefined || n % 2 === 0) return execution;
    return { ...execution, inputs: { ...inputs, calibrated: [0, version] } };
  });
  const { report } = await backtest({ ...BASE, scorer: "calibrated" }, looked);
  expect(looked.length).toBeGreaterThan(100);
  expect(report?.withoutInputs).toBe(Math.ceil(looked.length / 2));
  expect((report?.executions ?? 0) + (report?.refused ?? 0)).toBe(Math.floor(looked.length / 2));
});

describe("how well a candidate would have done", () => {
  /** Every second call succeeded; every call was rated 4. */
  const known = EXECUTIONS.map((execution, n) => ({
    ...execution,
    outcome: { success: n % 2, quality: 4 },
  }));
  const qualityOf = async (document: ConfigDocument, executions: readonly RecordedExecution[]) =>
    (await backtest(document, executions)).report?.quality;
  const allBalanced = { ...BASE, thresholds: { balancedFrom: 0, balancedTo: 10 }, failureLimit: 0 };

  it("is what was recorded where it would have chosen the same", async () => {
    const quality = await qualityOf(BASE, known);
    for (const [estimate, value] of [
      [quality?.success, 0.5],
      [quality?.quality, 4],
    ] as const) {
      expect(estimate).toMatchObject({ recorded: value, answer: { kind: "estimate", calls: 500 } });
      expect(estimate?.answer).toMatchObject({ ips: { value }, snips: { value }, effectiveCalls: 500 });
      if (estimate?.answer.kind !== "estimate") throw new Error("there is no estimate");
      expect(estimate.answer.doublyRobust?.value).toBeCloseTo(value, 6);
    }
  });

  it("is refused where other tiers would have been chosen, or other models in the same tier", async () => {
    const refused = { answer: { kind: "refused", reason: expect.stringContaining("could never have been") } };
    expect((await qualityOf(allBalanced, known))?.success).toMatchObject(refused);
    const target = { provider: "openai", model: "gpt-4o" };
    const moved = {
      ...BASE,
      tiers: { ...BASE.tiers, balanced: { ...BASE.tiers.balanced, targets: [target] } },
    };
    expect((await qualityOf(moved, known))?.success).toMatchObject(refused);
  });

  it("is refused where nothing is known of the calls", async () => {
    expect((await qualityOf(BASE, EXECUTIONS))?.quality).toEqual({
      answer: expect.objectContaining({ kind: "refused", calls: 0 }),
    });
  });

  it("is known of tiers that chance has chosen, with the probability they had", async () => {
    const of = { fast: 0.25, balanced: 0.5, powerful: 0.25 };
    const config = resolveDocument(allBalanced, 0, CATALOGUE);
    // Balanced answers well, and the others do not: half of the calls went there.
    const explored = EXECUTIONS.map((execution, n): RecordedExecution => {
      const tier = n % 2 === 0 ? "balanced" : n % 4 === 1 ? "fast" : "powerful";
      if (execution.inputs === undefined) throw new Error("it has no inputs");
      const inputs = { ...execution.inputs, propensities: of };
      const asked = rescore({ ...execution, tier, inputs }, { config, state: STATE, billedBy: CATALOGUE });
      const served = asked?.target ?? execution.served;
      return { ...execution, tier, served, inputs, outcome: { success: Number(tier === "balanced") } };
    });
    const answer = (await qualityOf(allBalanced, explored))?.success.answer;
    if (answer?.kind !== "estimate") throw new Error(`refused: ${answer?.reason}`);
    expect(answer.snips.value).toBe(1);
    expect(answer.ips.value).toBeCloseTo(1, 6);
    expect(answer.effectiveCalls).toBe(250);
  });
});

describe("a session's warm cache", () => {
  it("is weighed again as it was", () => {
    const request = {
      ...aRequest(1),
      sessionId: "s",
      chat: { texts: ["word ".repeat(8_000)], attachmentBytes: 0 },
    };
    const warm = new Map([["openai/gpt-4o-mini", { tokens: 9_000, tier: "balanced" as const }]]);
    const result = route(request, PRESETS.classic, { ...STATE, warm });
    if (!result.ok) throw new Error("it is not routed");
    expect(result.decision.cache).toMatchObject({ kept: true, warmTokens: 9_000 });
    const inputs = scoringInputsOf(request, result.decision);
    const candidate = { config: PRESETS.classic, state: STATE, billedBy: CATALOGUE };
    const execution = { ...recorded(1), tier: result.decision.tier };
    const [chosen] = result.decision.targets;
    expect(rescore({ ...execution, inputs }, candidate)?.target).toMatchObject(chosen);
    const { warm: _, ...cold } = inputs;
    expect(rescore({ ...execution, inputs: cold }, candidate)?.target).not.toMatchObject(chosen);
  });
});
