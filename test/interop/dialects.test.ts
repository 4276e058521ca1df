/** One prompt through all three dialects, and past a provider that fails, as every kind of client sees it. */
import type { JsonObject } from "@bufbuild/protobuf";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  bufCurlClient,
  connectClient,
  grpcJsClient,
  hasPython,
  pythonClient,
  type StreamClient,
} from "../support/clients.ts";
import { type RunningService, startService } from "../support/service.ts";

let service: RunningService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());
afterEach(() => fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" }));

const address = () => service.grpcAddress;
const clients: readonly (readonly [string, StreamClient])[] = [
  ["grpc-js", grpcJsClient(address)],
  ["Connect-ES over gRPC", connectClient(() => createGrpcTransport({ baseUrl: `http://${address()}` }))],
  [
    "Connect-ES over Connect",
    connectClient(() => createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" })),
  ],
  ["buf curl", bufCurlClient(address)],
  ...(hasPython ? [["Python on gRPC's C core", pythonClient(address)] as const] : []),
];

const PROMPT = "Explain in two sentences why the sky is blue.";
const ask = (model: string): JsonObject => ({
  route: { agentId: "weather", intent: "INTENT_GENERATE", constraints: { model } },
  messages: [
    { role: "ROLE_SYSTEM", parts: [{ text: "Answer a curious child." }] },
    { role: "ROLE_USER", parts: [{ text: PROMPT }] },
  ],
});

const kindsOf = (events: readonly JsonObject[]) => events.map((event) => Object.keys(event)[0]);
const completedOf = (events: readonly JsonObject[]) => events.at(-1)?.completed as JsonObject;

describe.each(clients)("%s", (_, stream) => {
  it.each([
    ["Anthropic's", "anthropic/claude-3-haiku-20240307"],
    ["Kimi's", "kimi/kimi-k2-0905-preview"],
    ["OpenAI's", "openai/gpt-4o-mini"],
  ])("streams an answer that came in %s dialect", async (__, model) => {
    const events = await stream(ask(model));
    expect(kindsOf(events).slice(0, 2)).toEqual(["decision", "attemptStarted"]);
    expect(kindsOf(events)).toContain("textDelta");
    const completed = completedOf(events);
    expect(`${completed.provider}/${completed.model}`).toBe(model);
    expect(Number((completed.usage as JsonObject).inputTokens)).toBeGreaterThan(0);
    expect(Number(completed.costNanoUsd)).toBeGreaterThan(0);
  });

  it("sees the first target fail and the next one answer", async () => {
    await fetch(`${service.sandboxUrl}/control/faults`, {
      method: "PUT",
      body: JSON.stringify({ provider: "kimi", faults: [{ fault: "529", times: 1 }] }),
    });
    const events = await stream(ask("kimi/kimi-k2-0905-preview"));
    expect(kindsOf(events).slice(0, 4)).toEqual([
      "decision",
      "attemptStarted",
      "attemptFailed",
      "attemptStarted",
    ]);
    expect(completedOf(events).provider).toBe("openai");
    expect((completedOf(events).attempts as readonly JsonObject[]).map(({ outcome }) => outcome)).toEqual([
      "overloaded",
      "ok",
    ]);
  });
});
