/** Clients that share no code with the service, each asked in JSON and answering in JSON. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { CompleteRequestSchema, CompleteResponseSchema } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PYTHON = join(ROOT, "node_modules/.cache/modeltier-python/bin/python");
export const hasPython = existsSync(PYTHON);

/** Streams one Complete: a CompleteRequest's JSON in, every CompleteResponse's JSON out. */
export type StreamClient = (request: JsonObject) => Promise<readonly JsonObject[]>;

export const connectClient =
  (transport: () => Transport): StreamClient =>
  async (request) => {
    const events = createClient(RouterService, transport()).complete(
      fromJson(CompleteRequestSchema, request),
    );
    return Array.fromAsync(events, (event) => toJson(CompleteResponseSchema, event) as JsonObject);
  };

type RouterStub = InstanceType<ServiceClientConstructor>;

/** A stub of grpc-js made from the protos at run time. */
export function grpcJsStub(address: string): RouterStub {
  const definition = loadSync("modeltier/v1/router_service.proto", {
    includeDirs: [join(ROOT, "proto")],
    enums: String,
    longs: String,
    oneofs: true,
  });
  const { modeltier } = loadPackageDefinition(definition) as unknown as {
    modeltier: { v1: { RouterService: ServiceClientConstructor } };
  };
  return new modeltier.v1.RouterService(address, credentials.createInsecure());
}

export const grpcJsClient =
  (address: () => string): StreamClient =>
  async (request) => {
    const stub = grpcJsStub(address());
    const complete = stub.Complete as (request: object) => AsyncIterable<Record<string, JsonValue>>;
    const events = await Array.fromAsync(complete.call(stub, request));
    stub.close();
    return events.map((event) => ({ [String(event.event)]: event[String(event.event)] as JsonValue }));
  };

export const bufCurlClient =
  (address: () => string): StreamClient =>
  async (request) => {
    const url = `http://${address()}/modeltier.v1.RouterService/Complete`;
    const args = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", "@-", url];
    const output = await run(join(ROOT, "node_modules/.bin/buf"), args, JSON.stringify(request));
    return output
      .trim()
      .split(/\n(?=\{)/)
      .map((event) => JSON.parse(event));
  };

export const pythonClient =
  (address: () => string): StreamClient =>
  async (request) =>
    JSON.parse(await runPython("stream.py", [address()], JSON.stringify(request)));

/** Runs one of the scripts in test/interop/python, with the protos as its first argument. */
export const runPython = (script: string, args: readonly string[], input = ""): Promise<string> =>
  run(PYTHON, [join(ROOT, "test/interop/python", script), join(ROOT, "proto"), ...args], input);

async function run(command: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stdout === "") throw new Error(stderr);
  return stdout;
}
