import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { worstCaseOf } from "./funds.ts";
import {
  AGENT,
  CLASSIC,
  CURRENT,
  decisionOf,
  failureOf,
  movesOf,
  namesOf,
  requestWith,
  stateWith,
} from "./test-support.ts";
import type { Fund, RoutingConfig, RoutingRequest } from "./types.ts";

const SANDBOX = stateWith({ sandbox: true });
const INPUT = 1_000;

const money = (left: bigint): Fund => ({ budgetId: "team", unit: "nano_usd", left });
const tokens = (left: bigint): Fund => ({ budgetId: "tokens", unit: "tokens", left });
const funded = (accounts: readonly Fund[], parts: Partial<RoutingRequest> = {}): RoutingRequest =>
  requestWith({ agentScores: AGENT.powerful, funds: { mostInputTokens: INPUT, accounts }, ...parts });

/** The most that a model's whole answer can cost, beside the prompt. */
function worstOf(provider: string, model: string, maxOutputTokens: number, config = CLASSIC): bigint {
  const listed = config.catalogue.findModel(provider, model);
  return worstCaseOf(listed, SANDBOX.today, INPUT, maxOutputTokens).nano_usd ?? -1n;
}
const SONNET = ["anthropic", "claude-3-5-sonnet-20241022"] as const;
const KIMI = ["kimi", "kimi-k2-0905-preview"] as const;
const HAIKU = ["anthropic", "claude-3-haiku-20240307"] as const;

describe("a budget in money", () => {
  it("changes nothing while it pays for the whole answer, to the nano-USD", () => {
    const enough = worstOf(...SONNET, 8_192);
    const decision = decisionOf(funded([money(enough)]), SANDBOX);
    expect([decision.tier, decision.targets[0].maxOutputTokens, movesOf(decision)]).toEqual([
      "powerful",
      8_192,
      [],
    ]);
    expect(decisionOf(funded([money(enough - 1n)]), SANDBOX).tier).toBe("balanced");
  });

  it("lowers the tier to the first that it pays for, and says so", () => {
    const decision = decisionOf(funded([money(worstOf(...KIMI, 4_096))]), SANDBOX);
    expect(movesOf(decision)).toEqual(["budget: powerful -> balanced"]);
    expect(decision.causes.at(-1)?.detail).toBe("powerful may cost more than the budget team has left");
    expect(decision.reason).toContain("then balanced to fit the budget");
  });

  it("makes the answer smaller in the lowest tier, down to 64 tokens", () => {
    const decision = decisionOf(funded([money(worstOf(...HAIKU, 100))]), SANDBOX);
    expect(decision.targets[0]).toMatchObject({ model: HAIKU[1], maxOutputTokens: 100 });
    expect(movesOf(decision)).toEqual(["budget: powerful -> fast", "output_cut: fast -> fast"]);
    expect(decision.causes.at(-1)?.detail).toBe("The budget team leaves 100 of 2048 output tokens");
    const smallest = worstOf("openai", "gpt-4o-mini", 64);
    expect(namesOf(decisionOf(funded([money(smallest)]), SANDBOX))).toEqual(["openai gpt-4o-mini"]);
    expect(failureOf(funded([money(smallest - 1n)]), SANDBOX)).toEqual({
      kind: "over_budget",
      budgetIds: ["team"],
    });
  });

  it("keeps to a tier or a model that was asked for, with a smaller answer", () => {
    const left = money(worstOf(...SONNET, 300));
    for (const constraints of [
      { tier: "powerful" as const },
      { target: { provider: SONNET[0], model: SONNET[1] } },
    ]) {
      const [target] = decisionOf(funded([left], { constraints }), SANDBOX).targets;
      expect([target.model, target.maxOutputTokens]).toEqual([SONNET[1], 300]);
    }
  });

  it("gives every fallback the answer that it pays for there", () => {
    const left = worstOf(...HAIKU, 500);
    for (const { provider, model, maxOutputTokens } of decisionOf(funded([money(left)]), SANDBOX).targets) {
      expect(worstOf(provider, model, maxOutputTokens)).toBeLessThanOrEqual(left);
    }
  });

  it("passes over a model whose price is not known, and names the remedy", () => {
    const target = { provider: "openai", model: "brand-new" };
    const config: RoutingConfig = {
      ...CURRENT,
      tiers: { ...CURRENT.tiers, powerful: { ...CURRENT.tiers.powerful, targets: [target] } },
    };
    const request = funded([money(10n ** 12n)], { constraints: { tier: "powerful" } });
    const failure = failureOf(request, SANDBOX, config);
    expect(failure).toMatchObject({
      kind: "no_usable_target",
      rejected: [{ target, reason: "unknown_price" }],
    });
    expect(JSON.stringify(failure)).toContain("use a model with a price, or set that budget in tokens");
    const inTokens = funded([tokens(10n ** 6n)], { constraints: { tier: "powerful" } });
    expect(decisionOf(inTokens, SANDBOX, config).targets[0].model).toBe("brand-new");
  });
});

describe("several budgets", () => {
  it("must all pay: the tightest decides, and is named", () => {
    const ample = money(10n ** 12n);
    const decision = decisionOf(funded([ample, tokens(BigInt(INPUT + 266))]), SANDBOX);
    expect(decision.targets[0].maxOutputTokens).toBe(200);
    expect(decision.causes.at(-1)?.detail).toBe("The budget tokens leaves 200 of 2048 output tokens");
    expect(failureOf(funded([ample, tokens(BigInt(INPUT))]), SANDBOX)).toEqual({
      kind: "over_budget",
      budgetIds: ["tokens"],
    });
  });

  it("whatever is left, let pass nothing that could cost more", () => {
    const left = fc.bigInt(0n, worstOf(...SONNET, 9_000));
    fc.assert(
      fc.property(left, fc.bigInt(0n, 20_000n), fc.boolean(), (nanoUsd, count, isCurrent) => {
        const config = isCurrent ? CURRENT : CLASSIC;
        const request = funded([money(nanoUsd), tokens(count)]);
        let targets: ReturnType<typeof decisionOf>["targets"];
        try {
          ({ targets } = decisionOf(request, SANDBOX, config));
        } catch {
          expect(failureOf(request, SANDBOX, config).kind).toBe("over_budget");
          return;
        }
        for (const { provider, model, maxOutputTokens } of targets) {
          const listed = config.catalogue.findModel(provider, model);
          const worst = worstCaseOf(listed, SANDBOX.today, INPUT, maxOutputTokens);
          expect(worst.nano_usd).toBeLessThanOrEqual(nanoUsd);
          expect(worst.tokens).toBeLessThanOrEqual(count);
          expect(maxOutputTokens).toBeGreaterThanOrEqual(64);
        }
      }),
    );
  });
});
