/**
 * Every metric of the service in one list. Labels come from configuration and the catalogue, never from callers.
 * Several workers are added up; a gauge that is no amount names its `aggregator`.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { MoneyCounter, MoneyGauge } from "./money-counter.ts";
import { addProcessMetrics } from "./process-metrics.ts";

const LATENCY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300];
const OVERHEAD_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1];
const ADMISSION_WAIT_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  addProcessMetrics(registry);
  const target = ["provider", "model"] as const;
  const call = ["provider", "model", "tier"] as const;
  return {
    registry,
    providerCalls: new Counter({
      name: "modeltier_provider_calls_total",
      help: "Attempts at providers, by how they ended.",
      labelNames: [...call, "outcome"],
      registers,
    }),
    providerLatency: new Histogram({
      name: "modeltier_provider_latency_seconds",
      help: "From the start of an attempt to its end.",
      labelNames: target,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    timeToFirstToken: new Histogram({
      name: "modeltier_provider_time_to_first_token_seconds",
      help: "From the start of an attempt to its first content token.",
      labelNames: target,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    providerCost: new MoneyCounter({
      name: "modeltier_provider_cost_usd_total",
      help: "What attempts cost at the catalogue's prices, in US dollars. Unknown prices count nothing here.",
      labelNames: call,
      registers,
    }),
    cacheSavings: new MoneyGauge({
      name: "modeltier_provider_cache_savings_usd",
      help: "What the providers' prompt caches saved since the start, in US dollars, surcharges for writing to them taken off.",
      labelNames: target,
      registers,
    }),
    providerTokens: new Counter({
      name: "modeltier_provider_tokens_total",
      help: "Tokens of attempts; the kinds are disjoint: fresh_input, cached_input, cache_write, output.",
      labelNames: [...target, "kind"],
      registers,
    }),
    usageMismatches: new Counter({
      name: "modeltier_usage_mismatches_total",
      help: "Answers whose provider reported their usage twice, and differently. The later report is billed.",
      labelNames: target,
      registers,
    }),
    skippedFrames: new Counter({
      name: "modeltier_skipped_frames_total",
      help: "Malformed frames that were left out of answers that came to their end.",
      labelNames: target,
      registers,
    }),
    executions: new Counter({
      name: "modeltier_executions_total",
      help: "Calls, by how they ended and by the target that answered; by the chosen one when none did.",
      labelNames: [...call, "status"],
      registers,
    }),
    routingDecisions: new Counter({
      name: "modeltier_routing_decisions_total",
      help: "Decisions, by tier and by the cause that settled it.",
      labelNames: ["tier", "cause"],
      registers,
    }),
    calibratedScores: new Counter({
      name: "modeltier_calibrated_scores_total",
      help: "Scores of the calibrated scorer, deciding or in the shadow, by the tier between whose marks (3.0 and 6.5) each lies.",
      labelNames: ["tier"],
      registers,
    }),
    shadowDecisions: new Counter({
      name: "modeltier_shadow_decisions_total",
      help: "Decisions that a second scorer looked on at, by the tier of the score that decided and by the tier of the other's.",
      labelNames: ["scorer", "tier", "shadow_tier"],
      registers,
    }),
    overhead: new Histogram({
      name: "modeltier_overhead_seconds",
      help: "This service's own share of a call, waiting for providers left out.",
      buckets: OVERHEAD_BUCKETS,
      registers,
    }),
    fallbacks: new Counter({
      name: "modeltier_fallbacks_total",
      help: "Moves to the next target, by provider and by class of failure.",
      labelNames: ["from", "to", "class"],
      registers,
    }),
    hedges: new Counter({
      name: "modeltier_hedges_total",
      help: "Second attempts started beside a late one: won (the call went on with it), lost, or stopped with the call.",
      labelNames: ["outcome"],
      registers,
    }),
    operatorNeeded: new Counter({
      name: "modeltier_operator_needed_total",
      help: "Attempts whose failure ends only when an operator acts: a refused key, a missing model, an empty account, a bad certificate.",
      labelNames: [...target, "outcome"],
      registers,
    }),
    breakerState: new Gauge({
      name: "modeltier_breaker_state",
      help: "0 closed, 1 half open, 2 open, 3 parked; of several workers, the highest.",
      labelNames: target,
      aggregator: "max",
      registers,
    }),
    unknownPrice: new Counter({
      name: "modeltier_unknown_price_total",
      help: "Attempts whose model has no price in the catalogue.",
      labelNames: target,
      registers,
    }),
    configVersion: new Gauge({
      name: "modeltier_config_version",
      help: "Version of the routing configuration in force; 0 is the preset. Of several workers, the oldest.",
      aggregator: "min",
      registers,
    }),
    budgetOverruns: new Counter({
      name: "modeltier_budget_overruns_total",
      help: "Attempts that cost a budget more than was set aside for them, which was the most they could cost.",
      labelNames: ["budget", "unit"],
      registers,
    }),
    budgetRefusals: new Counter({
      name: "modeltier_budget_refusals_total",
      help: "Calls that a budget refused.",
      labelNames: ["budget"],
      registers,
    }),
    distributionTarget: new Gauge({
      name: "modeltier_distribution_target_share",
      help: "The share of calls that a provider is meant to have, by its lowest and its highest bound.",
      labelNames: ["provider", "bound"],
      aggregator: "max",
      registers,
    }),
    admissionWait: new Histogram({
      name: "modeltier_admission_wait_seconds",
      help: "How long calls waited for a place, of those that had to and got one.",
      buckets: ADMISSION_WAIT_BUCKETS,
      registers,
    }),
    admissionRefusals: new Counter({
      name: "modeltier_admission_refusals_total",
      help: "Calls refused for lack of room, by what was short: lag, heap, bytes, calls.",
      labelNames: ["cause"],
      registers,
    }),
    rateLimited: new Counter({
      name: "modeltier_rate_limited_total",
      help: "Calls refused because their API key had reached a limit, by the limit: requests_per_minute, tokens_per_minute, concurrent_calls.",
      labelNames: ["limit"],
      registers,
    }),
    bulkheadRefusals: new Counter({
      name: "modeltier_bulkhead_refusals_total",
      help: "Times that a target was passed over because its provider had as many attempts under way as it may.",
      labelNames: ["provider"],
      registers,
    }),
    logLinesDropped: new Counter({
      name: "modeltier_log_lines_dropped_total",
      help: "Lines of the log that nobody read in time.",
      registers,
    }),
    spoolRecords: new Gauge({
      name: "modeltier_spool_records",
      help: "Execution records on disk that the database does not have yet.",
      registers,
    }),
    spoolBytes: new Gauge({
      name: "modeltier_spool_bytes",
      help: "What the spool takes on the disk, room set aside for calls in flight included.",
      registers,
    }),
    spoolRefusals: new Counter({
      name: "modeltier_spool_refusals_total",
      help: "Calls refused because their records could not be kept, by why.",
      labelNames: ["reason"],
      registers,
    }),
    spoolSyncFailures: new Counter({
      name: "modeltier_spool_sync_failures_total",
      help: "Times that records may not have reached the disk and were written again to a new segment.",
      registers,
    }),
    promptsNotStored: new Counter({
      name: "modeltier_prompts_not_stored_total",
      help: "Calls whose texts should be stored and are not, by why. Their records are not touched by it.",
      labelNames: ["reason"],
      registers,
    }),
    recordsDropped: new Counter({
      name: "modeltier_records_dropped_total",
      help: "Execution records that do not reach the database, by why; those it rejects are in the file of dead letters.",
      labelNames: ["reason"],
      registers,
    }),
    retentionDeletedRows: new Counter({
      name: "modeltier_retention_deleted_rows_total",
      help: "Rows deleted because they were older than they are to be kept, by table.",
      labelNames: ["table"],
      registers,
    }),
  };
}
