import { createConnection, type Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { costOf } from "../pricing/cost.ts";
import { DIALECTS, type Dialect } from "../providers/provider.ts";
import { COMPLETION_PATHS } from "./http-api.ts";
import { billedTokens } from "./ledger.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "./sandbox.ts";
import { bodyFor, call, HEADERS, lastEntry, MODELS, textTokens } from "./test-support.ts";

const DAY = "2026-11-23";
const SECRETS = { key: "sk-test-secret-key", prompt: "the prompt that nobody may keep" };

let sandbox: Sandbox;
const restart = async (options: SandboxOptions): Promise<void> => {
  await sandbox.close();
  sandbox = await startSandbox(options);
};
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

beforeEach(async () => {
  sandbox = await startSandbox({
    tokensPerSecond: Number.POSITIVE_INFINITY,
    wallClock: () => Date.parse(`${DAY}T10:00:00Z`),
  });
});
afterEach(() => sandbox.close());

/** A client that sends its request and then reads only when told to. */
async function unreadStream(dialect: Dialect, prompt: string): Promise<Socket> {
  const { hostname, port } = new URL(sandbox.url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  socket.pause();
  const body = JSON.stringify(bodyFor(dialect, { prompt, body: { max_tokens: 1_000_000 } }));
  const headers = Object.entries({
    ...HEADERS[dialect],
    host: "sandbox",
    "content-length": Buffer.byteLength(body),
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`POST ${COMPLETION_PATHS[dialect]} HTTP/1.1\r\n${lines}\r\n${body}`);
  await until(() => sandbox.ledger.openExchanges > 0);
  return socket;
}

describe("an exchange", () => {
  it.each(DIALECTS)(
    "ends at once when the client leaves, and bills what was generated (%s)",
    async (dialect) => {
      await restart({ tokensPerSecond: 1000 });
      const leavesWhen = (text: string) => textTokens(dialect, text).length >= 3;
      const seen = await call(sandbox, dialect, { prompt: "[tokens=5000]", leavesWhen });
      const entry = await lastEntry(sandbox);
      const received = textTokens(dialect, seen.text).length;
      expect(entry).toMatchObject({ end: "aborted_by_client", status: 200 });
      expect(entry.usage.outputTokens).toBe(entry.tokensSent);
      expect(entry.tokensSent).toBeGreaterThanOrEqual(received);
      expect(entry.tokensSent).toBeLessThan(5000);
      expect(entry.endedAtMs).toBeGreaterThan(entry.startedAtMs);
      await until(() => sandbox.openConnections() === 0);
      expect(sandbox.ledger.openExchanges).toBe(0);
    },
  );

  it("waits for a client that does not read, and goes on when it does", async () => {
    const socket = await unreadStream("openai", "[tokens=100000]");
    const sent = () => sandbox.ledger.entries()[0]?.tokensSent ?? 0;
    let before = -1;
    while (before !== sent()) {
      before = sent();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(before).toBeLessThan(100_000);
    socket.resume();
    await until(() => sent() > before);
    socket.destroy();
    await until(() => sandbox.ledger.openExchanges === 0);
  });

  it("takes the time that its tokens take", async () => {
    await restart({ tokensPerSecond: 500 });
    for (const stream of [true, false]) {
      await call(sandbox, "kimi", { prompt: "[tokens=30]", stream });
      const { startedAtMs, endedAtMs = 0 } = await lastEntry(sandbox);
      expect(endedAtMs - startedAtMs).toBeGreaterThanOrEqual(50);
    }
  });

  it("sends tokens in bursts when told to", async () => {
    await restart({ tokensPerSecond: 10, burst: 40 });
    const leavesWhen = (text: string) => textTokens("kimi", text).length > 0;
    const seen = await call(sandbox, "kimi", { prompt: "[tokens=60]", leavesWhen });
    expect(textTokens("kimi", seen.text)).toHaveLength(40);
  });

  it("is closed by the sandbox when that closes, and the port is free again", async () => {
    const answer = call(sandbox, "openai", { faults: "silence" });
    await until(() => sandbox.ledger.openExchanges > 0);
    await sandbox.close();
    expect((await answer).failure).toBeDefined();
    expect((await lastEntry(sandbox)).end).toBe("closed_by_sandbox");
    const port = Number(new URL(sandbox.url).port);
    sandbox = await startSandbox({ port });
    expect(sandbox.url).toBe(`http://127.0.0.1:${port}`);
  });

  it("refuses to start on a port that is taken", async () => {
    await expect(startSandbox({ port: Number(new URL(sandbox.url).port) })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});

const http = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${sandbox.url}${path}`, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
};

describe("the ledger over HTTP", () => {
  it("lists every attempt in order, and only those after a sequence number when asked", async () => {
    for (const faults of ["none", "500", "cut=2"]) await call(sandbox, "openai", { faults });
    const { json } = await http("GET", "/ledger");
    expect(json.entries).toMatchObject([
      { sequence: 1, provider: "openai", model: "gpt-4o-mini", end: "completed", usage_reported: "final" },
      { sequence: 2, model_asked: "gpt-4o-mini!500", status: 500, fault: "500", end: "failed" },
      { sequence: 3, fault: "cut=2", end: "cut", tokens_sent: 2, usage: { output_tokens: 2 }, stream: true },
    ]);
    expect(json.open_exchanges).toBe(0);
    const since = await http("GET", "/ledger?since=2");
    expect(since.json.entries.map((entry: { sequence: number }) => entry.sequence)).toEqual([3]);
    expect((await http("GET", "/ledger?since=x")).status).toBe(400);
  });

  it("gives the request id that the client was given", async () => {
    for (const dialect of DIALECTS) {
      const seen = await call(sandbox, dialect);
      const header = dialect === "anthropic" ? "request-id" : "x-request-id";
      expect(seen.headers[header]).toBe((await lastEntry(sandbox)).requestId);
    }
  });

  it("sums calls, tokens and cost by model, to the nano-USD of the day's prices", async () => {
    for (const dialect of DIALECTS) {
      for (const faults of ["none", "cut=3", "429"]) await call(sandbox, dialect, { faults });
      await lastEntry(sandbox);
    }
    const { json } = await http("GET", "/ledger/summary");
    expect(json.models).toHaveLength(3);
    for (const row of json.models) {
      const entries = sandbox.ledger.entries().filter(({ provider }) => provider === row.provider);
      const costs = entries.map(
        ({ provider, model, usage }) =>
          costOf(CATALOGUE.findModel(provider, model), DAY, billedTokens(usage)).costNanoUsd,
      );
      expect(row).toMatchObject({
        calls: 3,
        open: 0,
        unknown_price: 0,
        model: MODELS[row.provider as Dialect],
      });
      expect(BigInt(row.cost_nano_usd)).toBe(costs.reduce((sum, cost) => sum + cost, 0n));
      expect(BigInt(row.cost_nano_usd)).toBeGreaterThan(0n);
      expect(row.output_tokens).toBe(entries.reduce((sum, { usage }) => sum + usage.outputTokens, 0));
    }
  });

  it("says that a price is unknown, and does not call it free", async () => {
    await call(sandbox, "openai", { model: "some-model" });
    await lastEntry(sandbox);
    expect((await http("GET", "/ledger")).json.entries).toMatchObject([{ price_status: "UNKNOWN" }]);
    expect((await http("GET", "/ledger/summary")).json.models).toMatchObject([{ unknown_price: 1 }]);
  });

  it("forgets on request, and keeps counting sequences", async () => {
    await call(sandbox, "kimi");
    expect((await http("DELETE", "/ledger")).status).toBe(204);
    expect((await http("GET", "/ledger/summary")).json.models).toEqual([]);
    await call(sandbox, "kimi");
    expect((await lastEntry(sandbox)).sequence).toBe(2);
  });

  it("keeps its newest entries and all of its sums when there are many", async () => {
    await restart({ ledgerEntries: 4, tokensPerSecond: Number.POSITIVE_INFINITY });
    for (let count = 0; count < 10; count++) await call(sandbox, "openai");
    const sequences = sandbox.ledger.entries().map(({ sequence }) => sequence);
    expect(sequences.length).toBeLessThanOrEqual(5);
    expect(sequences.at(-1)).toBe(10);
    expect(sandbox.ledger.entries(9)).toHaveLength(1);
    expect(sandbox.ledger.summary()).toMatchObject([{ calls: 10 }]);
  });

  it("holds no prompt and no key", async () => {
    const headers = { authorization: `Bearer ${SECRETS.key}` };
    await call(sandbox, "openai", { prompt: SECRETS.prompt, headers });
    await lastEntry(sandbox);
    const text = JSON.stringify([await http("GET", "/ledger"), await http("GET", "/ledger/summary")]);
    expect(text).not.toContain(SECRETS.key);
    expect(text).not.toContain(SECRETS.prompt);
  });
});

describe("the control endpoint", () => {
  const model = MODELS.kimi;
  const statuses = async (
    count: number,
    dialect: Dialect = "kimi",
    options = {},
  ): Promise<readonly number[]> => {
    const seen: number[] = [];
    for (let index = 0; index < count; index++) seen.push((await call(sandbox, dialect, options)).status);
    return seen;
  };

  it("makes an ordinary model fail as often as told, and no other", async () => {
    const rule = { provider: "kimi", model, faults: [{ fault: "500", times: 2 }] };
    expect((await http("PUT", "/control/faults", rule)).status).toBe(204);
    expect(await statuses(1, "kimi", { model: "kimi-k2-thinking" })).toEqual([200]);
    expect(await statuses(1, "openai", { model })).toEqual([200]);
    expect(await statuses(3)).toEqual([500, 500, 200]);
    expect(sandbox.ledger.entries().map(({ fault }) => fault)).toEqual(["", "", "500", "500", ""]);
  });

  it("plays a script, attempt by attempt", async () => {
    sandbox.setFaults({
      provider: "kimi",
      model,
      faults: [{ fault: "none", times: 1 }, { fault: "429-retry-after=3", times: 1 }, { fault: "503" }],
    });
    expect(await statuses(4)).toEqual([200, 429, 503, 503]);
  });

  it("injects several faults into one attempt", async () => {
    sandbox.setFaults({ faults: [{ fault: "slow-headers=20,crlf,cut-clean=1" }] });
    const seen = await call(sandbox, "openai");
    expect(seen.text).toContain("\r\n\r\n");
    expect(await lastEntry(sandbox)).toMatchObject({ end: "cut", tokensSent: 1 });
  });

  it("cuts a compressed answer in the middle of its compression", async () => {
    const seen = await call(sandbox, "kimi", { faults: "gzip,cut=3" });
    expect(seen.failure).toBeDefined();
    expect(seen.bytes.length).toBeGreaterThan(0);
    expect(() => gunzipSync(seen.bytes)).toThrow();
  });

  it("prefers the rule that names the model, and faults in a model's name to any rule", async () => {
    sandbox.setFaults({ faults: [{ fault: "500" }] });
    sandbox.setFaults({ provider: "kimi", faults: [{ fault: "503" }] });
    sandbox.setFaults({ provider: "kimi", model, faults: [{ fault: "529" }] });
    expect(await statuses(1)).toEqual([529]);
    expect(await statuses(1, "kimi", { model: "kimi-k3" })).toEqual([503]);
    expect(await statuses(1, "openai")).toEqual([500]);
    expect(await statuses(1, "kimi", { faults: "auth" })).toEqual([401]);
  });

  it("takes a rule back when its faults are empty, and all of them on DELETE", async () => {
    sandbox.setFaults({ provider: "kimi", model, faults: [{ fault: "500" }] });
    await http("PUT", "/control/faults", { provider: "kimi", model, faults: [] });
    expect(await statuses(1)).toEqual([200]);
    sandbox.setFaults({ faults: [{ fault: "500" }] });
    expect((await http("DELETE", "/control/faults")).status).toBe(204);
    expect(await statuses(1)).toEqual([200]);
  });

  it("counts the times of a fault in a model's name", async () => {
    expect(await statuses(3, "openai", { faults: "500,once" })).toEqual([500, 200, 200]);
    expect(await statuses(3, "openai", { faults: "503,times=2" })).toEqual([503, 503, 200]);
    sandbox.clearFaults();
    expect(await statuses(2, "openai", { faults: "500,once" })).toEqual([500, 200]);
  });

  it("lists every fault with a sentence, and what is set", async () => {
    sandbox.setFaults({ provider: "kimi", model, faults: [{ fault: "cut=9", times: 3 }] });
    await call(sandbox, "kimi");
    const { json } = await http("GET", "/control/faults");
    expect(json.faults).toContainEqual(
      expect.objectContaining({ fault: "stall", sentence: expect.any(String) }),
    );
    expect(json.active).toEqual([{ provider: "kimi", model, faults: [{ fault: "cut=9", times: 2 }] }]);
  });

  it.each([
    [{}, /faults/],
    [{ provider: "acme", faults: [] }, /provider/],
    [{ faults: [{ fault: "flood" }] }, /flood/],
    [{ faults: [{ fault: "cut=x" }] }, /cut=x/],
    [{ faults: [{ fault: "error-in-200=flood" }] }, /one of rate-limit/],
    [{ faults: [{ fault: "500", times: 0 }] }, /times/],
  ])("says what is wrong with %j", async (rule, message) => {
    const { status, json } = await http("PUT", "/control/faults", rule);
    expect(status).toBe(400);
    expect(json.error.message).toMatch(message);
  });

  it("answers a path that it does not know", async () => {
    expect((await http("GET", "/v1/models")).status).toBe(404);
    expect((await http("GET", "/")).json.paths).toContain("GET /ledger");
  });
});
