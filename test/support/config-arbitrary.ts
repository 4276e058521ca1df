/** Whole routing configurations at random: not all of them valid, all of them expressible. */
import fc from "fast-check";
import type { ConfigDocument } from "../../src/config/document.ts";
import { FACTORS, type FactorWeights } from "../../src/routing/types.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0);
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const ms = fc.integer({ min: 0, max: 3_600_000 });
const word = fc.stringMatching(/^[a-z][a-z0-9.:/_-]{0,20}$/);
const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => value.toWellFormed());
const target = fc.record({ provider: word, model: word });
const delivery = fc.constantFrom("LIVE" as const, "ASSURED" as const);
const limit = fc.record({ low: count, medium: count, high: count });
const weights = fc
  .tuple(share, share, share, share, share, share)
  .map((values) => Object.fromEntries(FACTORS.map((factor, i) => [factor, values[i]])) as FactorWeights);
const timers = { headersMs: ms, firstTokenMs: ms, byteSilenceMs: ms, contentSilenceMs: ms };
const day = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const rate = fc.bigInt({ min: 0n, max: 2n ** 53n });

/** At least one of them: none is the same as no limits. */
const limits = fc
  .record({ maxAttempts: count, maxAttemptsPerProvider: count, callTimeoutMs: ms }, { requiredKeys: [] })
  .filter((some) => Object.keys(some).length > 0);

const tier = fc.record(
  {
    targets: fc.array(target, { maxLength: 4 }),
    maxOutputTokens: count,
    temperature: fc.double({ min: 0, max: 2, noNaN: true }).map((value) => value + 0),
    timers: fc.record(timers),
    delivery,
    limits,
  },
  { requiredKeys: ["targets", "maxOutputTokens", "timers"] },
);

const band = fc.record(
  {
    upToInputTokens: fc.integer({ min: 1, max: 2 ** 40 }),
    freshInputMicroUsdPerMtok: rate,
    cachedInputMicroUsdPerMtok: rate,
    cacheWriteMicroUsdPerMtok: rate,
    outputMicroUsdPerMtok: rate,
  },
  {
    requiredKeys: [
      "freshInputMicroUsdPerMtok",
      "cachedInputMicroUsdPerMtok",
      "cacheWriteMicroUsdPerMtok",
      "outputMicroUsdPerMtok",
    ],
  },
);

const modelOverride = fc.record(
  {
    target,
    contextWindowTokens: fc.integer({ min: 1, max: 2 ** 40 }),
    maxOutputTokens: fc.integer({ min: 1, max: 2 ** 40 }),
    tools: fc.boolean(),
    forcedTools: fc.boolean(),
    images: fc.boolean(),
    jsonObject: fc.boolean(),
    jsonSchema: fc.boolean(),
    retiredOn: fc.oneof(day, fc.constant("")),
    successor: target,
  },
  { requiredKeys: ["target"] },
);

const agentScore = fc.record(
  {
    learn: fc.boolean(),
    serve: fc.boolean(),
    byIntent: fc.boolean(),
    halfLifeMs: ms,
    feedbackWaitMs: ms,
    explore: fc.record({ probability: share, width: share, mostLoss: share, mostExtraNanoUsd: rate }),
  },
  { requiredKeys: ["learn", "serve", "byIntent", "halfLifeMs", "feedbackWaitMs"] },
);

const wholeDocument = fc.record({
  preset: fc.constantFrom("classic" as const, "current" as const),
  scorer: fc.constantFrom("classic" as const, "calibrated" as const),
  agentWeight: share,
  stepWeight: share,
  thresholds: fc.record({ balancedFrom: share, balancedTo: share }),
  coldStartScore: share,
  creationWeight: share,
  executionWeight: share,
  limits: fc.record({ prompt: limit, data: limit, conditions: limit, context: limit }),
  weights: fc.record({ generative: weights, transform: weights, conditional: weights, other: weights }),
  failureLimit: count,
  minimumOutputTokens: count,
  retiredModels: fc.constantFrom("substitute" as const, "skip" as const, "try" as const),
  promptCache: fc.constantFrom("sessions" as const, "off" as const),
  tiers: fc.record({ fast: tier, balanced: tier, powerful: tier }),
  modelTimers: fc.array(fc.record({ target, timers: fc.record(timers, { requiredKeys: [] }) }), {
    maxLength: 3,
  }),
  maxAttempts: count,
  maxAttemptsPerProvider: count,
  retries: fc.record({
    shareOfCalls: share,
    floorPerSecond: share,
    longestWaitMs: ms,
    jitterLeastMs: ms,
    jitterMostMs: ms,
  }),
  breaker: fc.record({
    failuresInARow: count,
    windowCalls: count,
    failedShare: share,
    openMs: ms,
    rateLimitCoolDownMs: ms,
    quotaCoolDownMs: ms,
    panicProbeMs: ms,
  }),
  hedging: fc.record({ enabled: fc.boolean(), shareOfCalls: share }),
  callTimeoutMs: ms,
  delivery,
  distribution: fc.record(
    { provider: word, lowestShare: share, highestShare: share },
    { requiredKeys: ["lowestShare", "highestShare"] },
  ),
  assumedLatencyMs: fc.record({ fast: ms, balanced: ms, powerful: ms }),
  modelOverrides: fc.array(modelOverride, { maxLength: 3 }),
  priceOverrides: fc.array(
    fc.record({ target, effectiveFrom: day, bands: fc.array(band, { maxLength: 2 }), source: text }),
    { maxLength: 3 },
  ),
  customProviders: fc.array(fc.record({ id: word, baseUrl: text, keyVariable: word }), { maxLength: 2 }),
});

/** What need not be said of how scores are made. */
const optionalScores = fc.record(
  {
    agentScore,
    calibration: fc.record({ fastShare: share, powerfulShare: share }),
    shadowScorer: fc.constantFrom("classic" as const, "calibrated" as const),
  },
  { requiredKeys: [] },
);

export const configDocument: fc.Arbitrary<ConfigDocument> = fc
  .tuple(wholeDocument, optionalScores)
  .map(([document, scores]) => ({ ...document, ...scores }));
