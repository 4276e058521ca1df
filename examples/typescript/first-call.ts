import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent, Tier } from "../../gen/modeltier/v1/routing_pb.js";

const router = createClient(RouterService, createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" }));

const events = router.complete({
  routing: { case: "route", value: { agentId: "first-agent", intent: Intent.SUMMARIZE } },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello" } }] }],
});

for await (const { event } of events) {
  if (event.case === "decision")
    console.log(`${Tier[event.value.tier]} → ${event.value.provider}/${event.value.model}`);
  if (event.case === "textDelta") process.stdout.write(event.value.text);
  if (event.case === "completed") console.log(`\n${event.value.costNanoUsd} nano-USD`);
}
