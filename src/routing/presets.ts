/** The two configurations the service ships with. A published configuration wins over either. */
import { CATALOGUE } from "../pricing/catalogue.ts";
import { CLASSIC_BLEND } from "./complexity.ts";
import { CLASSIC_THRESHOLDS } from "./tier.ts";
import type { AttemptTimers, FactorWeights, RoutingConfig, Tier } from "./types.ts";

const weights = (
  prompt: number,
  data: number,
  conditions: number,
  context: number,
  reasoning: number,
  output: number,
): FactorWeights => ({ prompt, data, conditions, context, reasoning, output });

const timers = (firstTokenMs: number): AttemptTimers => ({
  headersMs: 10_000,
  firstTokenMs,
  byteSilenceMs: 15_000,
  contentSilenceMs: 60_000,
});

const TIMERS: Readonly<Record<Tier, AttemptTimers>> = {
  fast: timers(8_000),
  balanced: timers(15_000),
  powerful: timers(45_000),
};

const anthropic = (model: string) => ({ provider: "anthropic", model });
const kimi = (model: string) => ({ provider: "kimi", model });
const openai = (model: string) => ({ provider: "openai", model });

/** The models the rule was first written for. Most are retired, so outside the sandbox their successors answer. */
const CLASSIC: RoutingConfig = {
  version: 0,
  preset: "classic",
  scorer: "classic",
  ...CLASSIC_BLEND,
  thresholds: CLASSIC_THRESHOLDS,
  coldStartScore: 5,
  creationWeight: 0.3,
  executionWeight: 0.7,
  limits: {
    prompt: { low: 200, medium: 500, high: 1000 },
    data: { low: 1024, medium: 10_240, high: 51_200 },
    conditions: { low: 2, medium: 5, high: 10 },
    context: { low: 2, medium: 5, high: 10 },
  },
  weights: {
    generative: weights(0.15, 0.1, 0.15, 0.15, 0.3, 0.15),
    transform: weights(0.15, 0.3, 0.1, 0.15, 0.15, 0.15),
    conditional: weights(0.15, 0.1, 0.3, 0.15, 0.2, 0.1),
    other: weights(0.2, 0.15, 0.15, 0.15, 0.2, 0.15),
  },
  failureLimit: 2,
  minimumOutputTokens: 64,
  retiredModels: "substitute",
  tiers: {
    fast: {
      targets: [anthropic("claude-3-haiku-20240307"), openai("gpt-4o-mini")],
      maxOutputTokens: 2_048,
      temperature: 0.7,
      timers: TIMERS.fast,
    },
    balanced: {
      targets: [kimi("kimi-k2-0905-preview"), openai("gpt-4o-mini"), anthropic("claude-3-haiku-20240307")],
      maxOutputTokens: 4_096,
      temperature: 0.7,
      timers: TIMERS.balanced,
    },
    powerful: {
      targets: [anthropic("claude-3-5-sonnet-20241022"), openai("gpt-4o"), kimi("kimi-k2-0905-preview")],
      maxOutputTokens: 8_192,
      temperature: 0.7,
      timers: TIMERS.powerful,
    },
  },
  maxAttempts: 3,
  maxAttemptsPerProvider: 2,
  callTimeoutMs: 300_000,
  promptCache: "sessions",
  retries: {
    shareOfCalls: 0.1,
    floorPerSecond: 3,
    longestWaitMs: 2_000,
    jitterLeastMs: 100,
    jitterMostMs: 400,
  },
  // Back on a target at most 5 s after it recovered: 3 s leave two for a call to come by and its first token.
  breaker: {
    failuresInARow: 5,
    windowCalls: 20,
    failedShare: 0.5,
    openMs: 3_000,
    rateLimitCoolDownMs: 4_000,
    quotaCoolDownMs: 60_000,
    panicProbeMs: 1_000,
  },
  hedging: { enabled: false, shareOfCalls: 0.05 },
  delivery: "LIVE",
  distribution: { lowestShare: 0.6, highestShare: 0.7 },
  assumedLatencyMs: { fast: 1_000, balanced: 3_000, powerful: 8_000 },
  catalogue: CATALOGUE,
};

/**
 * The same roles with the models served today. None of them takes a temperature, so the tiers have none; most think
 * before they write and spend output tokens on it, so the caps are wider.
 */
const CURRENT: RoutingConfig = {
  ...CLASSIC,
  preset: "current",
  tiers: {
    fast: {
      targets: [anthropic("claude-haiku-5-5"), openai("gpt-6-luna")],
      maxOutputTokens: 4_096,
      timers: TIMERS.fast,
    },
    balanced: {
      targets: [kimi("kimi-k2.6"), openai("gpt-6-luna"), anthropic("claude-haiku-5-5")],
      maxOutputTokens: 16_384,
      timers: TIMERS.balanced,
    },
    powerful: {
      targets: [anthropic("claude-sonnet-5-5"), openai("gpt-6.1-sol"), kimi("kimi-k3.1-pro")],
      maxOutputTokens: 32_768,
      timers: TIMERS.powerful,
    },
  },
};

export const PRESETS: Readonly<Record<RoutingConfig["preset"], RoutingConfig>> = {
  classic: CLASSIC,
  current: CURRENT,
};
