/** Ten thousand calls of every kind against a service with its sandbox, some of which fail. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import type { RunningService } from "./service.ts";

export const CALLS = 10_000;
const AT_ONCE = 64;

const TIERS = [Tier.FAST, Tier.BALANCED, Tier.BALANCED, Tier.POWERFUL] as const;

const aRequest = (index: number): MessageInitShape<typeof CompleteRequestSchema> => ({
  routing: {
    case: "route",
    value: {
      agentId: `agent-${index % 7}`,
      sessionId: index % 3 === 0 ? `session-${index % 50}` : "",
      constraints: { tier: TIERS[index % TIERS.length] ?? Tier.FAST },
    },
  },
  messages: [
    { role: Role.SYSTEM, parts: [{ content: { case: "text", value: "Answer in one line." } }] },
    { role: Role.USER, parts: [{ content: { case: "text", value: `Question ${index}` } }] },
  ],
  sampling: { maxOutputTokens: 8 + (index % 5) },
});

const failAtTimes = (sandboxUrl: string, provider: string, model: string, fault: string, times: number) =>
  fetch(`${sandboxUrl}/control/faults`, {
    method: "PUT",
    body: JSON.stringify({ provider, model, faults: [{ fault, times }] }),
  });

/**
 * Whole, streamed and over OpenAI's API in turn, while two models fail some of the time. Some calls fail altogether.
 * @returns how many did
 */
export async function makeMixedCalls({ grpcAddress, httpUrl, sandboxUrl }: RunningService): Promise<number> {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  let failed = 0;
  const call = async (index: number): Promise<void> => {
    if (index % 1_000 === 0) {
      await failAtTimes(sandboxUrl, "kimi", "kimi-k2-0905-preview", "529", 3);
      await failAtTimes(sandboxUrl, "openai", "gpt-4o-mini", "500", 2);
    }
    try {
      if (index % 3 === 0) await router.completeOnce({ request: aRequest(index) });
      else if (index % 3 === 1) await Array.fromAsync(router.complete(aRequest(index)));
      else await chat(httpUrl, index);
    } catch {
      failed += 1;
    }
  };
  const indexes = Array.from({ length: CALLS }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const index of indexes) await call(index);
    }),
  );
  return failed;
}

async function chat(httpUrl: string, index: number): Promise<void> {
  const response = await fetch(`${httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "auto",
      max_tokens: 10,
      messages: [{ role: "user", content: `Question ${index}` }],
    }),
  });
  await response.text();
  if (!response.ok) throw new Error(`chat answered ${response.status}`);
}
