/** The routing configuration in the contract's words and in ours. What the contract leaves out is found in validation, not here. */
import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { Delivery as ProtoDelivery } from "../../../gen/modeltier/v1/completion_pb.js";
import {
  type AgentScoreConfig as ProtoAgentScore,
  type CallLimits as ProtoCallLimits,
  type RoutingConfig as ProtoConfig,
  PromptCachePolicy as ProtoPromptCache,
  RetiredModels as ProtoRetired,
  type TierConfig as ProtoTierConfig,
  RoutingConfigSchema,
} from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { ConfigDocument } from "../../config/document.ts";
import {
  type AgentScoreConfig,
  FACTORS,
  type FactorWeights,
  type RoutingConfig,
  type ScorerName,
  type TierConfig,
} from "../../routing/types.ts";
import {
  modelOverrideFromProto,
  priceOverrideFromProto,
  priceOverrideToProto,
  targetFromProto,
} from "./config-overrides.ts";
import { durationFromMs } from "./route.ts";
import { timersFromProto, timersToProto } from "./timers.ts";

const PROTO_DELIVERY = { LIVE: ProtoDelivery.LIVE, ASSURED: ProtoDelivery.ASSURED } as const;
const PROTO_RETIRED = {
  substitute: ProtoRetired.SUBSTITUTE,
  skip: ProtoRetired.SKIP,
  try: ProtoRetired.TRY,
} as const;
const PROTO_PROMPT_CACHE = { sessions: ProtoPromptCache.SESSIONS, off: ProtoPromptCache.OFF } as const;

/** A document as the contract has it. Equal documents give equal messages. */
export function configToProto(document: ConfigDocument): ProtoConfig {
  const { tiers, retries, breaker, assumedLatencyMs, distribution } = document;
  return create(RoutingConfigSchema, {
    ...plainFields(document),
    limits: { ...document.limits },
    weights: { ...document.weights },
    retiredModels: PROTO_RETIRED[document.retiredModels],
    promptCache: PROTO_PROMPT_CACHE[document.promptCache],
    tiers: {
      fast: tierToProto(tiers.fast),
      balanced: tierToProto(tiers.balanced),
      powerful: tierToProto(tiers.powerful),
    },
    modelTimers: document.modelTimers.map(({ target, timers }) => ({
      target,
      timers: timersToProto(timers),
    })),
    callTimeout: durationFromMs(document.callTimeoutMs),
    retries: {
      shareOfCalls: retries.shareOfCalls,
      floorPerSecond: retries.floorPerSecond,
      longestWait: durationFromMs(retries.longestWaitMs),
      jitterLeast: durationFromMs(retries.jitterLeastMs),
      jitterMost: durationFromMs(retries.jitterMostMs),
    },
    breaker: {
      failuresInARow: breaker.failuresInARow,
      windowCalls: breaker.windowCalls,
      failedShare: breaker.failedShare,
      open: durationFromMs(breaker.openMs),
      rateLimitCoolDown: durationFromMs(breaker.rateLimitCoolDownMs),
      quotaCoolDown: durationFromMs(breaker.quotaCoolDownMs),
      panicProbe: durationFromMs(breaker.panicProbeMs),
    },
    hedging: document.hedging,
    delivery: PROTO_DELIVERY[document.delivery],
    assumedLatency: {
      fast: durationFromMs(assumedLatencyMs.fast),
      balanced: durationFromMs(assumedLatencyMs.balanced),
      powerful: durationFromMs(assumedLatencyMs.powerful),
    },
    distribution,
    modelOverrides: document.modelOverrides.map((override) => ({
      ...override,
      contextWindowTokens: bigintOf(override.contextWindowTokens),
      maxOutputTokens: bigintOf(override.maxOutputTokens),
    })),
    priceOverrides: document.priceOverrides.map(priceOverrideToProto),
    customProviders: [...document.customProviders],
    agentScore: document.agentScore && agentScoreToProto(document.agentScore),
    calibration: document.calibration,
    shadowScorer: document.shadowScorer ?? "",
  });
}

const agentScoreToProto = ({ halfLifeMs, feedbackWaitMs, explore, ...words }: AgentScoreConfig) => ({
  ...words,
  explore: explore && {
    share: explore.probability,
    width: explore.width,
    mostLoss: explore.mostLoss,
    mostExtraNanoUsd: explore.mostExtraNanoUsd,
  },
  halfLife: durationFromMs(halfLifeMs),
  feedbackWait: durationFromMs(feedbackWaitMs),
});

/** Fields of the same name and type on both sides. */
const plainFields = (document: ConfigDocument) => ({
  preset: document.preset,
  scorer: document.scorer,
  agentWeight: document.agentWeight,
  stepWeight: document.stepWeight,
  thresholds: document.thresholds,
  coldStartScore: document.coldStartScore,
  creationWeight: document.creationWeight,
  executionWeight: document.executionWeight,
  failureLimit: document.failureLimit,
  minimumOutputTokens: document.minimumOutputTokens,
  maxAttempts: document.maxAttempts,
  maxAttemptsPerProvider: document.maxAttemptsPerProvider,
});

function tierToProto(tier: TierConfig) {
  return {
    targets: tier.targets.map(({ provider, model }) => ({ provider, model })),
    maxOutputTokens: tier.maxOutputTokens,
    temperature: tier.temperature,
    timers: timersToProto(tier.timers),
    limits: limitsToProto(tier.limits),
    delivery: tier.delivery === undefined ? ProtoDelivery.UNSPECIFIED : PROTO_DELIVERY[tier.delivery],
  };
}

/**
 * The document of a message. Every required field is there, or `listMissing` has refused it; numbers are as they were sent, so
 * that validation judges them.
 */
export function configFromProto(message: ProtoConfig): ConfigDocument {
  const { thresholds, limits, weights, retries, breaker, hedging, assumedLatency, distribution, agentScore } =
    message;
  const { calibration } = message;
  return {
    // Words outside of ours are kept for validation to name.
    preset: message.preset as RoutingConfig["preset"],
    scorer: message.scorer as RoutingConfig["scorer"],
    agentWeight: message.agentWeight,
    stepWeight: message.stepWeight,
    thresholds: { balancedFrom: thresholds?.balancedFrom ?? 0, balancedTo: thresholds?.balancedTo ?? 0 },
    coldStartScore: message.coldStartScore,
    creationWeight: message.creationWeight,
    executionWeight: message.executionWeight,
    limits: {
      prompt: limitFromProto(limits?.prompt),
      data: limitFromProto(limits?.data),
      conditions: limitFromProto(limits?.conditions),
      context: limitFromProto(limits?.context),
    },
    weights: {
      generative: weightsFromProto(weights?.generative),
      transform: weightsFromProto(weights?.transform),
      conditional: weightsFromProto(weights?.conditional),
      other: weightsFromProto(weights?.other),
    },
    failureLimit: message.failureLimit,
    minimumOutputTokens: message.minimumOutputTokens,
    retiredModels: wordOf(PROTO_RETIRED, message.retiredModels) ?? "substitute",
    promptCache: wordOf(PROTO_PROMPT_CACHE, message.promptCache) ?? "sessions",
    tiers: {
      fast: tierFromProto(message.tiers?.fast),
      balanced: tierFromProto(message.tiers?.balanced),
      powerful: tierFromProto(message.tiers?.powerful),
    },
    modelTimers: message.modelTimers.map(({ target, timers }) => ({
      target: targetFromProto(target),
      timers: timersFromProto(timers),
    })),
    callTimeoutMs: msOf(message.callTimeout),
    maxAttempts: message.maxAttempts,
    maxAttemptsPerProvider: message.maxAttemptsPerProvider,
    retries: {
      shareOfCalls: retries?.shareOfCalls ?? 0,
      floorPerSecond: retries?.floorPerSecond ?? 0,
      longestWaitMs: msOf(retries?.longestWait),
      jitterLeastMs: msOf(retries?.jitterLeast),
      jitterMostMs: msOf(retries?.jitterMost),
    },
    breaker: {
      failuresInARow: breaker?.failuresInARow ?? 0,
      windowCalls: breaker?.windowCalls ?? 0,
      failedShare: breaker?.failedShare ?? 0,
      openMs: msOf(breaker?.open),
      rateLimitCoolDownMs: msOf(breaker?.rateLimitCoolDown),
      quotaCoolDownMs: msOf(breaker?.quotaCoolDown),
      panicProbeMs: msOf(breaker?.panicProbe),
    },
    hedging: { enabled: hedging?.enabled ?? false, shareOfCalls: hedging?.shareOfCalls ?? 0 },
    delivery: wordOf(PROTO_DELIVERY, message.delivery) ?? "LIVE",
    assumedLatencyMs: {
      fast: msOf(assumedLatency?.fast),
      balanced: msOf(assumedLatency?.balanced),
      powerful: msOf(assumedLatency?.powerful),
    },
    distribution: {
      ...(distribution?.provider ? { provider: distribution.provider } : {}),
      lowestShare: distribution?.lowestShare ?? 0,
      highestShare: distribution?.highestShare ?? 0,
    },
    modelOverrides: message.modelOverrides.map(modelOverrideFromProto),
    priceOverrides: message.priceOverrides.map(priceOverrideFromProto),
    customProviders: message.customProviders.map(({ id, baseUrl, keyVariable }) => ({
      id,
      baseUrl,
      keyVariable,
    })),
    ...(agentScore !== undefined && { agentScore: agentScoreFromProto(agentScore) }),
    ...(calibration !== undefined && {
      calibration: { fastShare: calibration.fastShare, powerfulShare: calibration.powerfulShare },
    }),
    ...(message.shadowScorer !== "" && { shadowScorer: message.shadowScorer as ScorerName }),
  };
}

const agentScoreFromProto = ({
  learn,
  serve,
  byIntent,
  halfLife,
  feedbackWait,
  explore,
}: ProtoAgentScore): AgentScoreConfig => ({
  learn,
  serve,
  byIntent,
  halfLifeMs: msOf(halfLife),
  feedbackWaitMs: msOf(feedbackWait),
  ...(explore !== undefined && {
    explore: {
      probability: explore.share,
      width: explore.width,
      mostLoss: explore.mostLoss,
      mostExtraNanoUsd: explore.mostExtraNanoUsd,
    },
  }),
});

function tierFromProto(tier: ProtoTierConfig | undefined): TierConfig {
  const delivery = tier && wordOf(PROTO_DELIVERY, tier.delivery);
  const { headersMs, firstTokenMs, byteSilenceMs, contentSilenceMs } = timersFromProto(tier?.timers);
  return {
    targets: tier?.targets.map(targetFromProto) ?? [],
    maxOutputTokens: tier?.maxOutputTokens ?? 0,
    ...(tier?.temperature !== undefined && { temperature: tier.temperature }),
    timers: {
      headersMs: headersMs ?? Number.NaN,
      firstTokenMs: firstTokenMs ?? Number.NaN,
      byteSilenceMs: byteSilenceMs ?? Number.NaN,
      contentSilenceMs: contentSilenceMs ?? Number.NaN,
    },
    ...(delivery !== undefined && { delivery }),
    ...limitsFromProto(tier?.limits),
  };
}

function limitsToProto(limits: TierConfig["limits"]) {
  if (limits === undefined) return undefined;
  const { callTimeoutMs, ...counts } = limits;
  return { ...counts, callTimeout: callTimeoutMs === undefined ? undefined : durationFromMs(callTimeoutMs) };
}

/** No limits where none is there. */
function limitsFromProto(message: ProtoCallLimits | undefined): Pick<TierConfig, "limits"> {
  const limits = {
    ...(message?.maxAttempts !== undefined && { maxAttempts: message.maxAttempts }),
    ...(message?.maxAttemptsPerProvider !== undefined && {
      maxAttemptsPerProvider: message.maxAttemptsPerProvider,
    }),
    ...(message?.callTimeout !== undefined && { callTimeoutMs: msOf(message.callTimeout) }),
  };
  return Object.keys(limits).length === 0 ? {} : { limits };
}

type ProtoWeights = Readonly<Record<keyof FactorWeights, number>>;

const limitFromProto = (limit: Readonly<{ low: number; medium: number; high: number }> | undefined) => ({
  low: limit?.low ?? 0,
  medium: limit?.medium ?? 0,
  high: limit?.high ?? 0,
});

const weightsFromProto = (weights: ProtoWeights | undefined): FactorWeights =>
  Object.fromEntries(FACTORS.map((factor) => [factor, weights?.[factor] ?? 0])) as FactorWeights;

const msOf = (duration: Duration | undefined): number =>
  duration === undefined ? Number.NaN : Number(duration.seconds) * 1000 + duration.nanos / 1e6;

const bigintOf = (count: number | undefined): bigint | undefined =>
  count === undefined ? undefined : BigInt(count);

/** Our word for a value of the contract; undefined for UNSPECIFIED and for what this version does not know. */
function wordOf<K extends string>(table: Readonly<Record<K, number>>, value: number): K | undefined {
  return (Object.keys(table) as K[]).find((word) => table[word] === value);
}
