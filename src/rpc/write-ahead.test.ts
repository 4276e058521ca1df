import { type ClientHttp2Session, connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, expect, it } from "vitest";
import {
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { USUAL_CONNECTIONS } from "../settings/connections.ts";
import { BatchedStream } from "./batched.ts";
import { type GrpcListener, listenGrpc } from "./grpc.ts";
import type { AnyMethod } from "./service-entry.ts";

const opened: { session?: ClientHttp2Session; listener?: GrpcListener } = {};

afterEach(() => {
  opened.session?.destroy();
  opened.listener?.close();
});

const delta = (text: string): CompleteResponse =>
  create(CompleteResponseSchema, { event: { case: "textDelta", value: { text } } });

/** A `Complete` that streams these batches, and counts the batches that were taken. */
async function serve(batches: () => AsyncIterable<readonly string[]>) {
  const taken = { batches: 0 };
  async function* counted() {
    for await (const batch of batches()) {
      taken.batches += 1;
      yield batch;
    }
  }
  const unary: AnyMethod = () => create(CompleteResponseSchema);
  const complete: AnyMethod = () => new BatchedStream(counted(), delta);
  opened.listener = await listenGrpc({
    access: { admit: () => undefined },
    host: "127.0.0.1",
    port: 0,
    services: [{ service: RouterService, implementation: { route: unary, complete, completeOnce: unary } }],
    connections: USUAL_CONNECTIONS,
    shutdownSignal: new AbortController().signal,
  });
  return { port: opened.listener.port, taken };
}

function call(port: number) {
  const session = connect(`http://127.0.0.1:${port}`);
  opened.session = session;
  const request = session.request({
    ":method": "POST",
    ":path": "/modeltier.v1.RouterService/Complete",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const message = toBinary(CompleteRequestSchema, create(CompleteRequestSchema));
  request.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  return request;
}

it("sends what came together in a few writes, whole and in order", async () => {
  const tokens = Array.from({ length: 100 }, (_, index) => `token ${index} `);
  const { port } = await serve(async function* () {
    yield tokens;
  });
  const frames: Buffer[] = [];
  let status: unknown;
  const request = call(port);
  request.on("trailers", (trailers) => {
    status = trailers["grpc-status"];
  });
  for await (const frame of request) frames.push(frame as Buffer);

  const expected = tokens.flatMap((token) => {
    const message = toBinary(CompleteResponseSchema, delta(token));
    return [Buffer.from([0, 0, 0, 0, message.length]), message];
  });
  expect(Buffer.concat(frames)).toEqual(Buffer.concat(expected));
  expect(status).toBe("0");
  expect(frames.length).toBeLessThanOrEqual(3);
});

it("takes no more of a stream than a slow reader has room for, and all of it once he reads", async () => {
  const BATCHES = 400;
  const { port, taken } = await serve(async function* () {
    for (let batch = 0; batch < BATCHES; batch += 1) yield ["x".repeat(8 * 1024)];
  });
  const request = call(port);
  request.pause();
  await new Promise((resolve) => request.once("response", resolve));
  let before = -1;
  while (before !== taken.batches) {
    before = taken.batches;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // HTTP/2's own window is 64 KiB on each side of the wire; beyond it and ours nothing may pile up.
  expect(taken.batches * 8).toBeLessThanOrEqual(256);

  for await (const _ of request) {
    // read it all
  }
  expect(taken.batches).toBe(BATCHES);
});
