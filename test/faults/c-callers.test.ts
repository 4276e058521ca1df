/** C: callers that leave, wait, or read nothing. What they began at a provider ends with them, and is accounted for. */
import { randomUUID } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { create, fromJson, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompleteRequestSchema } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { grpcJsStub, hasPython, runPython } from "../support/clients.ts";
import { grpcHeaders, grpcMessage, RawHttp2 } from "../support/raw-http2.ts";
import { HEAP_PROBE, heldBytesOf } from "./rig/held.ts";
import { holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { readExecutions } from "./rig/rows.ts";
import { isThorough } from "./rig/thorough.ts";

const COMPLETE = "/modeltier.v1.RouterService/Complete";
const SOON_MS = 30_000;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

const questionJson = (agentId: string, model: string) => ({
  route: { agentId, constraints: { model } },
  messages: [{ role: "ROLE_USER", parts: [{ text: "[tokens=200] [reasoning=0]" }] }],
});
type Question = ReturnType<typeof questionJson>;

/** Asks, and leaves at the first event of this kind. */
type Leaver = (question: Question, at: "attempt_started" | "text_delta") => Promise<unknown>;

const camel = { attempt_started: "attemptStarted", text_delta: "textDelta" } as const;

const overConnect =
  (transport: () => Transport): Leaver =>
  async (question, at) => {
    const leaving = new AbortController();
    const events = createClient(RouterService, transport()).complete(
      fromJson(CompleteRequestSchema, question),
      {
        signal: leaving.signal,
      },
    );
    for await (const { event } of events) if (event.case === camel[at]) leaving.abort();
  };

const LEAVERS: readonly (readonly [string, Leaver])[] = [
  [
    "Connect over HTTP/1.1",
    overConnect(() => createConnectTransport({ baseUrl: rig.service.httpUrl, httpVersion: "1.1" })),
  ],
  [
    "gRPC-Web over HTTP/1.1",
    overConnect(() => createGrpcWebTransport({ baseUrl: rig.service.httpUrl, httpVersion: "1.1" })),
  ],
  [
    "connect-node's gRPC",
    overConnect(() => createGrpcTransport({ baseUrl: `http://${rig.service.grpcAddress}` })),
  ],
  [
    "grpc-js",
    async (question, at) => {
      const stub = grpcJsStub(rig.service.grpcAddress);
      const complete = stub.Complete as (
        request: object,
      ) => AsyncIterable<Record<string, unknown>> & { cancel(): void };
      const events = complete.call(stub, question);
      for await (const event of events) if (event.event === camel[at]) events.cancel();
    },
  ],
  ...(hasPython
    ? [
        [
          "gRPC's C core",
          async (question: Question, at: string) => {
            const said = JSON.parse(
              await runPython("cancel.py", [rig.service.grpcAddress, at], JSON.stringify(question)),
            );
            expect(said.code).toBe("CANCELLED");
          },
        ] as const,
      ]
    : []),
];

/** Whoever was asked was let go by us, nobody else was asked, and one row says that the caller cancelled. */
async function expectLetGo(agentId: string, sequence: number): Promise<void> {
  const isWritten = async () => (await readExecutions(rig.database, agentId)).length > 0;
  expect(await holdsWithin(SOON_MS, isWritten)).toBe(true);
  const rows = await readExecutions(rig.database, agentId);
  expect(rows.map(({ status, attempts }) => [status, attempts.length])).toEqual([["cancelled", 1]]);
  const entries = () => rig.sandbox.ledger.entries(sequence);
  expect(await holdsWithin(SOON_MS, () => entries().every(({ end }) => end === "aborted_by_client"))).toBe(
    true,
  );
  expect(entries().length).toBeLessThanOrEqual(1); // a caller may be quicker than the way to the provider
}

const lastSequence = (): number => rig.sandbox.ledger.entries().at(-1)?.sequence ?? 0;

describe.each(LEAVERS)("a caller over %s", (_, leave) => {
  it("C10 that cancels before the first token: the provider is let go, and nobody else is asked", async () => {
    const agentId = randomUUID();
    const sequence = lastSequence();
    await leave(questionJson(agentId, rig.primary("slow-first-token=60000")), "attempt_started").catch(
      () => {},
    );
    await expectLetGo(agentId, sequence);
  });

  it("C11 that cancels in the middle of the answer: what was delivered is paid for", async () => {
    const agentId = randomUUID();
    const sequence = lastSequence();
    await leave(questionJson(agentId, rig.primary("stall=20")), "text_delta").catch(() => {});
    await expectLetGo(agentId, sequence);
    const [row] = await readExecutions(rig.database, agentId);
    expect(row?.usageSource).toBe("PARTIAL");
    expect(row?.tokens.output).toBeGreaterThan(0);
  });
});

describe("C14 a caller that vanishes", () => {
  const json = (agentId: string, model: string) => {
    const request = fromJson(CompleteRequestSchema, questionJson(agentId, model));
    return toJsonString(CompleteRequestSchema, request);
  };

  /** A Connect stream or a chat completion, as bytes on a socket that ends without a word. */
  async function askOn(socket: Socket, path: string, type: string, body: Buffer): Promise<void> {
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    await new Promise((resolve) => socket.once("data", resolve));
  }

  const socketToHttp = (): Socket => {
    const { hostname, port } = new URL(rig.service.httpUrl);
    return connect(Number(port), hostname).on("error", () => {});
  };

  const enveloped = (text: string): Buffer => {
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(Buffer.byteLength(text), 1);
    return Buffer.concat([head, Buffer.from(text)]);
  };

  it.each([
    ["closes its socket", (socket: Socket) => socket.destroy()],
    ["resets its connection", (socket: Socket) => socket.resetAndDestroy()],
  ])("in a Connect stream and %s: the provider is let go", async (_, vanish) => {
    const agentId = randomUUID();
    const sequence = lastSequence();
    const socket = socketToHttp();
    const body = enveloped(json(agentId, rig.primary("stall=20")));
    await askOn(socket, COMPLETE, "application/connect+json", body);
    vanish(socket);
    await expectLetGo(agentId, sequence);
  });

  it("in a native gRPC call, with its whole connection: the same", async () => {
    const agentId = randomUUID();
    const sequence = lastSequence();
    const session = connectHttp2(`http://${rig.service.grpcAddress}`).on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": COMPLETE,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    const request = fromJson(CompleteRequestSchema, questionJson(agentId, rig.primary("stall=20")));
    const message = toBinary(CompleteRequestSchema, request);
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    await new Promise((resolve) => stream.once("data", resolve));
    session.socket.resetAndDestroy();
    await expectLetGo(agentId, sequence);
  });
});

it("C27 the decision comes at once, and its headers with it, while the provider is still silent", async () => {
  const agentId = randomUUID();
  const sequence = lastSequence();
  const leaving = new AbortController();
  const router = createClient(
    RouterService,
    createGrpcTransport({ baseUrl: `http://${rig.service.grpcAddress}` }),
  );
  const request = fromJson(CompleteRequestSchema, questionJson(agentId, rig.primary("slow-headers=60000")));
  const order: string[] = [];
  const events = router.complete(request, {
    signal: leaving.signal,
    onHeader: () => void order.push("headers"),
  });
  await (async () => {
    for await (const { event } of events) {
      order.push(String(event.case));
      if (event.case === "attemptStarted") leaving.abort();
    }
  })().catch(() => {});
  expect(order).toEqual(["headers", "decision", "attemptStarted"]);
  await expectLetGo(agentId, sequence);
});

describe("callers that read nothing", () => {
  const CONNECTIONS = isThorough ? 10 : 3;
  const STREAMS = isThorough ? 100 : 10;
  /** Until all have begun and are held back; a thousand take a minute of two cores. */
  const PATIENCE_MS = isThorough ? 240_000 : SOON_MS;
  const MOST_BYTES_EACH = 256 * 1024;
  /** What a service keeps of code and pools once it has been called. */
  const FIRST_CALLS_BYTES = 16 * 1024 * 1024;
  const INITIAL_WINDOW_SIZE = 4;

  /** They begin all at once, for which the loop needs its time, and their connections answer no ping. */
  const PATIENT = {
    ...Object.fromEntries(
      ["HEADERS_TIMEOUT", "FIRST_TOKEN_TIMEOUT", "BYTE_SILENCE", "CONTENT_SILENCE", "KEEPALIVE"].map(
        (name) => [`MODELTIER_${name}_MS`, "240000"],
      ),
    ),
    MODELTIER_MAX_LAG_MS: "10000",
  };

  let quick: Rig;
  beforeAll(async () => {
    quick = await startRig({
      sandbox: { tokensPerSecond: 1_000_000 },
      env: { ...HEAP_PROBE, ...PATIENT, MODELTIER_MAX_LAG_MS: "10000" },
    });
  });
  afterAll(() => quick?.stop());

  const heldBytes = () => heldBytesOf(quick.service);

  it("C15 C17 cost at most 256 KiB each, their providers are paused, and all is let go when they leave", {
    timeout: isThorough ? 600_000 : 60_000,
  }, async () => {
    const agentId = randomUUID();
    const question = fromJson(CompleteRequestSchema, {
      ...questionJson(agentId, quick.primary()),
      messages: [{ role: "ROLE_USER", parts: [{ text: "[tokens=40000] [reasoning=0]" }] }],
      sampling: { maxOutputTokens: 50_000 },
    });
    const message = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, question));
    const before = await heldBytes();
    const callers = await Promise.all(
      Array.from({ length: CONNECTIONS }, () =>
        RawHttp2.open(quick.service.grpcAddress, { [INITIAL_WINDOW_SIZE]: 0 }),
      ),
    );
    for (const caller of callers) {
      for (let stream = 0; stream < STREAMS; stream += 1) {
        const id = stream * 2 + 1;
        caller.send(grpcHeaders(id, COMPLETE), grpcMessage(id, message));
      }
    }
    const entries = () => quick.sandbox.ledger.entries();
    const count = CONNECTIONS * STREAMS;
    expect(await holdsWithin(PATIENCE_MS, () => entries().length === count)).toBe(true);
    await untilStill(() => entries().reduce((sum, { tokensSent }) => sum + tokensSent, 0));
    expect(entries().filter(({ end }) => end !== "open")).toEqual([]);
    expect((await heldBytes()) - before).toBeLessThan(FIRST_CALLS_BYTES + count * MOST_BYTES_EACH);
    for (const caller of callers) caller.close();
    const isLetGo = () => entries().every(({ end }) => end === "aborted_by_client");
    expect(await holdsWithin(PATIENCE_MS, isLetGo)).toBe(true);
  });

  /** Until the number stays the same for a second. */
  async function untilStill(read: () => number): Promise<void> {
    for (let last = -1, now = read(); now !== last; now = read()) {
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
});
