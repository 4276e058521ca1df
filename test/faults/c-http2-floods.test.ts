/** C: clients that do not keep to HTTP/2, or use it against the server. Whatever they send, another caller is served meanwhile. */
import { readFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import {
  ERROR_CODE,
  FLAG,
  FRAME,
  frame,
  grpcHeaders,
  grpcMessage,
  headerBlock,
  RawHttp2,
  settings,
  uint32,
} from "../support/raw-http2.ts";
import { type RunningService, startService } from "../support/service.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const COMPLETE = "/modeltier.v1.RouterService/Complete";
const FLOOD = 20_000;
/** Of 20,000 calls that were reset with their request: those whose reset came in a later packet. */
const MOST_ASKED = 100;
const SETTLED_MS = 30_000;

const question = toBinary(
  CompleteRequestSchema,
  create(CompleteRequestSchema, {
    routing: { case: "route", value: { agentId: "flood" } },
    messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Hello" } }] }],
  }),
);

let service: RunningService;
let router: Client<typeof RouterService>;
let idleConnections: number;
beforeAll(async () => {
  service = await startService();
  router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }));
  await askOnce();
  idleConnections = openConnections();
  expect(idleConnections).toBe(1);
});
afterAll(() => service.stop());

async function askOnce(): Promise<void> {
  const { decision } = await router.route({ agentId: "bystander" });
  expect(decision?.provider).toBe("kimi");
}

/** Another caller asks again and again while the attack lasts, and is answered each time. Afterwards nothing is left of it. */
async function attack(run: () => Promise<void>): Promise<void> {
  let isOver = false;
  const asking = (async () => {
    do await askOnce();
    while (!isOver);
  })();
  try {
    await run();
  } finally {
    isOver = true;
    await asking;
  }
  expect(await holdsWithin(SETTLED_MS, () => openConnections() <= idleConnections)).toBe(true);
}

/** Connections of callers that the service has open: in state ESTABLISHED or CLOSE_WAIT at its port. */
function openConnections(): number {
  const port = Number(service.grpcAddress.split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "latin1").split("\n");
  return rows.filter((row) => new RegExp(`^\\s*\\d+: \\S+:${port} \\S+ 0[18] `).test(row)).length;
}

const ledgerLength = async (): Promise<number> =>
  ((await (await fetch(`${service.sandboxUrl}/ledger`)).json()) as { entries: unknown[] }).entries.length;

it("C18 rapid reset: the connection is ended, and hardly a provider is asked", async () => {
  const before = await ledgerLength();
  await attack(async () => {
    const raw = await RawHttp2.open(service.grpcAddress);
    for (let call = 0; call < FLOOD && !raw.isClosed; call += 100) {
      const calls = Array.from({ length: 100 }, (_, index) => (call + index) * 2 + 1);
      await raw
        .flush(
          ...calls.flatMap((id) => [
            grpcHeaders(id, COMPLETE),
            grpcMessage(id, question),
            frame(FRAME.rstStream, 0, id, uint32(ERROR_CODE.cancel)),
          ]),
        )
        .catch(() => {}); // hung up on, as it should be
    }
    await raw.closed();
  });
  expect((await ledgerLength()) - before).toBeLessThanOrEqual(MOST_ASKED);
});

describe("C20 a flood of", () => {
  it.each([
    ["PING", () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ["SETTINGS", () => settings({ 4: 65_535 })],
    ["PRIORITY", (index: number) => frame(FRAME.priority, 0, (index % 1_000) * 2 + 1, Buffer.alloc(5))],
    ["WINDOW_UPDATE of nothing", () => frame(FRAME.windowUpdate, 0, 0, uint32(0))],
  ])("%s frames: another caller is served, and nothing of it stays", async (_, frameOf) => {
    await attack(async () => {
      const raw = await RawHttp2.open(service.grpcAddress);
      for (let sent = 0; sent < FLOOD && !raw.isClosed; sent += 1_000) {
        await raw
          .flush(...Array.from({ length: 1_000 }, (_, index) => frameOf(sent + index)))
          .catch(() => {});
      }
      raw.close();
    });
  });

  it("empty DATA frames on an open call: the same", async () => {
    await attack(async () => {
      const raw = await RawHttp2.open(service.grpcAddress);
      raw.send(grpcHeaders(1, COMPLETE));
      for (let sent = 0; sent < FLOOD && !raw.isClosed; sent += 1_000) {
        await raw.flush(...Array.from({ length: 1_000 }, () => frame(FRAME.data, 0, 1))).catch(() => {});
      }
      raw.close();
    });
  });

  it("CONTINUATION frames without end: the connection is ended before the header block fills the memory", async () => {
    await attack(async () => {
      const raw = await RawHttp2.open(service.grpcAddress);
      raw.send(frame(FRAME.headers, 0, 1, headerBlock({ ":method": "POST" })));
      const more = frame(FRAME.continuation, 0, 1, headerBlock({ x: "y".repeat(100) }));
      for (let sent = 0; sent < FLOOD && !raw.isClosed; sent += 100) {
        await raw.flush(...Array.from({ length: 100 }, () => more)).catch(() => {});
      }
      await raw.closed();
    });
  });
});

it("C21 a window that overflows ends its connection, and no session of many stays", async () => {
  await attack(async () => {
    const connections = isThorough ? 10_000 : 500;
    for (let opened = 0; opened < connections; opened += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const raw = await RawHttp2.open(service.grpcAddress);
          raw.send(frame(FRAME.windowUpdate, 0, 0, uint32(0x7fffffff)));
          await raw.closed();
          expect(raw.goaway).toBe(ERROR_CODE.flowControl);
        }),
      );
    }
  });
});

it("C23 a connection that opens 5,000 streams at once, and not the 100 it was allowed, is ended", async () => {
  const before = await ledgerLength();
  await attack(async () => {
    const raw = await RawHttp2.open(service.grpcAddress);
    const ids = Array.from({ length: 5_000 }, (_, index) => index * 2 + 1);
    raw.send(...ids.flatMap((id) => [grpcHeaders(id, COMPLETE), grpcMessage(id, question)]));
    await raw.closed();
  });
  expect((await ledgerLength()) - before).toBeLessThanOrEqual(100);
});

it.each([
  ["C04 claims three gibibytes", Buffer.concat([Buffer.from([0]), uint32(3 * 1024 ** 3), Buffer.alloc(64)])],
  ["C04 claims more than it has, and ends", Buffer.concat([Buffer.from([0]), uint32(100), Buffer.alloc(10)])],
  ["C04 ends inside its head", Buffer.from([0, 0, 0])],
])("a message that %s: the call fails, and nothing is held for it", async (_, bytes) => {
  await attack(async () => {
    const raw = await RawHttp2.open(service.grpcAddress);
    raw.send(grpcHeaders(1, COMPLETE), frame(FRAME.data, FLAG.endStream, 1, bytes));
    await raw.until(() =>
      raw.frames.some(
        ({ type, flags, streamId }) =>
          streamId === 1 &&
          (type === FRAME.rstStream || (type === FRAME.headers && (flags & FLAG.endStream) !== 0)),
      ),
    );
    raw.close();
  });
});

it.each([
  ["C01 an authority with a wrong port", { ":authority": "a:99999999" }],
  ["C01 an authority with an open bracket", { ":authority": "[::1" }],
  ["C01 an empty authority", { ":authority": "" }],
  ["C02 an absolute path", { ":path": "http://elsewhere/x" }],
  ["C02 a path of two slashes", { ":path": "//" }],
  ["C02 an asterisk for a path", { ":path": "*" }],
  ["C02 a path with a zero byte", { ":path": "/modeltier.v1.RouterService/%00" }],
  ["C02 a path that is not ASCII", { ":path": "/\u00e4\u00ff" }],
  ["C02 64 KiB of path", { ":path": `/${"a".repeat(65_000)}` }],
])("%s is answered or hung up on, and the process lives", async (_, fields) => {
  await attack(async () => {
    const raw = await RawHttp2.open(service.grpcAddress);
    const block = headerBlock({
      ":method": "POST",
      ":scheme": "http",
      ":path": "/modeltier.v1.RouterService/Route",
      ":authority": "127.0.0.1",
      "content-type": "application/grpc",
      te: "trailers",
      ...fields,
    });
    const pieces = Array.from({ length: Math.ceil(block.length / 16_000) }, (_, index) =>
      block.subarray(index * 16_000, (index + 1) * 16_000),
    );
    raw.send(
      ...pieces.map((piece, index) =>
        frame(
          index === 0 ? FRAME.headers : FRAME.continuation,
          (index === pieces.length - 1 ? FLAG.endHeaders : 0) | (index === 0 ? FLAG.endStream : 0),
          1,
          piece,
        ),
      ),
    );
    await raw
      .until(() => raw.goaway !== undefined || raw.frames.some(({ streamId }) => streamId === 1))
      .catch(() => {});
    raw.close();
  });
});
