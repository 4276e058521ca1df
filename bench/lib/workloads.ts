/** What is asked: the same question in the words of each door. */
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  CompleteOnceRequestSchema,
  type CompleteRequest,
  CompleteRequestSchema,
  Role,
} from "../../gen/modeltier/v1/completion_pb.js";
import { Intent, type RouteRequest, RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import type { LoadRequest } from "./h2load.ts";

/** About 2 KB of a prompt as agents write them, with references and reasoning words for the scorer to find. */
export function promptOf(bytes: number): string {
  const sentence =
    "Compare {{ invoice.total }} with the order in {{ order.lines }}, explain every difference, and decide who approves it. ";
  return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
}

const PROMPT_BYTES = 2_048;

export const routeRequest = (promptBytes = PROMPT_BYTES): RouteRequest =>
  create(RouteRequestSchema, {
    agentId: "bench-agent",
    intent: Intent.GENERATE,
    agentAis: { combinedScore: 5 },
    sessionId: "bench-session",
    step: {
      type: Intent.GENERATE,
      name: "compare",
      prompt: promptOf(promptBytes),
      params: { currency: "EUR", limit: 500 },
      inputDataBytes: 4_096n,
    },
  });

export const completeRequest = (): CompleteRequest =>
  create(CompleteRequestSchema, {
    routing: {
      case: "route",
      value: { agentId: "bench-agent", intent: Intent.GENERATE, agentAis: { combinedScore: 5 } },
    },
    messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: promptOf(PROMPT_BYTES) } }] }],
  });

/** A message as gRPC sends it: uncompressed flag, length, bytes. */
export function grpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

const SERVICE = "/modeltier.v1.RouterService";
const GRPC_HEADERS = { "content-type": "application/grpc", te: "trailers" };
const JSON_HEADERS = { "content-type": "application/json" };

const grpc = (base: string, method: string, message: Uint8Array): LoadRequest => ({
  url: `${base}${SERVICE}/${method}`,
  body: grpcFrame(message),
  headers: GRPC_HEADERS,
  protocol: "h2",
});

export const routeOverGrpc = (base: string): LoadRequest =>
  grpc(base, "Route", toBinary(RouteRequestSchema, routeRequest()));

export const completeOverGrpc = (base: string): LoadRequest =>
  grpc(base, "Complete", toBinary(CompleteRequestSchema, completeRequest()));

export const completeOnceOverGrpc = (base: string): LoadRequest =>
  grpc(base, "CompleteOnce", toBinary(CompleteOnceRequestSchema, onceRequest()));

export const onceRequest = () => create(CompleteOnceRequestSchema, { request: completeRequest() });

export const routeOverConnect = (base: string): LoadRequest => ({
  url: `${base}${SERVICE}/Route`,
  body: Buffer.from(toJsonString(RouteRequestSchema, routeRequest())),
  headers: JSON_HEADERS,
  protocol: "h1",
});

/** @param headers of a gateway that wants to be told where its upstream is */
export const chatOverHttp = (
  baseWithVersion: string,
  {
    stream,
    model,
    headers = {},
  }: { stream: boolean; model: string; headers?: Readonly<Record<string, string>> },
): LoadRequest => ({
  url: `${baseWithVersion}/chat/completions`,
  body: Buffer.from(
    JSON.stringify({
      model,
      messages: [{ role: "user", content: promptOf(PROMPT_BYTES) }],
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
  ),
  headers: { ...JSON_HEADERS, authorization: "Bearer bench-key", ...headers },
  protocol: "h1",
});
