/** The service as several workers: clients that make a connection per call, and who answered, as the log says. */
import { once } from "node:events";
import { request } from "node:http";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import {
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";
import { expect, vi } from "vitest";
import { type CompleteResponse, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { RunningService } from "./service.ts";

/** Each uses a connection of its own, which the primary gives to the next worker. */
export const overGrpc = ({ grpcAddress }: RunningService) =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
export const overHttp = ({ httpUrl }: RunningService) => createClient(RouterService, onceOverHttp(httpUrl));
export const providersOver = ({ httpUrl }: RunningService) =>
  createClient(ProviderService, onceOverHttp(httpUrl));

const onceOverHttp = (baseUrl: string) =>
  createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent: false } });

export const ask = (text: string) => ({
  routing: { case: "route" as const, value: { agentId: "a" } },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] }],
});

type Line = Readonly<{ msg: string; worker?: number; pid?: number; signal?: string; code?: number }>;

/** What was logged under a message, in order. */
export const logged = (service: RunningService, message: string): readonly Line[] =>
  service
    .output()
    .stderr.split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ msg }) => msg === message);

/** Of the workers that live. */
export const workerPids = (service: RunningService): readonly number[] =>
  logged(service, "a worker listens")
    .flatMap(({ pid }) => pid ?? [])
    .filter(isAlive);

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until so many workers have listened since the start. */
export const untilListened = (service: RunningService, count: number): Promise<void> =>
  vi.waitFor(() => expect(logged(service, "a worker listens")).toHaveLength(count), { timeout: 20_000 });

/** Follows the health of one worker over a connection of its own, until it does not serve. @returns what was heard so far */
export async function watchHealth({ grpcAddress }: RunningService): Promise<readonly string[]> {
  const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  const client = new grpc.health.v1.Health(grpcAddress, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const statuses: string[] = [];
  const watch = (client.Watch as (request: object) => ClientReadableStream<{ status: string }>).call(client, {
    service: "",
  });
  watch.on("data", ({ status }) => {
    statuses.push(status);
    if (status === "NOT_SERVING") watch.cancel(); // an open stream would hold the drain until the grace is over
  });
  watch.on("error", () => client.close());
  await once(watch, "data");
  return statuses;
}

/** A call that has begun to answer. @returns the kind of its last event */
export async function begin(service: RunningService, text: string): Promise<{ last: Promise<string> }> {
  const events = overGrpc(service).complete(ask(text))[Symbol.asyncIterator]();
  for (let kind: string | undefined = ""; kind !== "textDelta"; ) {
    const taken: IteratorResult<CompleteResponse> = await events.next();
    kind = taken.done ? undefined : taken.value.event.case;
    if (kind === undefined) throw new Error("the call ended before its first text");
  }
  const rest = async () => {
    let last = "textDelta";
    for (let taken = await events.next(); !taken.done; taken = await events.next())
      last = taken.value.event.case ?? "";
    return last;
  };
  return { last: rest() };
}

export async function readMetrics({ httpUrl }: RunningService): Promise<string> {
  const sent = request(`${httpUrl}/metrics`, { agent: false }).end();
  const [response] = await once(sent, "response");
  return (await Array.fromAsync(response.setEncoding("utf8"))).join("");
}
