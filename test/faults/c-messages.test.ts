/** C: what a caller can put into a call: bombs, odd encodings, absurd deadlines, more or fewer messages than there should be. */
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  CompleteOnceRequestSchema,
  CompleteRequestSchema,
  CompleteResponseSchema,
  Role,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { type RunningService, startService } from "../support/service.ts";

const ROUTE = "/modeltier.v1.RouterService/Route";
const COMPLETE = "/modeltier.v1.RouterService/Complete";
const MEBIBYTE = 1024 ** 2;
/** Of `RouteRequest.step`: field 3, with a length. */
const STEP_TAG = 0x1a;

let service: RunningService;
let session: ClientHttp2Session | undefined;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());
afterEach(() => session?.destroy());

const question = create(CompleteRequestSchema, {
  routing: { case: "route", value: { agentId: "messages" } },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello" } }] }],
});
const routeBytes = toBinary(RouteRequestSchema, create(RouteRequestSchema, { agentId: "messages" }));
const questionBytes = toBinary(CompleteRequestSchema, question);

const onceJson = toJsonString(
  CompleteOnceRequestSchema,
  create(CompleteOnceRequestSchema, { request: question }),
);

const grpcMessage = (bytes: Uint8Array, flag = 0): Buffer => {
  const head = Buffer.from([flag, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

type Answer = Readonly<{ status: string; message: string; body: Buffer; httpStatus: number }>;

/** One gRPC call with these bytes for a body. */
function callGrpc(
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  session ??= connect(`http://${service.grpcAddress}`);
  if (session.destroyed) session = connect(`http://${service.grpcAddress}`);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = "";
    let message = "";
    let httpStatus = 0;
    const note = (fields: Readonly<Record<string, unknown>>) => {
      status ||= String(fields["grpc-status"] ?? "");
      message ||= String(fields["grpc-message"] ?? "");
      httpStatus ||= Number(fields[":status"] ?? 0);
    };
    stream.on("response", note).on("trailers", note);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ status, message, body: Buffer.concat(chunks), httpStatus }));
    stream.end(body);
  });
}

const callHttp = (
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<Response> =>
  fetch(`${service.httpUrl}${path}`, { method: "POST", body: body as Uint8Array<ArrayBuffer>, headers });

async function expectAlive(): Promise<void> {
  expect((await callGrpc(ROUTE, grpcMessage(routeBytes))).status).toBe("0");
}

const residentBytes = (): number => {
  const [, pages] = readFileSync(`/proc/${service.pid}/statm`, "latin1").split(" ");
  return Number(pages) * 4_096;
};

describe("C03 what is not served", () => {
  it.each([
    ["a content type of nobody", ROUTE, { "content-type": "text/plain" }, 415],
    ["a codec of nobody", ROUTE, { "content-type": "application/xml" }, 415],
  ])("%s over HTTP is refused", async (_, path, headers, status) => {
    expect((await callHttp(path, "{}", headers)).status).toBe(status);
    await expectAlive();
  });

  it("a method that only reads is not allowed for an RPC with effects", async () => {
    const response = await fetch(`${service.httpUrl}${COMPLETE}?message=%7B%7D&encoding=json`);
    expect(response.status).toBe(405);
  });

  it("a service and a method of nobody: UNIMPLEMENTED over gRPC, 404 over HTTP", async () => {
    expect((await callGrpc("/modeltier.v1.NoService/Route", grpcMessage(routeBytes))).status).toBe("12");
    expect((await callGrpc("/modeltier.v1.RouterService/NoMethod", grpcMessage(routeBytes))).status).toBe(
      "12",
    );
    const response = await callHttp("/modeltier.v1.RouterService/NoMethod", "{}", {
      "content-type": "application/json",
    });
    expect(response.status).toBe(404);
  });

  it("a content type of nobody over gRPC", async () => {
    const answer = await callGrpc(ROUTE, grpcMessage(routeBytes), { "content-type": "text/plain" });
    expect(answer.httpStatus).toBe(415);
    await expectAlive();
  });
});

describe("C04 bytes that are no message", () => {
  const field = (tag: number, bytes: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest < 128) break;
    }
    return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
  };

  /** A step whose `params` is a Struct with a Struct for its one value, and so on. */
  function nested(depth: number): Buffer {
    let struct: Buffer = Buffer.alloc(0);
    for (let level = 0; level < depth; level += 1) {
      const value = field(0x2a, struct);
      struct = field(0x0a, Buffer.concat([Buffer.from([0x0a, 1, 0x61]), field(0x12, value)]));
    }
    return field(STEP_TAG, field(0x2a, struct));
  }

  it("nested 10,000 deep are INVALID_ARGUMENT, and the process lives", async () => {
    expect((await callGrpc(ROUTE, grpcMessage(nested(10_000)))).status).toBe("3");
    await expectAlive();
  });

  it.each([
    ["an unknown wire type", Buffer.from([0x0f])],
    ["a length beyond the end", Buffer.from([0x0a, 0x7f, 0x61])],
    ["a varint without end", Buffer.alloc(20, 0xff)],
    ["an end of a group that never began", Buffer.from([0x0c])],
  ])("%s: INVALID_ARGUMENT over gRPC and over Connect", async (_, bytes) => {
    expect((await callGrpc(ROUTE, grpcMessage(bytes))).status).toBe("3");
    const response = await callHttp(ROUTE, bytes, { "content-type": "application/proto" });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { code: string }).code).toBe("invalid_argument");
  });

  it("JSON nested 100,000 deep is refused over Connect, and the process lives", async () => {
    const depth = 100_000;
    const json = `{"step":{"params":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}}`;
    const response = await callHttp(ROUTE, json, { "content-type": "application/json" });
    expect(response.status).toBe(400);
    await expectAlive();
  });
});

describe("C05 a bomb", () => {
  const BOMB = Buffer.alloc(300 * MEBIBYTE);
  const MOST_GROWTH = 128 * MEBIBYTE;

  it.each([
    ["gzip", gzipSync(BOMB)],
    ["br", brotliCompressSync(BOMB)],
  ])("of %s over Connect is refused at 4 MiB, and never unpacked", async (encoding, bytes) => {
    const before = residentBytes();
    for (const path of [ROUTE, COMPLETE]) {
      const response = await callHttp(path, bytes, {
        "content-type": path === ROUTE ? "application/proto" : "application/connect+proto",
        [path === ROUTE ? "content-encoding" : "connect-content-encoding"]: encoding,
      }).catch(() => undefined); // it may hang up while the bomb is still on its way
      if (response !== undefined) expect(await response.text()).not.toContain('"decision"');
    }
    expect(residentBytes() - before).toBeLessThan(MOST_GROWTH);
    await expectAlive();
  });

  it("of gzip over native gRPC is refused, and never unpacked", async () => {
    const before = residentBytes();
    const answer = await callGrpc(ROUTE, grpcMessage(gzipSync(BOMB), 1), { "grpc-encoding": "gzip" });
    expect(answer.status).toBe("8");
    expect(residentBytes() - before).toBeLessThan(MOST_GROWTH);
    await expectAlive();
  });
});

describe("C06 too much", () => {
  it.each([
    ["60 KiB of metadata", { "x-large": "x".repeat(60 * 1024) }],
    ["40 KiB of binary metadata behind a comma", { "x-large-bin": `AAAA,${"A".repeat(40 * 1024)}` }],
    [
      "200 pairs of metadata",
      Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-pair-${index}`, "x".repeat(100)])),
    ],
  ])("%s: RESOURCE_EXHAUSTED with the limit, or the connection's end", async (_, headers) => {
    const answer = await callGrpc(ROUTE, grpcMessage(routeBytes), headers).catch(() => undefined);
    if (answer !== undefined && answer.status !== "") {
      expect(answer.status).toBe("8");
      expect(answer.message).toContain("16384");
    }
    await expectAlive();
  });

  it("a message of 4 MiB and one byte: RESOURCE_EXHAUSTED, and the limit is named", async () => {
    const answer = await callGrpc(ROUTE, grpcMessage(Buffer.alloc(4 * MEBIBYTE + 1)));
    expect(answer.status).toBe("8");
    expect(answer.message).toContain(String(4 * MEBIBYTE));
    await expectAlive();
  });
});

describe("C08 an absurd deadline", () => {
  it.each(["99999999H", "99999999M", "99999999S", "2147484S", "100000000S", "5000000000m"])(
    "of %s over gRPC lets the answer come whole",
    async (timeout) => {
      const answer = await callGrpc(COMPLETE, grpcMessage(questionBytes), { "grpc-timeout": timeout });
      expect(answer.status).toBe("0");
    },
  );

  it("over Connect the same", async () => {
    const response = await callHttp("/modeltier.v1.RouterService/CompleteOnce", onceJson, {
      "content-type": "application/json",
      "connect-timeout-ms": "9999999999",
    });
    expect(response.status).toBe(200);
  });

  it("over gRPC-Web the same", async () => {
    const response = await callHttp(COMPLETE, grpcMessage(questionBytes), {
      "content-type": "application/grpc-web+proto",
      "grpc-timeout": "99999999H",
    });
    expect(await response.text()).toMatch(/grpc-status: ?0/);
  });

  it("that is no deadline is refused by its name", async () => {
    for (const timeout of ["soon", "1", "1D"]) {
      const answer = await callGrpc(ROUTE, grpcMessage(routeBytes), { "grpc-timeout": timeout });
      expect(answer.status).not.toBe("0");
      expect(answer.message).toContain("grpc-timeout");
    }
  });
});

it("C24 the events of a stream are not compressed, whatever the client could read", async () => {
  const { status, body } = await callGrpc(COMPLETE, grpcMessage(questionBytes), {
    "grpc-accept-encoding": "identity,deflate,gzip",
  });
  expect(status).toBe("0");
  const events = [];
  for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1)) {
    expect(body[at]).toBe(0);
    events.push(
      fromBinary(CompleteResponseSchema, body.subarray(at + 5, at + 5 + body.readUInt32BE(at + 1))),
    );
  }
  expect(events.at(-1)?.event.case).toBe("completed");
});

describe("C26 a unary call with", () => {
  it.each([
    ["no message", Buffer.alloc(0)],
    ["two messages", Buffer.concat([grpcMessage(routeBytes), grpcMessage(routeBytes)])],
  ])("%s is refused", async (_, body) => {
    const answer = await callGrpc(ROUTE, body);
    expect(["3", "12", "13"]).toContain(answer.status);
    await expectAlive();
  });
});
