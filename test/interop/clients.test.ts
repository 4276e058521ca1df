/** The same questions, asked by clients that share no code with the service: one conversation, seen from everywhere. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import type { ServiceClientConstructor } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { grpcJsStub, hasPython, ROOT, runPython } from "../support/clients.ts";
import { type RunningService, startService } from "../support/service.ts";

const run = promisify(execFile);

/** What every client saw, in one form. */
type Seen = Readonly<{
  tier: string;
  target: string;
  events: readonly string[];
  text: string;
  onceText: string;
  inputTokens: number;
  costNanoUsd: string;
  refused: string;
}>;

let service: RunningService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const ROUTE = { agentId: "test-agent", intent: Intent.GENERATE, agentAis: { combinedScore: 5 } } as const;
const COMPLETE = create(CompleteRequestSchema, {
  routing: { case: "route", value: { agentId: "test-agent", intent: Intent.SUMMARIZE } },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello" } }] }],
});

function expectTheAnswer(seen: Seen): void {
  expect(seen.tier).toBe("TIER_BALANCED");
  expect(seen.target).toBe("kimi/kimi-k2-0905-preview");
  expect(seen.events.slice(0, 3)).toEqual(["decision", "attempt_started", "text_delta"]);
  expect(seen.events.at(-1)).toBe("completed");
  expect(seen.text).toMatch(/\S/);
  expect(seen.onceText).toBe(seen.text);
  expect(seen.inputTokens).toBeGreaterThan(0);
  expect(BigInt(seen.costNanoUsd)).toBeGreaterThan(0n);
  expect(seen.refused).toBe("INVALID_ARGUMENT");
}

async function askWithConnect(transport: Transport): Promise<Seen> {
  const router = createClient(RouterService, transport);
  const { decision } = await router.route(ROUTE);
  const events = await Array.fromAsync(router.complete(COMPLETE));
  const once = await router.completeOnce({ request: COMPLETE });
  const refusal = await router.route({ agentAis: { combinedScore: 11 } }).catch(ConnectError.from);
  const last = events.at(-1)?.event;
  if (last?.case !== "completed") throw new Error("the stream did not complete");
  return {
    tier: `TIER_${Tier[decision?.tier ?? 0]}`,
    target: `${decision?.provider}/${decision?.model}`,
    events: events.map(({ event }) => snakeCase(event.case ?? "")),
    text: events.map(({ event }) => (event.case === "textDelta" ? event.value.text : "")).join(""),
    onceText: once.text,
    inputTokens: Number(last.value.usage?.inputTokens),
    costNanoUsd: String(last.value.costNanoUsd),
    refused:
      refusal instanceof ConnectError && refusal.code === Code.InvalidArgument ? "INVALID_ARGUMENT" : "OK",
  };
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe("Connect-ES", () => {
  it.each([
    ["over native gRPC", () => createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` })],
    [
      "over Connect in JSON",
      () => createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
    ],
    [
      "over Connect in proto",
      () => createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1", useBinaryFormat: true }),
    ],
    [
      "over Connect with GET",
      () => createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1", useHttpGet: true }),
    ],
    ["over gRPC-Web", () => createGrpcWebTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" })],
  ])("%s gets the answer", async (_, transport) => {
    expectTheAnswer(await askWithConnect(transport()));
  });
});

describe("grpc-js with stubs from the protos", () => {
  it("gets the answer", async () => {
    const client = grpcJsStub(service.grpcAddress);
    expectTheAnswer(await askWithGrpcJs(client));
    client.close();
  });
});

/** Messages as proto-loader makes them, as far as they are read here. */
type Plain = Readonly<{
  decision: { tier: string; provider: string; model: string };
  event: string;
  text: string;
  textDelta?: { text: string };
  completed: { usage: { inputTokens: string }; costNanoUsd: string };
}>;

async function askWithGrpcJs(client: InstanceType<ServiceClientConstructor>): Promise<Seen> {
  const call = (method: string, request: object) =>
    new Promise<Plain>((resolve, reject) => {
      const unary = client[method] as (
        request: object,
        done: (error: Error | null, answer: Plain) => void,
      ) => void;
      unary.call(client, request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  const complete = {
    route: { agentId: "test-agent", intent: "INTENT_SUMMARIZE" },
    messages: [{ role: "ROLE_USER", parts: [{ text: "Say hello" }] }],
  };
  const { decision } = await call("Route", { agentId: "test-agent", agentAis: { combinedScore: 5 } });
  const stream = client.Complete as (request: object) => AsyncIterable<Plain>;
  const events = await Array.fromAsync(stream.call(client, complete));
  const once = await call("CompleteOnce", { request: complete });
  const refused = await call("Route", { agentAis: { combinedScore: 11 } }).then(
    () => "OK",
    (error: Error & { code?: number }) => (error.code === 3 ? "INVALID_ARGUMENT" : String(error.code)),
  );
  const completed = (events.at(-1) as Plain).completed;
  return {
    tier: decision.tier,
    target: `${decision.provider}/${decision.model}`,
    events: events.map(({ event }) => snakeCase(event)),
    text: events.map(({ textDelta }) => textDelta?.text ?? "").join(""),
    onceText: once.text,
    inputTokens: Number(completed.usage.inputTokens),
    costNanoUsd: completed.costNanoUsd,
    refused,
  };
}

describe("buf curl with no schema given", () => {
  const buf = (...args: string[]) => run(join(ROOT, "node_modules/.bin/buf"), ["curl", ...args]);
  const route = JSON.stringify({
    agentId: "test-agent",
    intent: "INTENT_GENERATE",
    budgetRemaining: 10000,
    previousFailures: 0,
    agentAis: { creationScore: 5, executionScore: 5, combinedScore: 5 },
  });

  it("learns the contract by reflection and routes", async () => {
    const url = `http://${service.grpcAddress}/modeltier.v1.RouterService/Route`;
    const { stdout } = await buf("--protocol", "grpc", "--http2-prior-knowledge", "-d", route, url);
    const { decision } = JSON.parse(stdout);
    expect(decision).toMatchObject({
      tier: "TIER_BALANCED",
      provider: "kimi",
      model: "kimi-k2-0905-preview",
    });
    expect(decision).toMatchObject({ effectiveScore: 5, agentScore: 5, sandbox: true, preset: "classic" });
    expect(decision.causes[0].kind).toBe("CAUSE_KIND_SCORE");
    expect(decision.reason).toContain("5");
  });

  it("streams the decision first, text, and completed last with usage and cost", async () => {
    const request = JSON.stringify({
      route: { agentId: "test-agent", intent: "INTENT_SUMMARIZE" },
      messages: [{ role: "ROLE_USER", parts: [{ text: "Say hello" }] }],
    });
    const url = `http://${service.grpcAddress}/modeltier.v1.RouterService/Complete`;
    const { stdout } = await buf("--protocol", "grpc", "--http2-prior-knowledge", "-d", request, url);
    const events = stdout
      .trim()
      .split(/\n(?=\{)/)
      .map((text) => JSON.parse(text));
    expect(Object.keys(events[0])).toEqual(["decision"]);
    expect(events.some((event) => "textDelta" in event)).toBe(true);
    expect(Number(events.at(-1).completed.usage.inputTokens)).toBeGreaterThan(0);
    expect(Number(events.at(-1).completed.costNanoUsd)).toBeGreaterThan(0);
  });

  it("finds health and both services by reflection", async () => {
    const { stdout } = await buf(
      "--protocol",
      "grpc",
      "--http2-prior-knowledge",
      "--list-services",
      `http://${service.grpcAddress}`,
    );
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining([
        "grpc.health.v1.Health",
        "modeltier.v1.ProviderService",
        "modeltier.v1.RouterService",
      ]),
    );
  });
});

describe("curl with JSON", () => {
  it("routes over HTTP/1.1 and reads numbers given as strings", async () => {
    const { stdout } = await run("curl", [
      "-sS",
      "-H",
      "content-type: application/json",
      "-d",
      '{"agentId":"test-agent","intent":"INTENT_GENERATE","budgetRemaining":"10000","agentAis":{"combinedScore":"5"}}',
      `${service.httpUrl}/modeltier.v1.RouterService/Route`,
    ]);
    expect(JSON.parse(stdout).decision).toMatchObject({ tier: "TIER_BALANCED", provider: "kimi" });
  });
});

if (!hasPython) console.warn("SKIPPED: the Python client. `.ci/run` installs its packages.");

describe.runIf(hasPython)("Python on gRPC's C core with stubs from the protos", () => {
  it("gets the answer", async () => {
    expectTheAnswer(JSON.parse(await runPython("client.py", [service.grpcAddress])));
  });
});
