/** O01 and O09: a service that is told to end under 200 open streams, and what a scrape of it costs. */

import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { fastify } from "fastify";
import { expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { addHttpRoutes, type HttpRoutesDeps } from "../../src/service/http-routes.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask, logged, readMetrics, watchHealth } from "../support/workers.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const STREAMS = 200;
const CLIENTS = 4;

/** Streams over several connections, each past its first event. @returns how each ends: the kind of its last event, or the code */
async function openStreams(service: RunningService): Promise<readonly Promise<string | Code>[]> {
  const routers = Array.from({ length: CLIENTS }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` })),
  );
  return Promise.all(
    Array.from({ length: STREAMS }, async (_, number) => {
      const router = routers[number % CLIENTS] as (typeof routers)[number];
      const events = router.complete(ask("Write 60 tokens"))[Symbol.asyncIterator]();
      await events.next();
      const rest = async (): Promise<string | Code> => {
        let last = "";
        try {
          for (let taken = await events.next(); !taken.done; taken = await events.next())
            last = taken.value.event.case ?? "";
          return last;
        } catch (error) {
          return ConnectError.from(error).code;
        }
      };
      return { ended: rest() };
    }),
  ).then((all) => all.map(({ ended }) => ended));
}

it("O01 SIGTERM under 200 streams: NOT_SERVING and GOAWAY at once, every stream ends well, every record is written, exit 0", async () => {
  const service = await startService({ env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20" } });
  const heard = await watchHealth(service);
  const streams = await openStreams(service);
  const idle = connectHttp2(`http://${service.grpcAddress}`);
  const goAway = once(idle, "goaway");
  await once(idle, "remoteSettings");
  let ended = 0;
  for (const stream of streams) void stream.then(() => (ended += 1));
  const exited = service.stop("SIGTERM");
  expect(await holdsWithin(10_000, async () => heard.at(-1) === "NOT_SERVING")).toBe(true);
  expect((await goAway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  expect(ended).toBeLessThan(STREAMS);
  const anew = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }));
  await expect(anew.route({ agentId: "a" })).rejects.toThrow();
  expect(new Set(await Promise.all(streams))).toEqual(new Set(["completed"]));
  expect(await exited).toBe(0);
  expect(logged(service, "an execution ended")).toHaveLength(STREAMS);
});

it.runIf(isThorough)(
  "O01 streams that outlast the grace end UNAVAILABLE, and the process with 0",
  async () => {
    const service = await startService({
      env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "5", MODELTIER_GRACE_SECONDS: "0.5" },
    });
    const streams = await openStreams(service);
    const exited = service.stop("SIGTERM");
    expect(new Set(await Promise.all(streams))).toEqual(new Set([Code.Unavailable]));
    expect(await exited).toBe(0);
    expect(logged(service, "an execution ended")).toHaveLength(STREAMS);
  },
);

/** Long before the grace of 30 s, and long enough for a machine that is busy. */
const WITHOUT_CALLS_MS = 5_000;
/** What connections may have said at the stop without a call being under way. */
const NO_CALL = [
  "",
  "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n",
  "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nGET /heal",
  'POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"',
];

it("O01 a stop waits for calls, and for no connection on which none began", async () => {
  const service = await startService();
  await checkStop(service, (address) => NO_CALL.map((said) => openAndSay(address, said)));
});

it("O01 with TLS a stop waits for no connection on which no call began, nor for a handshake", async () => {
  const [MODELTIER_TLS_CERT_FILE, MODELTIER_TLS_KEY_FILE] = ["cert", "key"].map((kind) =>
    fileURLToPath(new URL(`../fixtures/tls/good.${kind}.pem`, import.meta.url)),
  ) as [string, string];
  const service = await startService({ env: { MODELTIER_TLS_CERT_FILE, MODELTIER_TLS_KEY_FILE } });
  await checkStop(service, (address) => [
    openAndSay(address, ""),
    ...NO_CALL.map((said) => openAndSay(address, said, { rejectUnauthorized: false })),
  ]);
});

async function checkStop(
  service: RunningService,
  open: (address: string) => readonly Promise<Socket>[],
): Promise<void> {
  const addresses = [new URL(service.httpUrl).host, service.grpcAddress];
  const sockets = await Promise.all(addresses.flatMap(open));
  const fromMs = performance.now();
  expect(await service.stop("SIGTERM")).toBe(0);
  expect(performance.now() - fromMs).toBeLessThan(WITHOUT_CALLS_MS);
  for (const socket of sockets) socket.destroy();
}

/** Connects and has said it. */
async function openAndSay(address: string, said: string, tls?: ConnectionOptions): Promise<Socket> {
  const [host, port] = [address.slice(0, address.lastIndexOf(":")), Number(address.split(":").at(-1))];
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ ...tls, host, port });
  socket.on("error", () => undefined);
  await once(socket, tls === undefined ? "connect" : "secureConnect");
  await new Promise((resolve) => socket.write(said, resolve));
  return socket;
}

it("O09 a page of metrics holds at most 1,000 series whatever agents and labels callers name", async () => {
  const service = await startService();
  try {
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
    );
    const routed = async (agents: number, from: number) => {
      for (let agent = from; agent < from + agents; agent += 100) {
        await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            router.route({ agentId: `agent-${agent + index}`, sessionId: `session-${agent + index}` }),
          ),
        );
      }
    };
    const seriesOf = (page: string): readonly string[] =>
      page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const labelled = (number: number) => ({ ...ask("Say hello"), labels: { team: `team-${number}` } });
    await routed(100, 0);
    await router.completeOnce({ request: labelled(0) });
    const few = seriesOf(await readMetrics(service)).length;
    await routed(2_000, 100);
    for (let number = 1; number <= 50; number += 1) await router.completeOnce({ request: labelled(number) });
    const pages = await Promise.all(Array.from({ length: 50 }, () => readMetrics(service)));
    const many = seriesOf(pages[0] ?? "");
    expect(many.length).toBeLessThanOrEqual(1_000);
    // Beside those of the process's own collector of garbage, which come when they come.
    expect(many.length).toBeLessThan(few + 20);
    expect(many.join("\n")).not.toMatch(/agent-|session-|team-/);
  } finally {
    await service.stop();
  }
});

it("O09 fifty scrapes that come together are rendered once", async () => {
  let renderings = 0;
  const app = fastify();
  addHttpRoutes(app, new Set(["metrics"]), {
    renderMetrics: async () => {
      renderings += 1;
      await sleep(50);
      return `rendering ${renderings}`;
    },
  } as HttpRoutesDeps);
  const scrape = async () => (await app.inject({ url: "/metrics" })).body;
  const pages = await Promise.all(Array.from({ length: 50 }, scrape));
  expect(new Set(pages)).toEqual(new Set(["rendering 1"]));
  expect(await scrape()).toBe("rendering 2");
  await app.close();
});
