/** What is made of sums: shares, rates, series, and the spans of an overview. */
import { describe, expect, it } from "vitest";
import { Calendar } from "./calendar.ts";
import { type CostStep, costTrendOf } from "./cost-trend.ts";
import { bandStateOf, distributionOf } from "./distribution.ts";
import { overviewOf, spansOf } from "./overview.ts";
import { type OutcomeSums, performanceOf, providerPerformanceOf } from "./performance.ts";
import { NOTHING } from "./totals.ts";

const at = (text: string): Date => new Date(text);
const WINDOW = { from: at("2026-11-24T00:00:00Z"), to: at("2026-11-25T00:00:00Z") };
const BAND = { provider: "kimi", lowestShare: 0.6, highestShare: 0.7 };

describe("a distribution", () => {
  const calls = [
    { provider: "openai", tier: "fast", calls: 30n, costNanoUsd: 5n },
    { provider: "kimi", tier: "fast", calls: 10n, costNanoUsd: 7n },
    { provider: "kimi", tier: "balanced", calls: 60n, costNanoUsd: 11n },
  ] as const;

  it("gives shares of all calls and of each tier, the most called first", () => {
    const { providers, ...rest } = distributionOf(WINDOW, calls, [], BAND);
    expect(providers).toEqual([
      {
        provider: "kimi",
        calls: 70n,
        share: 0.7,
        costNanoUsd: 18n,
        tiers: [
          { tier: "fast", calls: 10n, share: 0.25 },
          { tier: "balanced", calls: 60n, share: 1 },
        ],
      },
      {
        provider: "openai",
        calls: 30n,
        share: 0.3,
        costNanoUsd: 5n,
        tiers: [{ tier: "fast", calls: 30n, share: 0.75 }],
      },
    ]);
    expect(rest).toMatchObject({ calls: 100n, bandShare: 0.7, bandState: "within" });
  });

  it("knows no calls from none of one provider", () => {
    expect(distributionOf(WINDOW, [], [], BAND)).toMatchObject({ bandState: "no_calls", bandShare: 0 });
    const absent = { ...BAND, provider: "anthropic" };
    expect(distributionOf(WINDOW, calls, [], absent)).toMatchObject({ bandState: "below", bandShare: 0 });
  });

  it.each([
    [0.599, "below"],
    [0.6, "within"],
    [0.7, "within"],
    [0.701, "above"],
  ])("says of %d that it is %s", (share, state) => {
    expect(bandStateOf(share, BAND)).toBe(state);
  });
});

const outcome = (name: string, calls: bigint, changes: Partial<OutcomeSums> = {}): OutcomeSums => ({
  provider: "kimi",
  model: "k2",
  outcome: name,
  calls,
  fallbacks: 0n,
  hedges: 0n,
  callsWithInput: calls,
  cacheHits: 0n,
  unpricedCalls: 0n,
  freshInputTokens: 0n,
  cachedInputTokens: 0n,
  cacheWriteTokens: 0n,
  outputTokens: 0n,
  costNanoUsd: 0n,
  cacheSavingNanoUsd: 0n,
  ...changes,
});

describe("performance", () => {
  it("counts towards success only what ended by the provider's doing", () => {
    const rows = [
      outcome("ok", 90n, { cacheHits: 45n, freshInputTokens: 100n, cachedInputTokens: 300n }),
      outcome("server_error", 10n, { fallbacks: 8n, callsWithInput: 0n }),
      outcome("cancelled", 50n),
      outcome("hedged_out", 4n),
    ];
    expect(performanceOf(rows, [])).toMatchObject([
      {
        target: { provider: "kimi", model: "k2" },
        calls: 154n,
        succeeded: 90n,
        failed: 10n,
        successRate: 0.9,
        fallbackRate: 8 / 154,
        hedgedOut: 4n,
        cacheHitRate: 45 / 144,
        cachedTokenShare: 0.75,
      },
    ]);
  });

  it("has no rate of success where nothing ended by the provider's doing", () => {
    expect(performanceOf([outcome("cancelled", 3n)], [])[0]?.successRate).toBeUndefined();
  });

  it("adds up the models of a provider, their durations among them", () => {
    const rows = [outcome("ok", 1n), outcome("ok", 2n, { model: "turbo" })];
    const latency = { provider: "kimi", measure: "latency", bucket: 80 } as const;
    const latencies = [
      { ...latency, model: "k2", count: 1n },
      { ...latency, model: "turbo", count: 2n },
    ];
    expect(performanceOf(rows, latencies).map(({ latency: { count } }) => count)).toEqual([2n, 1n]);
    expect(providerPerformanceOf(rows, latencies)).toMatchObject([{ calls: 3n, latency: { count: 3n } }]);
  });
});

describe("a cost trend", () => {
  const step = (at_: number, key: string | null, costNanoUsd: bigint): CostStep => ({
    step: at_,
    key,
    calls: 1n,
    executions: 1n,
    costNanoUsd,
    cacheSavingNanoUsd: 0n,
    unpricedCalls: 0n,
  });
  const starts = [at("2026-11-24T00:00:00Z"), at("2026-11-24T12:00:00Z")];

  it("has every step in every series, and the others last", () => {
    const { series, total } = costTrendOf(
      WINDOW,
      starts,
      ["kimi", "openai"],
      [step(1, "kimi", 5n), step(0, null, 2n), step(0, "openai", 3n)],
    );
    const costs = series.map(({ key, points }) => [key, ...points.map(({ costNanoUsd }) => costNanoUsd)]);
    expect(costs).toEqual([
      ["kimi", 0n, 5n],
      ["openai", 3n, 0n],
      [null, 2n, 0n],
    ]);
    expect(total).toMatchObject({ costNanoUsd: 10n, calls: 3n });
  });

  it("has no others where there are none", () => {
    expect(costTrendOf(WINDOW, starts, ["kimi"], [step(0, "kimi", 1n)]).series.length).toBe(1);
  });
});

describe("an overview", () => {
  const now = at("2026-11-25T10:30:00Z");
  const hourOf = (hour: string, executions: bigint) => ({
    hour: at(hour),
    totals: { ...NOTHING, executions },
  });
  const nothingElse = {
    firstHour: undefined,
    providers: [],
    distribution: distributionOf(WINDOW, [], [], BAND),
  };

  it("compares today with yesterday until the same time of day", () => {
    const hours = [
      hourOf("2026-11-25T10:00:00Z", 7n),
      hourOf("2026-11-24T00:00:00Z", 10n),
      hourOf("2026-11-24T10:00:00Z", 9n),
      hourOf("2026-11-24T11:00:00Z", 100n),
      hourOf("2026-11-01T00:00:00Z", 1_000n),
      hourOf("2026-10-31T23:00:00Z", 10_000n),
    ];
    const spans = spansOf(new Calendar("UTC"), now);
    const overview = overviewOf(spans, { ...nothingElse, hours }, now);
    expect(overview.today.totals.executions).toBe(7n);
    expect(overview.yesterday.totals.executions).toBe(119n);
    expect(overview.yesterdaySoFar.totals.executions).toBe(14n);
    expect(overview.monthToDate.totals.executions).toBe(1_126n);
    expect(overview.week.map(({ totals }) => totals.executions)).toEqual([0n, 0n, 0n, 0n, 0n, 119n, 7n]);
    expect(overview.today.period).toEqual({ from: at("2026-11-25T00:00:00Z"), to: now });
  });

  it("reads far enough back for the month, the week and the rate, at the start of a month, too", () => {
    const spans = spansOf(new Calendar("Europe/Berlin"), at("2026-11-01T05:00:00Z"));
    expect(spans.all.from).toEqual(at("2026-10-25T05:00:00Z"));
    expect(spans.daysBefore.length).toBe(6);
    expect(spans.month.from).toEqual(at("2026-10-31T23:00:00Z"));
    expect(spansOf(new Calendar("UTC"), now).all.from).toEqual(at("2026-11-01T00:00:00Z"));
  });
});
