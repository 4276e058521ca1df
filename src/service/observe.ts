/** What happens in the engine, told to metrics and log. */
import type { EngineObserver } from "../completion/call.ts";
import type { BreakerChange } from "../completion/target-health.ts";
import type { EngineMetrics } from "../telemetry/engine-metrics.ts";
import type { Log } from "../telemetry/log.ts";

/** Failures that end only when an operator does something. */
const CALLS_FOR_AN_OPERATOR: readonly string[] = ["unauthenticated", "model_not_found", "quota_exhausted"];

export function observe(metrics: EngineMetrics, log: Log): EngineObserver {
  return {
    onDecision: (decision) => metrics.onDecision(decision),
    onFallback: (from, to, failure) => metrics.onFallback(from, to, failure),
    onHedge: (outcome) => metrics.onHedge(outcome),
    onAttempt(record, report) {
      metrics.onAttempt(record, report);
      if (record.outcome === "ok" || record.outcome === "hedged_out") return;
      const { details } = report;
      const needsOperator = CALLS_FOR_AN_OPERATOR.includes(record.outcome) || details?.needsOperator === true;
      if (needsOperator) metrics.onOperatorNeeded(record);
      const say = needsOperator ? log.error : log.warn;
      say("an attempt did not succeed", {
        execution_id: record.executionId,
        attempt: record.attempt,
        provider: record.target.provider,
        model: record.target.model,
        outcome: record.outcome,
        explanation: details?.explanation,
        status: details?.status,
        provider_code: details?.providerCode,
        provider_request_id: details?.requestId,
        latency_ms: Math.round(record.latencyMs),
      });
    },
    onExecution(record, overheadMs) {
      metrics.onExecution(record, overheadMs);
      log.info("an execution ended", {
        execution_id: record.executionId,
        decision_id: record.decisionId,
        status: record.status,
        reason: record.failureReason,
        tier: record.decision.tier,
        provider: record.served.provider,
        model: record.served.model,
        attempts: record.attempts.length,
        latency_ms: Math.round(record.latencyMs),
      });
    },
  };
}

export const logBreaker =
  (metrics: EngineMetrics, log: Log) =>
  (change: BreakerChange): void => {
    metrics.onBreaker(change);
    const { target, from, to } = change;
    log.warn("a breaker changed", { provider: target.provider, model: target.model, from, to });
  };
