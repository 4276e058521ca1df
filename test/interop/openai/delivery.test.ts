/** A server whose calls are assured unless they say otherwise. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Delivery, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { type FaultyService, startFaultyService } from "./support.ts";

let faulty: FaultyService;
beforeAll(async () => {
  faulty = await startFaultyService({ MODELTIER_DELIVERY: "ASSURED" });
});
afterAll(() => faulty.stop());

const PROMPT = "Talk [tokens=60]";

describe("MODELTIER_DELIVERY=ASSURED", () => {
  const stream = async (headers: Record<string, string> = {}) => {
    const openai = new OpenAI({ baseURL: faulty.baseUrl, apiKey: "any", defaultHeaders: headers });
    const body = {
      model: faulty.model("alpha", "cut=25"),
      messages: [{ role: "user" as const, content: PROMPT }],
    };
    return Array.fromAsync(await openai.chat.completions.create({ ...body, stream: true }));
  };

  it("repairs the stream of a stock SDK that knows nothing of it", async () => {
    const chunks = await stream();
    expect(chunks.every(({ model }) => model === "gamma/plain")).toBe(true);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("leaves a caller who asks for LIVE alone", async () => {
    await expect(stream({ "x-modeltier-delivery": "live" })).rejects.toMatchObject({
      code: "stream_truncated",
    });
  });

  it("holds for typed calls as well, unless they say LIVE", async () => {
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${faulty.service.grpcAddress}` }),
    );
    const ask = (delivery: Delivery) =>
      Array.fromAsync(
        router.complete({
          routing: { case: "route", value: { constraints: { model: faulty.model("alpha", "cut=25") } } },
          messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: PROMPT } }] }],
          delivery,
        }),
      );
    const last = (await ask(Delivery.UNSPECIFIED)).at(-1)?.event;
    expect(last?.case === "completed" && `${last.value.provider}/${last.value.model}`).toBe("gamma/plain");
    await expect(ask(Delivery.LIVE)).rejects.toThrow("The answer is incomplete");
  });
});
