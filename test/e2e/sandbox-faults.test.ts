/** Faults by a model's name, as a newcomer tries them: against the sandbox that the service brings along. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { PriceStatus } from "../../gen/modeltier/v1/routing_pb.js";
import { type RunningService, startService } from "../support/service.ts";

let service: RunningService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.stop());

const post = (body: object): Promise<Response> =>
  fetch(`${service.httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: "Say hello [tokens=30]" }], ...body }),
  });

describe("a fault behind a model's name", () => {
  it("breaks a stream of the OpenAI-compatible endpoint, in band", async () => {
    const response = await post({
      model: "openai/gpt-4o-mini!cut=5",
      models: ["kimi/kimi-k2.6"],
      stream: true,
    });
    const text = await response.text();
    expect([response.status, response.headers.get("x-modeltier-model")]).toEqual([200, "gpt-4o-mini!cut=5"]);
    expect(text).toContain('"code":"stream_truncated"');
    expect(text).not.toContain("[DONE]");
  });

  it("is failed over, and what that costs is known", async () => {
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
    );
    const { completed } = await router.completeOnce({
      request: {
        routing: { case: "route", value: { constraints: { model: "openai/gpt-4o!cut=5" } } },
        messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello" } }] }],
      },
    });
    expect(completed?.priceStatus).toBe(PriceStatus.KNOWN);
    expect(completed?.attempts[0]).toMatchObject({ outcome: "truncated", target: { model: "gpt-4o!cut=5" } });
    expect(completed?.attempts[0]?.costNanoUsd).toBeGreaterThan(0n);
  });

  it("makes no series of its own", async () => {
    const page = await (await fetch(`${service.httpUrl}/metrics`)).text();
    expect(page).toMatch(/calls_total\{provider="openai",model="gpt-4o",.*outcome="truncated"\} \d/);
    expect(page).not.toContain("!cut");
  });

  it("does not make a model of a name that is none", async () => {
    expect((await post({ model: "openai/gpt-none!503" })).status).toBe(404);
  });
});
