/** What can be seen of a configuration: decisions, and what the engine does. Needs vitest's fake timers. */
import { aRequest } from "../../../test/support/recorded.ts";
import type { AgentHistory } from "../../agent-score/types.ts";
import { Breaker } from "../../completion/breaker.ts";
import { RetryBudget } from "../../completion/retry-budget.ts";
import { harness, kindsOf, knowsFirstTokens, settle, start } from "../../completion/testing/harness.ts";
import { CATALOGUE } from "../../pricing/catalogue.ts";
import { costOf } from "../../pricing/cost.ts";
import { ProviderHub } from "../../providers/hub.ts";
import { publicAnd } from "../../providers/outbound.ts";
import { createTransport } from "../../providers/transport.ts";
import { PRESETS } from "../../routing/presets.ts";
import { route } from "../../routing/router.ts";
import { type ProviderState, type RoutingRequest, targetKey } from "../../routing/types.ts";
import { providersToProto } from "../../rpc/convert/provider.ts";
import { showConfig } from "../../service/follow-config.ts";
import { readSettings } from "../../settings/settings.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { type ConfigDocument, documentOf, resolveDocument } from "../document.ts";
import { validateDocument } from "../validate-document.ts";

export const BASE = documentOf(PRESETS.classic);
export const resolved = (document: ConfigDocument) => resolveDocument(document, 1, CATALOGUE);

const STATE: ProviderState = {
  today: "2026-11-25",
  sandbox: false,
  providers: new Map(
    ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [] }]),
  ),
  targets: new Map(),
};

/** Every bound of a factor, and what is between. */
const SIZES = [0, 150, 200, 300, 500, 800, 1_000, 1_024, 2_000, 10_240, 20_000, 51_200, 60_000];

/** Whatever a decision may depend on, in turn. */
const REQUESTS: readonly RoutingRequest[] = [
  ...Array.from({ length: 60 }, (_, n) => aRequest(n)),
  ...(["generate", "transform", "switch", "send"] as const).flatMap((intent) =>
    SIZES.map(
      (size, index): RoutingRequest => ({
        ...aRequest(1),
        intent,
        step: {
          type: intent,
          name: "",
          description: "",
          prompt: "",
          paramsJson: "",
          inputDataBytes: 0,
          switchCases: 0,
          aggregations: 0,
          mappedFields: 0,
          hasConfiguration: false,
          measured: { promptCharacters: size, dataBytes: size, conditions: index, references: index },
        },
        agentScores: { creation: 2, execution: 6 },
      }),
    ),
  ),
  { ...aRequest(2), budgetRemainingTokens: 320 },
  ...(["images", "forcedTools", "jsonSchema"] as const).map((need) => ({
    ...aRequest(2),
    needs: { ...aRequest(2).needs, tools: need === "forcedTools", [need]: true },
  })),
];

export function decide(document: ConfigDocument): unknown {
  return REQUESTS.map((request) => route(request, resolved(document), STATE));
}

/** What is decided when this is known of the agent. */
export function decideKnowing(document: ConfigDocument, history: AgentHistory): unknown {
  return REQUESTS.map((request) => route(request, resolved(document), { ...STATE, history, random: 0.01 }));
}

export async function ran(
  document: ConfigDocument,
  scripts: Parameters<typeof harness>[0],
  knows?: number,
): Promise<unknown> {
  const { catalogue: _, ...config } = resolved(document);
  const engine = harness(scripts, { config });
  if (knows !== undefined) knowsFirstTokens(engine, knows);
  const startedMs = performance.now();
  const result = await settle(start(engine, { delivery: undefined }));
  return {
    kinds: kindsOf(result),
    error: result.error?.reason,
    hedges: engine.hedges,
    asked: engine.asked(),
    tookMs: Math.round(performance.now() - startedMs),
    askedAtMs: engine.targets.flatMap((target) =>
      engine
        .callsTo(`${target.provider}/${target.model}`)
        .map((one) => Math.round(one.startedMs - startedMs)),
    ),
  };
}

/** What a breaker does in a few scenes. */
export function breakers(document: ConfigDocument): unknown {
  const make = () => new Breaker(undefined, () => document.breaker);
  const attempt = (
    breaker: Breaker,
    effect: "succeeds" | "counts" | "cools_down" | "long_cool_down",
    atMs: number,
  ) => {
    const ticket = breaker.acquire(atMs);
    if (ticket === undefined) return;
    if (effect === "succeeds") breaker.succeeded(ticket, atMs);
    else breaker.failed(ticket, effect, undefined, atMs);
  };
  const inARow = make();
  let row = 0;
  for (; inARow.stateFor(row) === "closed" && row < 100; row += 1) attempt(inARow, "counts", row);
  const share = make();
  let alternating = 0;
  for (; share.stateFor(alternating) === "closed" && alternating < 100; alternating += 1) {
    attempt(share, alternating % 3 === 0 ? "succeeds" : "counts", alternating);
  }
  const waits = (["cools_down", "long_cool_down"] as const).map((effect) => {
    const breaker = make();
    attempt(breaker, effect, 0);
    return breaker.waitMs(0);
  });
  return [row, alternating, inARow.waitMs(row), waits, inARow.hurry(row + 700)];
}

export function retriesOf(document: ConfigDocument): unknown {
  const count = (calls: number) => {
    const budget = new RetryBudget();
    for (let call = 0; call < calls; call += 1) budget.countCall(0);
    let taken = 0;
    while (budget.tryTake(0, document.retries) && taken < 1_000) taken += 1;
    return taken;
  };
  return [count(1), count(2_000)];
}

export async function shown(document: ConfigDocument): Promise<unknown> {
  const metrics = createMetrics();
  showConfig(resolved(document), metrics);
  return metrics.registry.getSingleMetricAsString("modeltier_distribution_target_share");
}

/** What calls of every kind cost at a model, before and after a day of 2026. */
export function costs(document: ConfigDocument): unknown {
  const { catalogue } = resolved(document);
  return catalogue.models.flatMap((model) =>
    ["2026-02-01", STATE.today].flatMap((day) =>
      CALLS_OF_EACH_KIND.map((tokens) => [targetKey(model), day, costOf(model, day, tokens).costNanoUsd]),
    ),
  );
}

const NO_TOKENS = { freshInputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
const CALLS_OF_EACH_KIND = [
  ...Object.keys(NO_TOKENS).map((kind) => ({ ...NO_TOKENS, [kind]: 1_000_000 })),
  { ...NO_TOKENS, freshInputTokens: 5_000 },
];

/** What operators are shown of the providers. */
export function listed(document: ConfigDocument): unknown {
  const hub = new ProviderHub(createTransport(), readSettings({}, "/srv").providers);
  return providersToProto(hub.current, { config: resolved(document), state: STATE });
}

export const problems = (document: ConfigDocument) =>
  validateDocument(document, {
    catalogue: CATALOGUE,
    providers: ["openai", "anthropic", "kimi"],
    isAllowed: publicAnd([]),
  });

export type Observe = (document: ConfigDocument) => unknown;
export type Mutable<T> = T extends bigint | number | string | boolean | undefined
  ? T
  : { -readonly [K in keyof T]: Mutable<T[K]> };
export type Draft = Mutable<ConfigDocument>;
/** Where it is seen, what is changed, and what has to be there before. */
export type Case = readonly [Observe, change: (draft: Draft) => void, prepare?: (draft: Draft) => void];
