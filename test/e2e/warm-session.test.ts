/** A session at Anthropic is warm from its first call on: what that call wrote holds a lighter step there, and is read. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type RunningService, startService } from "../support/service.ts";

const SONNET = "anthropic/claude-sonnet-5-5";
const MINI = "openai/gpt-4o-mini";
const HANDBOOK = "Follow the rules of the house to the letter. ".repeat(520);

let service: RunningService;
afterEach(() => service.stop());

async function start(promptCache: "sessions" | "off"): Promise<void> {
  service = await startService({
    env: {
      MODELTIER_PROMPT_CACHE: promptCache,
      MODELTIER_TIER_FAST: MINI,
      MODELTIER_TIER_BALANCED: SONNET,
      MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000",
    },
  });
}

/** A step by an agent of this score, under the same instructions as every other. */
async function step(combinedScore: number, sessionId: string) {
  const router = createClient(
    RouterService,
    createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  );
  const say = (role: Role, value: string) => ({
    role,
    parts: [{ content: { case: "text" as const, value } }],
  });
  const { decision, completed } = await router.completeOnce({
    request: {
      routing: {
        case: "route",
        value: { agentId: "house", sessionId, step: {}, agentAis: { combinedScore } },
      },
      messages: [say(Role.SYSTEM, HANDBOOK), say(Role.USER, "Go on. [reasoning=1] [tokens=4]")],
      sampling: { maxOutputTokens: 16 },
    },
  });
  return {
    served: `${completed?.provider}/${completed?.model}`,
    written: Number(completed?.usage?.cacheWriteTokens),
    cached: Number(completed?.usage?.cachedInputTokens),
    affinity: decision?.cache,
  };
}

it("stays where its first call has written, because leaving would cost more than it saves", async () => {
  await start("sessions");
  const first = await step(5, "house-1");
  expect(first).toMatchObject({ served: SONNET, cached: 0, affinity: undefined });
  expect(first.written).toBeGreaterThan(5_000);
  const second = await step(1, "house-1");
  expect(second).toMatchObject({ served: SONNET, written: 0, cached: first.written });
  expect(second.affinity).toMatchObject({ kept: true, warmTokens: BigInt(first.written) });
  expect(await step(1, "house-2")).toMatchObject({ served: MINI, affinity: undefined });
});

it("writes nothing outside a session", async () => {
  await start("sessions");
  expect(await step(5, "")).toMatchObject({ served: SONNET, written: 0, cached: 0 });
});

it("has nothing to stay for where prompts are not cached", async () => {
  await start("off");
  expect(await step(5, "house-1")).toMatchObject({ served: SONNET, written: 0, cached: 0 });
  expect(await step(1, "house-1")).toMatchObject({ served: MINI, affinity: undefined });
});
