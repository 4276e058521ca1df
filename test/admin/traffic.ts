/** Calls as agents make them: three tiers, three agents, a fallback, a failure, a session that caches its prompt. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent } from "../../gen/modeltier/v1/routing_pb.js";

type Step = Readonly<{ agentId: string; intent: Intent; score: number; model?: string }>;

const STEPS: readonly Step[] = [
  { agentId: "invoice-reader", intent: Intent.EXTRACT, score: 0.5 },
  { agentId: "support-reply", intent: Intent.SUMMARIZE, score: 4.2 },
  { agentId: "support-reply", intent: Intent.GENERATE, score: 5 },
  { agentId: "planner", intent: Intent.LLM_DECISION, score: 9.8 },
  { agentId: "support-reply", intent: Intent.ENRICH, score: 5.5 },
  { agentId: "support-reply", intent: Intent.VALIDATE, score: 4.8 },
  { agentId: "planner", intent: Intent.GENERATE, score: 7 },
  { agentId: "support-reply", intent: Intent.SUMMARIZE, score: 4.6, model: "openai/gpt-4o-mini!503" },
];

/** @param rounds of eight calls each @param token where there are keys, and a call needs one */
export async function sendTraffic(httpUrl: string, rounds: number, token?: string): Promise<void> {
  const options = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
  const router = createClient(
    RouterService,
    createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1" }),
  );
  const send = ({ agentId, intent, score, model }: Step, round: number) =>
    router.completeOnce(
      {
        request: {
          routing: {
            case: "route",
            value: {
              agentId,
              intent,
              sessionId: `${agentId}-1`,
              agentAis: { combinedScore: Math.min(10, Math.round(score * 10 + (round % 4) * 4) / 10) },
              ...(model !== undefined && { constraints: { model } }),
            },
          },
          messages: [
            {
              role: Role.USER,
              parts: [
                {
                  content: {
                    case: "text",
                    value: `${"Our terms of delivery. ".repeat(40)}Part ${round}. [tokens=40]`,
                  },
                },
              ],
            },
          ],
          labels: { team: "sales" },
        },
      },
      options,
    );
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(STEPS.map((step) => send(step, round)));
  }
}
