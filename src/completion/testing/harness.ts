/** An engine whose providers, clock and chance are a test's own. Needs vitest's fake timers. */

import { vi } from "vitest";
import { createCatalogue } from "../../pricing/catalogue.ts";
import { billedTokens, cacheSavingOf, costOf } from "../../pricing/cost.ts";
import type { CatalogueModel } from "../../pricing/types.ts";
import type { ProviderFailure } from "../../providers/provider-error.ts";
import { PRESETS } from "../../routing/presets.ts";
import type {
  Decision,
  ModelTarget,
  PlannedTarget,
  RejectedTarget,
  RoutingConfig,
  RoutingRequest,
  RoutingResult,
} from "../../routing/types.ts";
import { targetKey } from "../../routing/types.ts";
import type { AttemptRecord, ExecutionRecord } from "../../store/records.ts";
import type { AttemptReport, CompletionCall, EngineDeps } from "../call.ts";
import { complete } from "../complete.ts";
import type { CompletionError } from "../completion-error.ts";
import type { CompletedEvent, EngineEvent } from "../events.ts";
import { HedgeBudget, type HedgeOutcome } from "../hedge-budget.ts";
import { RetryBudget } from "../retry-budget.ts";
import { type BreakerChange, TargetHealth } from "../target-health.ts";
import { type ProviderCall, type Script, ScriptedProvider } from "./scripted-provider.ts";

export type Harness = ReturnType<typeof harness>;

/** What came of a call, with the time of each array. */
export type Ran = {
  batches: (readonly EngineEvent[])[];
  atMs: number[];
  events: EngineEvent[];
  error: CompletionError | undefined;
};

/**
 * @param scripts by target, "provider/model", in the order to try them: what each call to it meets
 * @param windows context windows, where they matter; 100,000 tokens otherwise
 */
export function harness(
  scripts: Readonly<Record<string, readonly Script[]>>,
  options: Readonly<{
    windows?: Readonly<Record<string, number>>;
    config?: Partial<RoutingConfig>;
    random?: number;
  }> = {},
) {
  const nowMs = () => performance.now();
  const targets = Object.keys(scripts).map(planned);
  const config = configOf(targets, options.windows ?? {}, options.config ?? {});
  const providers = new Map(
    targets.map(({ provider }) => [
      provider,
      new ScriptedProvider(provider, scriptsOf(provider, scripts), nowMs),
    ]),
  );
  const seen = {
    executions: [] as ExecutionRecord[],
    attempts: [] as AttemptRecord[],
    reports: [] as AttemptReport[],
    fallbacks: [] as { from: string; to: string; failure: ProviderFailure }[],
    breakers: [] as BreakerChange[],
    decisions: [] as string[],
    hedges: [] as HedgeOutcome[],
  };
  let ids = 0;
  const health = new TargetHealth(nowMs, (change) => seen.breakers.push(change));
  const route = (): RoutingResult => routeAround(targets, health);
  const deps: EngineDeps = {
    snapshot: () => ({ config, providers }),
    route,
    pricing: { billedTokens, cacheSavingOf, costOf },
    health,
    retryBudget: new RetryBudget(),
    hedgeBudget: new HedgeBudget(),
    recorder: {
      findObstacle: () => undefined,
      begin: () => {},
      record: (execution) => seen.executions.push(execution),
      whenSafe: () => undefined,
    },
    observer: {
      onDecision: (_, decisionId) => seen.decisions.push(decisionId),
      onAttempt: (record, report) => {
        seen.attempts.push(record);
        seen.reports.push(report);
      },
      onFallback: (from, to, failure) =>
        seen.fallbacks.push({ from: targetKey(from), to: targetKey(to), failure }),
      onHedge: (outcome) => seen.hedges.push(outcome),
      onExecution: () => {},
    },
    clock: { nowMs, wallDate: () => new Date() },
    random: () => options.random ?? 0.5,
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
  };
  const callsTo = (target: string): readonly ProviderCall[] => {
    const { provider, model } = planned(target);
    return providers.get(provider)?.calls.filter(({ request }) => request.model === model) ?? [];
  };
  const asked = (): readonly string[] =>
    [...providers.values()]
      .flatMap(({ id, calls }) =>
        calls.map((call) => ({ key: `${id}/${call.request.model}`, at: call.startedMs })),
      )
      .sort((a, b) => a.at - b.at)
      .map(({ key }) => key);
  return { deps, health, config, targets, callsTo, asked, ...seen };
}

/** Reads a completion to its end, noting what came and when. */
export async function drain(stream: AsyncIterable<readonly EngineEvent[]>): Promise<Ran> {
  const ran: Ran = { batches: [], atMs: [], events: [], error: undefined };
  try {
    for await (const batch of stream) {
      ran.batches.push(batch);
      ran.atMs.push(performance.now());
      ran.events.push(...batch);
    }
  } catch (error) {
    ran.error = error as CompletionError;
  }
  return ran;
}

export const CALL: CompletionCall = {
  request: {
    agentId: "agent",
    sessionId: "session",
    userTier: "",
    intent: "generate",
    agentScores: {},
    previousFailures: 0,
    constraints: {},
    needs: { tools: false, forcedTools: false, images: false, jsonObject: false, jsonSchema: false },
    sampling: {},
  } satisfies RoutingRequest,
  messages: [{ role: "user", parts: [{ kind: "text", text: "say something" }] }],
  tools: [],
  responseFormat: { kind: "text" },
  delivery: "LIVE",
  acceptRestart: false,
  labels: { team: "blue" },
  signal: new AbortController().signal,
};

export const completedOf = ({ events }: Ran): CompletedEvent | undefined =>
  events.find((event) => event.kind === "completed");

/** The text a reader ends up with: a reset throws away what came before it. */
export function textOf({ events }: Pick<Ran, "events">): string {
  let said = "";
  for (const event of events) {
    if (event.kind === "reset") said = "";
    else if (event.kind === "text") said += event.text;
  }
  return said;
}

export const kindsOf = ({ events }: Pick<Ran, "events">): readonly string[] => events.map(({ kind }) => kind);

/** What `complete` does with a call while a test lets the time pass that it needs. */
export const start = (engine: Harness, over: Partial<CompletionCall> = {}): Promise<Ran> =>
  drain(complete({ ...CALL, ...over }, engine.deps));

/** What a process knows after a hundred calls: every target's first token came after `ttftMs`, and none was hedged. */
export function knowsFirstTokens({ health, targets, deps }: Harness, ttftMs: number): void {
  for (let call = 0; call < 100; call += 1) deps.hedgeBudget.countCall(performance.now());
  for (const target of targets) {
    for (let call = 0; call < 20; call += 1) {
      const permit = health.acquire(target);
      permit?.firstToken(ttftMs);
      permit?.release();
    }
  }
}

/** Lets all the time pass that something needs. */
export async function settle<T>(running: Promise<T>): Promise<T> {
  await vi.runAllTimersAsync();
  return running;
}

function planned(key: string): PlannedTarget {
  const [provider = "", model = ""] = key.split("/");
  return { provider, model, tier: "balanced", maxOutputTokens: 1_000, dropped: [] };
}

function scriptsOf(provider: string, scripts: Readonly<Record<string, readonly Script[]>>) {
  const own = Object.entries(scripts).filter(([key]) => key.startsWith(`${provider}/`));
  return new Map(own.map(([key, list]) => [key.slice(provider.length + 1), list]));
}

/** $1 per million tokens of fresh input and $2 of output: 1,000 and 2,000 nano-USD a token. */
function modelOf({ provider, model }: ModelTarget, contextWindowTokens: number): CatalogueModel {
  return {
    provider,
    model,
    contextWindowTokens,
    maxOutputTokens: 10_000,
    capabilities: {
      tools: true,
      forcedTools: true,
      images: true,
      jsonObject: true,
      jsonSchema: true,
      thinking: "never",
    },
    parameters: {
      temperature: { minimum: 0, maximum: 1 },
      topP: true,
      seed: true,
      stopSequences: 4,
      outputCap: "max_tokens",
      systemRole: "system",
    },
    prices: [
      {
        effectiveFrom: "2020-01-01",
        source: "the test",
        bands: [
          {
            freshInputMicroUsdPerMtok: 1_000_000n,
            cachedInputMicroUsdPerMtok: 100_000n,
            cacheWriteMicroUsdPerMtok: 1_250_000n,
            outputMicroUsdPerMtok: 2_000_000n,
          },
        ],
      },
    ],
  };
}

function configOf(
  targets: readonly PlannedTarget[],
  windows: Readonly<Record<string, number>>,
  over: Partial<RoutingConfig>,
): RoutingConfig {
  const models = targets.map((target) => modelOf(target, windows[targetKey(target)] ?? 100_000));
  return { ...PRESETS.classic, catalogue: createCatalogue(models), ...over };
}

/** The rule of the real router that the engine counts on: what is open or parked is not offered. */
function routeAround(targets: readonly PlannedTarget[], health: TargetHealth): RoutingResult {
  const states = health.states();
  const stateOf = (target: PlannedTarget) => states.get(targetKey(target))?.breaker ?? "closed";
  const [first, ...rest] = targets.filter((target) => !["open", "parked"].includes(stateOf(target)));
  if (first !== undefined) return { ok: true, decision: decisionFor([first, ...rest]) };
  const rejected = targets.map((target): RejectedTarget => {
    const reason = stateOf(target) === "open" ? "breaker_open" : "parked";
    return { target, tier: target.tier, reason, detail: `${target.model} is ${reason}` };
  });
  return { ok: false, failure: { kind: "no_usable_target", missingVariables: [], rejected } };
}

export function decisionFor(targets: Decision["targets"]): Decision {
  return {
    tier: "balanced",
    targets,
    effectiveScore: 5,
    agentScore: 5,
    agentScoreSource: "cold_start",
    stepType: "generate",
    factors: [],
    causes: [],
    rejected: [],
    estimatedInputTokens: 40,
    estimatedOutputTokens: 1_000,
    tokenEstimate: "characters_per_token",
    estimatedLatencyMs: 1_000,
    latencySource: "configured",
    configVersion: 0,
    preset: "classic",
    scorer: { name: "classic", version: "1" },
    sandbox: false,
    reason: "for a test",
  };
}
