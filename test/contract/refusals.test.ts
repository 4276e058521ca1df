import { createGzip, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Dialect } from "../../src/providers/provider.ts";
import { ProviderError } from "../../src/providers/provider-error.ts";
import { finishOf, KEY, listen, providerOf, refusalOf, textOf } from "./ask.ts";
import { getFixture } from "./fixtures.ts";
import { closed, openTransport, startServer } from "./local-server.ts";
import { bytes, scriptedTransport } from "./scripted-transport.ts";
import { DIALECTS, delta, frames, hearBytes, hearFrames } from "./streams.ts";

const HTML = "<html><body>canary: sign in to the network</body></html>";
const json = { "content-type": "application/json" };

afterEach(() => {
  vi.useRealTimers();
});

/** What a call fails with, streamed and not, when this is the whole answer. */
async function failures(
  dialect: Dialect,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<ProviderError[]> {
  const provider = providerOf(dialect, scriptedTransport({ status, headers, pieces: [bytes(body)] }));
  const errors = [await refusalOf(provider), (await listen(provider)).error];
  for (const error of errors) expect(error).toBeInstanceOf(ProviderError);
  return errors as ProviderError[];
}

describe("P19 pages and other things that are not the API", () => {
  it.each(DIALECTS)(
    "%s: an HTML page with status 200 is a protocol failure, and is not echoed",
    async (dialect) => {
      for (const error of await failures(
        dialect,
        200,
        { "content-type": "text/html; charset=utf-8" },
        HTML,
      )) {
        expect(error.failure).toBe("protocol");
        expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
      }
    },
  );

  it.each(DIALECTS)("%s: of an endless page nothing is read", async (dialect) => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.write(HTML);
    });
    const provider = providerOf(dialect, openTransport(), { baseUrl: server.url });
    expect(await refusalOf(provider)).toMatchObject({ failure: "protocol" });
    await closed(server);
  });

  it.each(DIALECTS)("%s: an HTML page with an error status is what the status says", async (dialect) => {
    for (const [status, failure] of [
      [502, "server_error"],
      [504, "server_error"],
      [403, "unauthenticated"],
      [429, "rate_limited"],
      [302, "protocol"],
    ] as const) {
      for (const error of await failures(dialect, status, { "content-type": "text/html" }, HTML)) {
        expect(error.failure).toBe(failure);
        expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
      }
    }
  });

  it("JSON that is no answer of the dialect is a protocol failure", async () => {
    for (const body of ["{}", '{"choices":[]}', '{"choices":[null]}', "[]", "7", "", "<html>"]) {
      for (const dialect of DIALECTS) {
        for (const { failure } of await failures(dialect, 200, json, body)) expect(failure).toBe("protocol");
      }
    }
  });

  /** Serves a body that never ends. */
  const endless = (status: number, contentType: string) =>
    startServer((response) => {
      response.writeHead(status, { "content-type": contentType });
      const fill = () => {
        while (!response.destroyed && response.write("x".repeat(16 * 1024)));
      };
      response.on("drain", fill);
      fill();
    });

  it.each(["application/json", "text/html"])(
    "of an endless %s error only the beginning is read",
    async (contentType) => {
      vi.useFakeTimers({ toFake: ["setTimeout"] });
      const server = await endless(503, contentType);
      const provider = providerOf("openai", openTransport(), { baseUrl: server.url });
      expect(await refusalOf(provider)).toMatchObject({ failure: "server_error", details: { status: 503 } });
      await closed(server);
    },
  );

  it("of an error that does not say that it is JSON no more than 4 KiB is read", async () => {
    const quota = JSON.stringify({ error: { code: "insufficient_quota", message: "none left" } });
    const ofBytes = (size: number) =>
      failures("openai", 429, { "content-type": "text/plain" }, quota.padEnd(size));
    for (const { failure } of await ofBytes(4_096)) expect(failure).toBe("quota_exhausted");
    const longer = quota.slice(0, -1).padEnd(4_096).concat("}");
    for (const { failure } of await failures("openai", 429, { "content-type": "text/plain" }, longer))
      expect(failure).toBe("rate_limited");
  });

  it("an endless whole answer is given up", async () => {
    const server = await endless(200, "application/json");
    const provider = providerOf("openai", openTransport(), { baseUrl: server.url });
    expect(await refusalOf(provider)).toMatchObject({ failure: "output_limit" });
    await closed(server);
  });

  it("an error body that stalls still says what its status says, after a second", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let isConnected = false;
    const server = await startServer((response) => {
      isConnected = true; // the timer of the connecting is gone
      response.writeHead(500, json);
      response.write("{");
    });
    const refused = refusalOf(providerOf("openai", openTransport(), { baseUrl: server.url }));
    await vi.waitFor(() => expect([isConnected, vi.getTimerCount()]).toEqual([true, 1]), { interval: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await refused).toMatchObject({ failure: "server_error" });
    await closed(server);
  });

  it("an error body that breaks off still says what its status says", async () => {
    const server = await startServer((response) => {
      response.writeHead(429, { ...json, "content-length": "500", "retry-after": "3" });
      response.write('{"error":', () => response.socket?.destroy());
    });
    const provider = providerOf("openai", openTransport(), { baseUrl: server.url });
    expect(await refusalOf(provider)).toMatchObject({
      failure: "rate_limited",
      details: { retryAfterMs: 3_000 },
    });
  });
});

describe("S22 compressed answers", () => {
  it.each(["gzip", "br", "deflate"])("%s is refused, since identity was asked for", async (encoding) => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": encoding });
      response.end(gzipSync(getFixture("openai/text-stream.sse").body));
    });
    const provider = providerOf("openai", openTransport(), { baseUrl: server.url });
    expect((await listen(provider)).error).toMatchObject({ failure: "protocol" });
    expect(await refusalOf(provider)).toMatchObject({ failure: "protocol" });
    expect(server.seen[0]?.headers["accept-encoding"]).toBe("identity");
  });

  it("a compressed stream that never ends is refused at its headers", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
      createGzip().pipe(response);
      response.flushHeaders();
    });
    const provider = providerOf("anthropic", openTransport(), { baseUrl: server.url });
    expect((await listen(provider)).error).toMatchObject({ failure: "protocol" });
  });

  it("a compressed error is what its status says", async () => {
    for (const error of await failures("kimi", 529, { ...json, "content-encoding": "br" }, "????")) {
      expect(error.failure).toBe("overloaded");
    }
  });

  it("identity, said aloud, is no compression", async () => {
    const { body, dialect } = getFixture("openai/text-stream.sse");
    const headers = { "content-type": "text/event-stream", "content-encoding": "identity" };
    const heard = await listen(providerOf(dialect, scriptedTransport({ headers, pieces: [body] })));
    expect(finishOf(heard)).toBeDefined();
  });
});

describe("S15 errors inside an answer that began with 200", () => {
  const overloaded = { type: "overloaded_error", message: "canary" };

  it.each(DIALECTS)("%s: as the JSON body", async (dialect) => {
    for (const error of await failures(
      dialect,
      200,
      json,
      JSON.stringify({ type: "error", error: overloaded }),
    )) {
      expect(error).toMatchObject({ failure: "overloaded", details: { providerCode: "overloaded_error" } });
      expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
    }
  });

  const EVENTS: readonly (readonly [name: string, event: string, failure: string])[] = [
    [
      "a data frame",
      'data: {"error":{"type":"tokens","code":"rate_limit_exceeded","message":"x"}}',
      "rate_limited",
    ],
    ["an error event", 'event: error\ndata: {"error":{"type":"server_error"}}', "server_error"],
    ["a bare error event", 'event: error\ndata: {"type":"insufficient_quota"}', "quota_exhausted"],
    ["a typed error", 'data: {"type":"error","error":{"type":"overloaded_error"}}', "overloaded"],
    ["an error object", 'data: {"object":"error","message":"x","code":404}', "model_not_found"],
    ["an error that is a string", 'data: {"error":"something broke"}', "server_error"],
    [
      "an error beside a choice",
      'data: {"choices":[{"delta":{}}],"error":{"code":429,"message":"x"}}',
      "rate_limited",
    ],
    [
      "an error about our request",
      'data: {"error":{"type":"invalid_request_error","message":"x"}}',
      "rejected",
    ],
    ["an unknown error", 'data: {"error":{"type":"novelty","message":"x"}}', "server_error"],
  ];
  it.each(EVENTS)("%s, as the first event or a later one", async (_name, event, failure) => {
    const first = await hearBytes("openai", [bytes(`${event}\n\n`)]);
    expect(first.events).toEqual([]);
    expect(first.error).toMatchObject({ failure });
    const later = await hearBytes("openai", [bytes(`${frames(delta({ content: "Hi" }))}${event}\n\n`)]);
    expect(textOf(later)).toBe("Hi");
    expect(later.error).toMatchObject({ failure });
  });

  it("a wait in the message is read", async () => {
    const error = { type: "requests", code: "rate_limit_exceeded", message: "Please try again in 6m0s." };
    expect((await hearFrames({ error })).error).toMatchObject({ details: { retryAfterMs: 360_000 } });
  });
});

describe("what an error says for others to see", () => {
  it("P02 P03 the wait, by its own clock", async () => {
    const date = { date: "Tue, 24 Nov 2026 10:00:00 GMT", "retry-after": "Tue, 24 Nov 2026 10:00:07 GMT" };
    for (const [headers, retryAfterMs] of [
      [{ "retry-after": "2" }, 2_000],
      [{ "retry-after-ms": "0", "retry-after": "2" }, 0],
      [date, 7_000],
      [{ "x-ratelimit-reset-requests": "1.5s" }, 1_500],
    ] as const) {
      for (const error of await failures("openai", 429, { ...json, ...headers }, "{}")) {
        expect(error).toMatchObject({ failure: "rate_limited", details: { retryAfterMs } });
      }
    }
  });

  it("the request id, from wherever it is", async () => {
    const body = '{"type":"error","error":{"type":"api_error"},"request_id":"req_body"}';
    for (const [headers, requestId] of [
      [{}, "req_body"],
      [{ "request-id": "req_1" }, "req_1"],
      [{ "x-request-id": "req-2" }, "req-2"],
    ] as const) {
      const [error] = await failures("anthropic", 500, { ...json, ...headers }, body);
      expect(error).toMatchObject({ failure: "server_error", details: { requestId } });
    }
  });

  it("X02 neither our key nor anything that is not a word, sent back as a code or an id", async () => {
    for (const echo of [KEY, `x-${KEY}`, "a sentence with the prompt", "<script>", "a".repeat(200)]) {
      const body = JSON.stringify({ error: { type: echo, code: echo, message: echo }, request_id: echo });
      for (const error of await failures("openai", 500, { ...json, "x-request-id": echo }, body)) {
        expect(`${error} ${JSON.stringify(error)}`).not.toContain(echo);
      }
    }
  });
});
