/** Traces as a collector receives them, and `traceparent` as a provider does. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { type RecordingProxy, startRecordingProxy } from "../support/recording-proxy.ts";
import { type RunningService, startService } from "../support/service.ts";

const FIRST = { provider: "openai", model: "gpt-4o-mini" } as const;
const SECOND = { provider: "anthropic", model: "claude-haiku-5-5" } as const;
const KEY = "sk-CANARY-0b7c1f";
const PROMPT = "CANARY-prompt-5d2e";
const COLLECTOR_KEY = "CANARY-collector-8a41";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const SAMPLED = { traceparent: `00-${TRACE}-${CALLER}-01` };

let receiver: OtlpReceiver;
let sandbox: Sandbox;
let providers: RecordingProxy;
let service: RunningService;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  sandbox = await startSandbox({ tokensPerSecond: 2000 });
  providers = await startRecordingProxy(sandbox.url);
  service = await startService({
    env: {
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: `${providers.url}/openai/v1`,
      ANTHROPIC_API_KEY: KEY,
      ANTHROPIC_BASE_URL: `${providers.url}/anthropic`,
      MODELTIER_TIER_BALANCED: [FIRST, SECOND].map(({ provider, model }) => `${provider}/${model}`).join(","),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${COLLECTOR_KEY}`,
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_SERVICE_NAME: "router-under-test",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    },
  });
});
afterEach(() => sandbox.clearFaults());
afterAll(async () => {
  await service.stop();
  await Promise.all([providers.close(), sandbox.close(), receiver.close()]);
});

const ask = (text: string) => ({
  routing: {
    case: "route" as const,
    value: { agentId: "a-1", sessionId: "s-1", constraints: { tier: Tier.BALANCED } },
  },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] }],
});

const LISTENERS: readonly (readonly [string, string, () => Transport])[] = [
  ["native gRPC", "grpc", () => createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` })],
  ["Connect", "connectrpc", () => createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" })],
  ["gRPC-Web", "grpc", () => createGrpcWebTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" })],
];

type Headers = Readonly<Record<string, string>>;

/** Many times as long as spans wait for company. */
const QUIET_MS = 250;

/** What earlier calls sent may still be on its way. */
async function untilQuiet(): Promise<void> {
  for (let seen = -1; seen !== receiver.spans.length; ) {
    seen = receiver.spans.length;
    await sleep(QUIET_MS);
  }
}

/** The spans that a call led to, and what the providers were sent. Its attempts end, and so are exported, before it does. */
async function traceOf(act: () => Promise<unknown>) {
  await untilQuiet();
  const [spansBefore, requestsBefore] = [receiver.spans.length, providers.headers.length];
  await act();
  const spansSince = () => receiver.spans.slice(spansBefore);
  await expect.poll(() => spansSince().some(({ kind }) => kind === "SERVER"), { timeout: 10_000 }).toBe(true);
  const spans = spansSince();
  return {
    server: spans.find(({ kind }) => kind === "SERVER") as ReceivedSpan,
    attempts: spans.filter(({ kind }) => kind === "CLIENT").sort(byAttempt),
    sent: providers.headers.slice(requestsBefore),
  };
}

const byAttempt = (a: ReceivedSpan, b: ReceivedSpan): number =>
  Number(a.attributes["modeltier.attempt"]) - Number(b.attributes["modeltier.attempt"]);

const chat = (body: object, headers: Headers = {}): Promise<Response> =>
  fetch(`${service.httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "balanced", messages: [{ role: "user", content: PROMPT }], ...body }),
  });

const overloadFirst = () => sandbox.setFaults({ ...FIRST, faults: [{ fault: "529", times: 1 }] });

describe.each(LISTENERS)("a call over %s", (_, system, transport) => {
  it("is a span below its caller's, and above one for each attempt", async () => {
    overloadFirst();
    const { server, attempts, sent } = await traceOf(() =>
      Array.fromAsync(createClient(RouterService, transport()).complete(ask(PROMPT), { headers: SAMPLED })),
    );
    expect(server).toMatchObject({
      name: "modeltier.v1.RouterService/Complete",
      traceId: TRACE,
      parentSpanId: CALLER,
      isError: false,
      attributes: {
        "rpc.system.name": system,
        "rpc.method": "modeltier.v1.RouterService/Complete",
        "modeltier.tier": "balanced",
        "modeltier.status": "ok",
        "modeltier.attempts": 2,
        "modeltier.served.provider": "anthropic",
        "modeltier.config.version": expect.any(Number),
        "modeltier.score.effective": expect.any(Number),
        "modeltier.score.agent": expect.any(Number),
        "modeltier.causes": expect.arrayContaining(["constraint"]),
        "modeltier.decision.id": expect.stringMatching(/^[\da-f-]{36}$/),
        "modeltier.execution.id": expect.stringMatching(/^[\da-f-]{36}$/),
        "gen_ai.agent.id": "a-1",
        "gen_ai.conversation.id": "s-1",
      },
      resource: { "service.name": "router-under-test", "deployment.environment.name": "test" },
    });
    expect(server.attributes["modeltier.cost.nano_usd"]).toBeGreaterThan(0);
    const [overloaded, answered] = attempts as [ReceivedSpan, ReceivedSpan];
    for (const { traceId, parentSpanId } of attempts) {
      expect({ traceId, parentSpanId }).toEqual({ traceId: TRACE, parentSpanId: server.spanId });
    }
    expect(overloaded).toMatchObject({
      name: "chat gpt-4o-mini",
      isError: true,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "error.type": "overloaded",
        "http.response.status_code": 529,
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(providers.url).port),
      },
    });
    expect(answered).toMatchObject({
      name: "chat claude-haiku-5-5",
      isError: false,
      attributes: {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude-haiku-5-5",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": expect.any(Number),
        "gen_ai.usage.cache_read.input_tokens": 0,
        "modeltier.usage.source": "REPORTED",
      },
    });
    expect(answered.attributes).not.toHaveProperty("error.type");
    expect(answered.attributes["gen_ai.usage.output_tokens"]).toBeGreaterThan(0);
    const firstChunkMs = 1000 * Number(answered.attributes["gen_ai.response.time_to_first_chunk"]);
    expect(firstChunkMs).toBeGreaterThan(0);
    expect(firstChunkMs).toBeLessThanOrEqual(answered.endMs - answered.startMs + 1);
    expect(sent.map(({ traceparent }) => traceparent)).toEqual(
      attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
    );
  });

  it("is the same when the answer comes whole", async () => {
    const { server, attempts } = await traceOf(() =>
      createClient(RouterService, transport()).completeOnce({ request: ask(PROMPT) }, { headers: SAMPLED }),
    );
    expect(server).toMatchObject({ name: "modeltier.v1.RouterService/CompleteOnce", parentSpanId: CALLER });
    expect(attempts).toMatchObject([
      { name: "chat gpt-4o-mini", parentSpanId: server.spanId, traceId: TRACE },
    ]);
  });

  it("has no attempt when its idempotency key answers it", async () => {
    const repeated = { request: { ...ask(PROMPT), idempotencyKey: `key-${crypto.randomUUID()}` } };
    const once = () => traceOf(() => createClient(RouterService, transport()).completeOnce(repeated));
    expect((await once()).attempts).toHaveLength(1);
    const { server, attempts } = await once();
    expect(attempts).toEqual([]);
    expect(server).toMatchObject({ name: "modeltier.v1.RouterService/CompleteOnce", isError: false });
  });

  it("has a decision and no attempt when it only asks for one", async () => {
    const { server } = await traceOf(() => createClient(RouterService, transport()).route({ agentId: "a" }));
    expect(server).toMatchObject({ name: "modeltier.v1.RouterService/Route", parentSpanId: "" });
    expect(server.attributes["modeltier.decision.id"]).toMatch(/^[\da-f-]{36}$/);
  });

  it("that is refused says so, and is no error of the service", async () => {
    const { server } = await traceOf(() =>
      createClient(RouterService, transport())
        .completeOnce({})
        .catch(() => undefined),
    );
    expect(server.isError).toBe(false);
    expect(String(server.attributes["rpc.status_code"]).toLowerCase()).toBe("invalid_argument");
  });

  it("that every provider fails is an error", async () => {
    sandbox.setFaults({ ...FIRST, faults: [{ fault: "529" }] });
    sandbox.setFaults({ ...SECOND, faults: [{ fault: "529" }] });
    const { server, attempts } = await traceOf(() =>
      createClient(RouterService, transport())
        .completeOnce({ request: ask(PROMPT) })
        .catch(() => undefined),
    );
    expect(server.isError).toBe(true);
    expect(String(server.attributes["error.type"]).toLowerCase()).toBe("unavailable");
    expect(attempts.map(({ isError }) => isError)).toEqual([true, true]);
  });

  it("that its caller cancels has ended, and so has its attempt", async () => {
    sandbox.setFaults({ ...FIRST, faults: [{ fault: "stall=3" }] });
    const { server, attempts } = await traceOf(async () => {
      const caller = new AbortController();
      const options = { signal: caller.signal };
      const events = createClient(RouterService, transport()).complete(ask(PROMPT), options);
      await expect(async () => {
        for await (const { event } of events) if (event.case === "textDelta") caller.abort();
      }).rejects.toThrow();
    });
    expect(server.attributes).toMatchObject({ "modeltier.status": "cancelled" });
    expect(String(server.attributes["rpc.status_code"])).toMatch(/^cancell?ed$/i);
    expect(attempts).toMatchObject([{ isError: true, attributes: { "error.type": "cancelled" } }]);
  });
});

describe("a call over /v1", () => {
  it.each([false, true])("is a span below its caller's, streamed: %s", async (stream) => {
    overloadFirst();
    const { server, attempts, sent } = await traceOf(async () => (await chat({ stream }, SAMPLED)).text());
    expect(server).toMatchObject({
      name: "POST /v1/chat/completions",
      traceId: TRACE,
      parentSpanId: CALLER,
      isError: false,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "modeltier.status": "ok",
      },
    });
    expect(attempts).toMatchObject([
      { parentSpanId: server.spanId, isError: true, attributes: { "error.type": "overloaded" } },
      { parentSpanId: server.spanId, isError: false },
    ]);
    expect(sent.map(({ traceparent }) => traceparent)).toEqual(
      attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
    );
  });

  it("is an error when its stream breaks behind a status of 200", async () => {
    sandbox.setFaults({ ...FIRST, faults: [{ fault: "cut=3" }] });
    sandbox.setFaults({ ...SECOND, faults: [{ fault: "529" }] });
    const { server } = await traceOf(async () => (await chat({ stream: true })).text());
    expect(server).toMatchObject({ isError: true, attributes: { "http.response.status_code": 200 } });
    expect(server.attributes["error.type"]).toBe(server.attributes["modeltier.failure_reason"]);
  });

  it("is cancelled when its caller hangs up", async () => {
    sandbox.setFaults({ ...FIRST, faults: [{ fault: "stall=3" }] });
    const { server, attempts } = await traceOf(async () => {
      const response = await chat({ stream: true });
      await response.body?.cancel();
    });
    expect(server.attributes).toMatchObject({ "modeltier.status": "cancelled" });
    expect(attempts).toMatchObject([{ attributes: { "error.type": "cancelled" } }]);
  });
});

describe("what a caller sends as its trace", () => {
  it("is not exported when the caller does not sample it, and goes on to the provider all the same", async () => {
    const sentBefore = providers.headers.length;
    const spansBefore = receiver.spans.length;
    await (await chat({}, { traceparent: `00-${TRACE}-${CALLER}-00` })).text();
    await traceOf(async () => (await chat({})).text()); // spans leave in order: this one's come last
    expect(receiver.spans.slice(spansBefore).map(({ traceId }) => traceId)).not.toContain(TRACE);
    expect(providers.headers[sentBefore]?.traceparent).toMatch(new RegExp(`^00-${TRACE}-[\\da-f]{16}-00$`));
  });

  it("takes its state along where that is well formed", async () => {
    const tracestate = "vendor=a1,other@tenant=b2";
    const { server, sent } = await traceOf(async () => (await chat({}, { ...SAMPLED, tracestate })).text());
    expect(server.traceState).toBe(tracestate);
    expect(sent).toMatchObject([{ tracestate }]);
  });

  it.each([
    ["an id of zeros", `00-${"0".repeat(32)}-${CALLER}-01`],
    ["a span of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["capitals", `00-${TRACE.toUpperCase()}-${CALLER}-01`],
    ["a version that is none", `ff-${TRACE}-${CALLER}-01`],
    ["more than the version has", `00-${TRACE}-${CALLER}-01-x`],
    ["two values", `00-${TRACE}-${CALLER}-01, 00-${TRACE}-${CALLER}-01`],
    ["other text", "x: y"],
  ])("is not taken up when it is malformed: %s", async (_, traceparent) => {
    const { server, sent } = await traceOf(async () =>
      (await chat({}, { traceparent, tracestate: "vendor=evil" })).text(),
    );
    expect(server).toMatchObject({ parentSpanId: "", traceState: "" });
    expect(server.traceId).not.toBe(TRACE);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.traceparent).toMatch(new RegExp(`^00-${server.traceId}-[\\da-f]{16}-01$`));
    expect(sent[0]).not.toHaveProperty("tracestate");
  });

  it("leaves behind what is malformed in its state", async () => {
    const tracestate = "EVIL=1,vendor=a1,e vil=2,evil,=evil,evil=x=y";
    const { sent } = await traceOf(async () => (await chat({}, { ...SAMPLED, tracestate })).text());
    expect(sent).toMatchObject([{ tracestate: "vendor=a1" }]);
  });
});

it("exports no prompt, no answer and no key", async () => {
  const { choices } = (await (await chat({})).json()) as { choices: [{ message: { content: string } }] };
  const answer = choices[0].message.content;
  expect(answer.length).toBeGreaterThan(20);
  await traceOf(async () => (await chat({})).text()); // the first call's spans are there by then
  for (const { headers, body } of receiver.requests) {
    expect(headers["x-collector-key"]).toBe(COLLECTOR_KEY);
    expect(headers["content-encoding"]).toBeUndefined();
    for (const canary of [PROMPT, answer, KEY, COLLECTOR_KEY]) expect(body.includes(canary)).toBe(false);
  }
  expect(service.output().stderr).not.toContain(COLLECTOR_KEY);
});
