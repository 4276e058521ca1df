import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startTcpProxy, type TcpProxy, type WireFault } from "./tcp-proxy.ts";

const BODY = "0123456789".repeat(20);
const MODEL = JSON.stringify({ model: "m", stream: true });

let server: Server;
let proxy: TcpProxy;
let served = 0;
beforeEach(async () => {
  served = 0;
  server = createServer((message, response) => {
    served += 1;
    message.resume().on("end", () => response.end(BODY));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await startTcpProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

type Answer = Readonly<{ body: string; chunks: number; failure?: string; elapsedMs: number }>;

/** One exchange on a connection of its own; given up after `patienceMs` of silence. */
function ask(patienceMs = 5_000): Promise<Answer> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let body = "";
    let chunks = 0;
    const end = (failure?: string) =>
      resolve({ body, chunks, elapsedMs: performance.now() - startedMs, ...(failure && { failure }) });
    const options = { port: proxy.port, method: "POST", agent: false, timeout: patienceMs };
    const call = request(options, (response) => {
      response.on("data", (data) => {
        body += data;
        chunks += 1;
      });
      response.on("error", ({ message }) => end(message));
      response.on("end", () => end());
    });
    call.on("timeout", () => call.destroy(new Error("silent")));
    call.on("error", ({ message }) => end(message));
    call.end(MODEL);
  });
}

const meet = (fault: WireFault): void => proxy.plan(() => fault);

it("passes what nothing is planned for", async () => {
  expect(await ask()).toMatchObject({ body: BODY });
  expect(proxy.requests).toMatchObject([{ model: "m", nth: 1, body: MODEL }]);
  expect(proxy.answer().toString()).toContain(BODY);
});

it("plans for each request, by its model and how often that was asked for", async () => {
  proxy.plan(({ model, nth }) => ({ kind: model === "m" && nth === 2 ? "reset" : "pass" }));
  expect([await ask(), await ask(), await ask()].map(({ failure }) => failure === undefined)).toEqual([
    true,
    false,
    true,
  ]);
});

it("delays an answer", async () => {
  meet({ kind: "delay", ms: 60 });
  const { body, elapsedMs } = await ask();
  expect([body, elapsedMs >= 60]).toEqual([BODY, true]);
});

it.each(["reset", "half_close", "black_hole"] as const)(
  "%s: the target never sees the request",
  async (kind) => {
    meet({ kind });
    const { failure } = await ask(50);
    expect(failure).toMatch(kind === "black_hole" ? /silent/ : /ECONNRESET|socket hang up/);
    expect(served).toBe(0);
  },
);

it.each(["reset", "end", "silence"] as const)("cuts an answer at a byte, by %s", async (by) => {
  await ask();
  const head = proxy.answer().length - BODY.length;
  meet({ kind: "cut_after", bytes: head + 25, by });
  const { body, failure } = await ask(50);
  expect([body, failure === undefined]).toEqual([BODY.slice(0, 25), false]);
});

it("knows the sockets that only their clients can end, until they do", async () => {
  meet({ kind: "black_hole" });
  const asked = ask(50);
  await expect.poll(() => proxy.stuckConnections(), { interval: 1 }).toBe(1);
  await asked;
  await expect.poll(() => proxy.stuckConnections(), { interval: 1 }).toBe(0);
});

it.each([
  ["at the given offsets", [40, 150, 300] as readonly number[], 2],
  ["at every byte", "every byte" as const, 100],
])("splits an answer %s", async (_, at, fewestChunks) => {
  meet({ kind: "split", at });
  const { body, chunks } = await ask();
  expect(body).toBe(BODY);
  expect(chunks).toBeGreaterThanOrEqual(fewestChunks);
});
