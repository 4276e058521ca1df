/** What a decision, a `Route` and a streamed answer allocate, without a network. One line of JSON. */
import { randomUUID } from "node:crypto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { RouteRequestSchema, RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import type { EngineDeps } from "../../src/completion/call.ts";
import { decide } from "../../src/completion/decide.ts";
import { TargetHealth } from "../../src/completion/target-health.ts";
import { DecisionTokens } from "../../src/decision-token/decision-tokens.ts";
import { parametersOf } from "../../src/pricing/catalogue.ts";
import type { CompletionRequest } from "../../src/providers/provider.ts";
import { createProviders } from "../../src/providers/registry.ts";
import { PRESETS } from "../../src/routing/presets.ts";
import { route } from "../../src/routing/router.ts";
import type { ProviderState } from "../../src/routing/types.ts";
import { decisionToProto, routingRequestFromProto } from "../../src/rpc/convert/route.ts";
import { encode } from "../../src/rpc/encoder.ts";
import { validateRoute } from "../../src/rpc/validate/route.ts";
import { EngineMetrics } from "../../src/telemetry/engine-metrics.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { bytes, scriptedTransport } from "../../test/contract/scripted-transport.ts";
import { allocatedBytes } from "../lib/allocations.ts";
import { LONG_TOKENS, streamedEvents } from "../lib/answers.ts";
import { routeRequest } from "../lib/workloads.ts";

export type InProcessFigures = Readonly<{ decisionBytes: number; routeBytes: number; answerBytes: number }>;

const WARM_UP = 10_000;
const config = PRESETS.classic;
const health = new TargetHealth(() => performance.now());
const state: ProviderState = {
  today: "2026-01-01",
  sandbox: true,
  providers: new Map(
    ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [`${id}_KEY`] }]),
  ),
  targets: health.states(),
};
const metrics = new EngineMetrics(createMetrics(), () => config);
const deps: Pick<EngineDeps, "route" | "health" | "observer" | "newId"> = {
  route: (request, snapshot) => route(request, snapshot, state),
  health,
  observer: metrics,
  newId: randomUUID,
};
const tokens = new DecisionTokens({
  lifetimeMs: 300_000,
  config: () => config,
  stateFor: () => state,
  health,
  wallMs: () => 0,
});

const request = routingRequestFromProto(routeRequest());
const requestBytes = toBinary(RouteRequestSchema, routeRequest());

/** All that `Route` does between two messages in bytes. */
function answerRoute(): Uint8Array {
  const message = fromBinary(RouteRequestSchema, requestBytes);
  validateRoute(message);
  const asked = routingRequestFromProto(message);
  const decided = decide(asked, { config, providers: new Map() }, deps as EngineDeps);
  return encode(RouteResponseSchema, {
    $typeName: "modeltier.v1.RouteResponse",
    decision: decisionToProto(decided.decisionId, decided.decision),
    decisionToken: tokens.issue(asked, decided),
  });
}

const pieces = [bytes(streamedEvents(LONG_TOKENS).join(""))];
const provider = createProviders(
  [{ id: "openai", dialect: "openai", baseUrl: "http://provider.test/v1", apiKey: "key" }],
  scriptedTransport({ pieces }),
).get("openai");
const ask: CompletionRequest = {
  model: "gpt-4o-mini",
  parameters: parametersOf(config.catalogue, { provider: "openai", model: "gpt-4o-mini" }),
  messages: [{ role: "user", parts: [{ kind: "text", text: "Say hi" }] }],
  tools: [],
  responseFormat: { kind: "text" },
  maxOutputTokens: 4_096,
};
const signal = new AbortController().signal;
const unwatched = { onHeaders: () => {}, onBytes: () => {} };

async function readAnswer(): Promise<void> {
  if (provider === undefined) throw new Error("no provider");
  for await (const events of provider.stream(ask, signal, unwatched)) {
    if (events.length === 0) throw new Error("an empty batch");
  }
}

async function measure(run: () => unknown): Promise<number> {
  for (let op = 0; op < WARM_UP; op += 1) await run();
  return Math.round(await allocatedBytes(run));
}

const figures: InProcessFigures = {
  decisionBytes: await measure(() => route(request, config, state)),
  routeBytes: await measure(answerRoute),
  answerBytes: await measure(readAnswer),
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
