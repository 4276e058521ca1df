/** What a real HTTP/2 client sends, frame by frame, with the header compression of its library: the conversations that are spoilt. */
import { connect } from "node:http2";
import { Duplex } from "node:stream";
import { create, toBinary } from "@bufbuild/protobuf";
import { CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { holdsWithin } from "../faults/rig/rig.ts";
import { AS_ADMIN } from "./target.ts";

const HEAD_BYTES = 9;
export const PREFACE_BYTES = 24;

const route = toBinary(RouteRequestSchema, create(RouteRequestSchema, { agentId: "frames" }));
const complete = toBinary(
  CompleteRequestSchema,
  create(CompleteRequestSchema, {
    routing: { case: "route", value: { agentId: "frames" } },
    messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "[tokens=5] Hello" } }] }],
  }),
);

type Call = Readonly<{ path: string; message: Uint8Array; metadata?: Readonly<Record<string, string>> }>;

const ROUTE = "/modeltier.v1.RouterService/Route";
const CALLS: readonly Call[] = [
  { path: ROUTE, message: route },
  { path: ROUTE, message: route, metadata: { "grpc-timeout": "5S", "x-request-id": "1" } },
  { path: "/modeltier.v1.RouterService/Complete", message: complete },
  { path: "/grpc.health.v1.Health/Check", message: new Uint8Array() },
  { path: "/modeltier.v1.ProviderService/ListProviders", message: new Uint8Array() },
  { path: ROUTE, message: route, metadata: { "x-long-bin": Buffer.alloc(600, 7).toString("base64") } },
];

/** The preface and the frames of one client with all these calls; the same bytes every time. */
export async function recordConversation(): Promise<readonly Buffer[]> {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _, done) => {
      written.push(chunk);
      done();
    },
  });
  const session = connect("http://127.0.0.1", { createConnection: () => socket });
  session.on("error", () => {}); // nobody answers
  for (const { path, message, metadata } of CALLS) {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "fuzz",
      ...AS_ADMIN.headers,
      ...metadata,
    });
    stream.on("error", () => {});
    stream.end(lengthPrefixed(message));
  }
  const isWhole = () => framesOf(Buffer.concat(written)).filter(isLastOfCall).length === CALLS.length;
  if (!(await holdsWithin(10_000, isWhole))) throw new Error("the client did not send its calls");
  session.destroy();
  return framesOf(Buffer.concat(written));
}

function lengthPrefixed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames = [bytes.subarray(0, PREFACE_BYTES)];
  for (let start = PREFACE_BYTES; start + HEAD_BYTES <= bytes.length; ) {
    const end = start + HEAD_BYTES + bytes.readUIntBE(start, 3);
    frames.push(bytes.subarray(start, end));
    start = end;
  }
  return frames;
}

/** DATA or HEADERS with END_STREAM. */
const isLastOfCall = (frame: Buffer, index: number): boolean =>
  index > 0 && (frame[3] ?? 9) <= 1 && ((frame[4] ?? 0) & 1) === 1;
