/** The engine over this process's configuration, providers and records. */
import { performance } from "node:perf_hooks";
import type { AgentHistory } from "../agent-score/types.ts";
import type { Budgets } from "../budgets/budgets.ts";
import { Bulkhead } from "../completion/bulkhead.ts";
import type { EngineDeps, EngineObserver } from "../completion/call.ts";
import { HedgeBudget } from "../completion/hedge-budget.ts";
import { RetryBudget } from "../completion/retry-budget.ts";
import { TargetHealth } from "../completion/target-health.ts";
import type { Drawn } from "../experiments/draw.ts";
import { billedTokens, cacheSavingOf, costOf } from "../pricing/cost.ts";
import type { ProviderHub } from "../providers/hub.ts";
import type { Decision, DecisionExperiment, RoutingConfig, RoutingRequest } from "../routing/types.ts";
import { newExecutionId } from "../store/execution-id.ts";
import { EngineMetrics } from "../telemetry/engine-metrics.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { decide } from "./decide.ts";
import { logBreaker, observe } from "./observe.ts";
import { providerStateOf } from "./provider-state.ts";
import { warmStateOf } from "./warm-state.ts";

type EngineParts = Readonly<{
  /** The one in force. */
  config: () => RoutingConfig;
  /** What a call is drawn into; undefined: it has the configuration in force. */
  draw(request: RoutingRequest): Drawn | undefined;
  /** The configuration of an arm; undefined: there is none any more. */
  configOf(experiment: DecisionExperiment): RoutingConfig | undefined;
  hub: ProviderHub;
  budgets: Budgets;
  recorder: EngineDeps["recorder"];
  metrics: Metrics;
  /** Attempts under way at one provider, at most. */
  attemptsPerProvider: number;
  /** What was learned of an agent; undefined where that does not count. */
  historyOf(agentId: string, config: RoutingConfig): AgentHistory | undefined;
  /** Sees what the engine's own observers see. */
  observing(observer: EngineObserver): EngineObserver;
  log: Log;
}>;

export function engineOf(parts: EngineParts) {
  const { config, hub, budgets, recorder, metrics, log } = parts;
  const clock = { nowMs: () => performance.now(), wallDate: () => new Date() };
  const engineMetrics = new EngineMetrics(metrics, config);
  const bulkhead = new Bulkhead(parts.attemptsPerProvider, (provider) =>
    metrics.bulkheadRefusals.inc({ provider }),
  );
  const health = new TargetHealth(
    clock.nowMs,
    logBreaker(engineMetrics, log),
    () => config().breaker,
    bulkhead,
  );
  const state = providerStateOf(hub, health, clock.wallDate);
  const warm = warmStateOf(state, clock.nowMs);
  const deps: EngineDeps = {
    snapshot: ({ request, decided }) => {
      const { providers } = hub.current;
      const drawn = decided === undefined ? parts.draw(request) : drawnBefore(decided.decision, parts);
      return drawn === undefined ? { config: config(), providers } : { ...drawn, providers };
    },
    route: (request, decidedBy) => {
      const known = warm.stateFor(request.sessionId);
      const history = parts.historyOf(request.agentId, decidedBy);
      return decide(
        request,
        decidedBy,
        history === undefined ? known : { ...known, history, random: Math.random() },
        log,
      );
    },
    pricing: { billedTokens, cacheSavingOf, costOf },
    health,
    retryBudget: new RetryBudget(),
    hedgeBudget: new HedgeBudget(),
    budgets,
    recorder,
    observer: parts.observing(warm.learning(observe(engineMetrics, log))),
    clock,
    random: Math.random,
    newId: newExecutionId,
  };
  return { deps, health, state, stateFor: warm.stateFor };
}

/** A call that brings its decision stays in the arm of it. */
function drawnBefore(
  { experiment }: Decision,
  { configOf }: Pick<EngineParts, "configOf">,
): Drawn | undefined {
  const config = experiment && configOf(experiment);
  return experiment && config && { config, experiment };
}
