/** Turns what the engine reports into metrics. */
import type { Counter } from "prom-client";
import type { AttemptReport, EngineObserver } from "../completion/call.ts";
import type { HedgeOutcome } from "../completion/hedge-budget.ts";
import type { BreakerChange } from "../completion/target-health.ts";
import { selectTier } from "../routing/tier.ts";
import {
  type CauseKind,
  type Decision,
  type ModelTarget,
  type RoutingConfig,
  TIERS,
  type Tier,
  targetKey,
} from "../routing/types.ts";
import type { AttemptRecord, ExecutionRecord } from "../store/records.ts";
import type { Metrics } from "./metrics.ts";

/** Stands for every model that neither the catalogue nor a tier names, so that callers cannot make series. */
const OTHER_MODEL = "other";

const BREAKER_VALUE = { closed: 0, half_open: 1, open: 2, parked: 3 } as const;

export class EngineMetrics implements EngineObserver {
  readonly #metrics: Metrics;
  readonly #config: () => RoutingConfig;
  /** Held, because every call is counted in one of a few. */
  readonly #decisions = new Map<Tier, Map<CauseKind, Counter.Internal>>();

  constructor(metrics: Metrics, config: () => RoutingConfig) {
    this.#metrics = metrics;
    this.#config = config;
  }

  onDecision(decision: Decision): void {
    this.#decisionsOf(decision.tier, settlingCause(decision)).inc();
    const { calibrated, shadow, scorer, effectiveScore } = decision;
    if (calibrated !== undefined) this.#metrics.calibratedScores.labels(selectTier(calibrated.score)).inc();
    if (shadow === undefined) return;
    const tier = selectTier(effectiveScore, this.#config().thresholds);
    this.#metrics.shadowDecisions.labels(scorer.name, tier, shadow.tier).inc();
  }

  onAttempt(record: AttemptRecord, { usageMismatch, skippedFrames }: AttemptReport): void {
    const { provider, model } = this.#label(record.target);
    const metrics = this.#metrics;
    metrics.providerCalls.labels(provider, model, record.tier, record.outcome).inc();
    metrics.providerLatency.labels(provider, model).observe(record.latencyMs / 1000);
    if (record.ttftMs !== undefined)
      metrics.timeToFirstToken.labels(provider, model).observe(record.ttftMs / 1000);
    if (record.priceStatus === "UNKNOWN") metrics.unknownPrice.labels(provider, model).inc();
    else metrics.providerCost.add({ provider, model, tier: record.tier }, record.costNanoUsd);
    if (record.cacheSavingNanoUsd !== 0n)
      metrics.cacheSavings.add({ provider, model }, record.cacheSavingNanoUsd);
    if (usageMismatch) metrics.usageMismatches.labels(provider, model).inc();
    if (skippedFrames > 0) metrics.skippedFrames.labels(provider, model).inc(skippedFrames);
    this.#countTokens(provider, model, record);
  }

  /** The attempt failed in a way that only an operator can mend. */
  onOperatorNeeded({ target, outcome }: AttemptRecord): void {
    const { provider, model } = this.#label(target);
    this.#metrics.operatorNeeded.labels(provider, model, outcome).inc();
  }

  onFallback(from: ModelTarget, to: ModelTarget, failure: string): void {
    this.#metrics.fallbacks.labels(from.provider, to.provider, failure).inc();
  }

  onHedge(outcome: HedgeOutcome): void {
    this.#metrics.hedges.labels(outcome).inc();
  }

  onExecution({ served, decision, status }: ExecutionRecord, overheadMs: number): void {
    const { provider, model } = this.#label(served);
    this.#metrics.executions.labels(provider, model, decision.tier, status).inc();
    this.#metrics.overhead.observe(overheadMs / 1000);
  }

  onBreaker({ target, to }: BreakerChange): void {
    const { provider, model } = this.#label(target);
    this.#metrics.breakerState.labels(provider, model).set(BREAKER_VALUE[to]);
  }

  #decisionsOf(tier: Tier, cause: CauseKind): Counter.Internal {
    const ofTier = this.#decisions.get(tier) ?? new Map<CauseKind, Counter.Internal>();
    const held = ofTier.get(cause);
    if (held !== undefined) return held;
    const counter = this.#metrics.routingDecisions.labels(tier, cause);
    this.#decisions.set(tier, ofTier.set(cause, counter));
    return counter;
  }

  #countTokens(provider: string, model: string, { tokens }: AttemptRecord): void {
    const count = (kind: string, value: number) => {
      if (value > 0) this.#metrics.providerTokens.labels(provider, model, kind).inc(value);
    };
    count("fresh_input", tokens.freshInputTokens);
    count("cached_input", tokens.cachedInputTokens);
    count("cache_write", tokens.cacheWriteTokens);
    count("output", tokens.outputTokens);
  }

  #label(target: ModelTarget): ModelTarget {
    const { catalogue, tiers } = this.#config();
    const key = targetKey(target);
    if (TIERS.some((tier) => tiers[tier].targets.some((configured) => targetKey(configured) === key)))
      return target;
    const listed = catalogue.findModel(target.provider, target.model);
    return { provider: target.provider, model: listed?.model ?? OTHER_MODEL };
  }
}

/** The last cause that moved the tier; the score when none did. */
function settlingCause({ causes }: Decision): CauseKind {
  return (
    causes.findLast(({ before, after }) => before !== undefined && before !== after)?.kind ??
    causes[0]?.kind ??
    "score"
  );
}
