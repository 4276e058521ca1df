import { createServer } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { CompletionEvent, ModelProvider } from "../../src/providers/provider.ts";
import { finishOf, type Heard, listen, providerOf, question, refusalOf, textOf, unwatched } from "./ask.ts";
import { getFixture } from "./fixtures.ts";
import { closed, type LocalServer, openTransport, startServer } from "./local-server.ts";
import { DIALECTS, delta, frames, STREAM_OF, stop } from "./streams.ts";

const SSE = { "content-type": "text/event-stream" };
const REASON = new Error("the caller went away");
const hello = frames(delta({ content: "Hello" }));

const providerAt = (
  server: LocalServer,
  dialect: "openai" | "anthropic" | "kimi" = "openai",
): ModelProvider => providerOf(dialect, openTransport(), { baseUrl: server.url });

afterEach(() => {
  vi.restoreAllMocks(); // before the timers they stand on are real again
  vi.useRealTimers();
});

describe("R6 aborting closes the connection and says why", () => {
  it.each(DIALECTS)("%s: before the headers", async (dialect) => {
    const caller = new AbortController();
    const server = await startServer(() => caller.abort(REASON));
    await expect(providerAt(server, dialect).complete(question(), caller.signal, unwatched)).rejects.toBe(
      REASON,
    );
    await closed(server);
  });

  it.each(DIALECTS)("%s: inside a stream, though the reader waits for more", async (dialect) => {
    const caller = new AbortController();
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(`: ${"x".repeat(10)}\n\n`, () => setImmediate(() => caller.abort(REASON)));
    });
    expect((await listen(providerAt(server, dialect), question(), caller.signal)).error).toBe(REASON);
    await closed(server);
  });

  it("inside a stream, while the reader is busy elsewhere: what it has not fetched is dropped", async () => {
    const caller = new AbortController();
    let more = () => {};
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(hello);
      more = () => void response.write(hello);
    });
    let arrivals = 0;
    const onBytes = () => {
      arrivals += 1;
    };
    const observer = { ...unwatched, onBytes };
    const stream = providerAt(server).stream(question(), caller.signal, observer)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual([{ kind: "text", text: "Hello" }]);
    more();
    await vi.waitFor(() => expect(arrivals).toBe(2), { interval: 1 });
    caller.abort(REASON);
    await closed(server);
    await expect(stream.next()).rejects.toBe(REASON);
  });

  it("inside a whole answer, and inside the body of an error", async () => {
    for (const status of [200, 500]) {
      const caller = new AbortController();
      const server = await startServer((response) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.write("{");
      });
      const observer = { ...unwatched, onBytes: () => setImmediate(() => caller.abort(REASON)) };
      await expect(providerAt(server).complete(question(), caller.signal, observer)).rejects.toBe(REASON);
      await closed(server);
    }
  });

  it("while the connection is still being made", async () => {
    const caller = new AbortController();
    const transport = openTransport({ lookup: () => setImmediate(() => caller.abort(REASON)) });
    const provider = providerOf("openai", transport, { baseUrl: "http://slow.test/v1" });
    await expect(provider.complete(question(), caller.signal, unwatched)).rejects.toBe(REASON);
  });

  it("while it waits for a connection of a full pool, and without costing the pool one", async () => {
    const answers: (() => void)[] = [];
    const server = await startServer((response) => {
      answers.push(() => response.end(getFixture("openai/text.json").body));
    });
    const provider = providerOf("openai", openTransport({ connectionsPerOrigin: 1 }), {
      baseUrl: server.url,
    });
    const ask = (signal: AbortSignal) => provider.complete(question(), signal, unwatched);
    const caller = new AbortController();
    const first = ask(new AbortController().signal);
    const waiting = ask(caller.signal);
    const third = ask(new AbortController().signal);
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    caller.abort(REASON);
    await expect(waiting).rejects.toBe(REASON);
    answers[0]?.();
    await first;
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.();
    await third;
    expect(server.seen).toHaveLength(2);
    expect(server.sockets).toHaveLength(1);
  });

  it("before anything: nothing is sent", async () => {
    const server = await startServer((response) => response.end("{}"));
    await expect(providerAt(server).complete(question(), AbortSignal.abort(REASON), unwatched)).rejects.toBe(
      REASON,
    );
    expect((await listen(providerAt(server), question(), AbortSignal.abort(REASON))).error).toBe(REASON);
    expect(server.seen).toHaveLength(0);
  });

  it("a reader that returns early closes the connection too", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(hello);
    });
    for await (const batch of providerAt(server).stream(
      question(),
      new AbortController().signal,
      unwatched,
    )) {
      expect(batch).toHaveLength(1);
      break;
    }
    await closed(server);
  });

  it("after the end it changes nothing", async () => {
    const caller = new AbortController();
    const server = await startServer((response) => response.writeHead(200, SSE).end(STREAM_OF.openai("Hi")));
    const heard = await listen(providerAt(server), question(), caller.signal);
    caller.abort(REASON);
    expect(finishOf(heard)).toMatchObject({ reason: "stop" });
  });
});

describe("no connection", () => {
  const failing = (code: string) =>
    openTransport({
      lookup: (_host, _options, done) => done(Object.assign(new Error("canary"), { code }), "", 4),
    });

  it("DNS: the host name was not resolved", async () => {
    for (const code of ["ENOTFOUND", "EAI_AGAIN"]) {
      const provider = providerOf("openai", failing(code), { baseUrl: "http://nowhere.test/v1" });
      const error = await refusalOf(provider);
      expect(error).toMatchObject({
        failure: "connection",
        details: { explanation: "the host name was not resolved" },
      });
      expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
    }
  });

  it("refused", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    const port = typeof address === "object" ? address?.port : 0;
    const error = await refusalOf(
      providerOf("kimi", openTransport(), { baseUrl: `http://127.0.0.1:${port}` }),
    );
    expect(error).toMatchObject({
      failure: "connection",
      details: { explanation: "the connection was refused" },
    });
  });

  it("reset before the headers", async () => {
    for (const end of ["destroy", "resetAndDestroy"] as const) {
      const server = await startServer((response) => response.socket?.[end]());
      expect(await refusalOf(providerAt(server))).toMatchObject({
        failure: "connection",
        details: { explanation: "the connection was reset before an answer" },
      });
    }
  });

  it("P15 TLS: the handshake fails", async () => {
    const server = await startServer((response) => response.end("{}"));
    const provider = providerOf("openai", openTransport(), { baseUrl: `https://127.0.0.1:${server.port}` });
    expect(await refusalOf(provider)).toMatchObject({
      failure: "connection",
      details: { explanation: "the TLS handshake failed" },
    });
  });

  it("P14 a name server that does not answer is given up on", async () => {
    const transport = openTransport({ connectTimeoutMs: 1, lookup: () => {} });
    const provider = providerOf("openai", transport, { baseUrl: "http://silent.test/v1" });
    expect(await refusalOf(provider)).toMatchObject({
      failure: "connect_timeout",
      details: { explanation: "no connection in time" },
    });
  });

  it("P13 P14 a connection is given up at its limit, and not a while after", async () => {
    const transport = openTransport({ connectTimeoutMs: 1_100, lookup: () => {} });
    const provider = providerOf("openai", transport, { baseUrl: "http://silent.test/v1" });
    const startedMs = performance.now();
    expect(await refusalOf(provider)).toMatchObject({ failure: "connect_timeout" });
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(1_095);
    expect(tookMs).toBeLessThanOrEqual(1_400);
  });

  it("a connection that was made in time may then take longer than that", async () => {
    const server = await startServer((response) => {
      setTimeout(() => response.writeHead(503).end(), 400);
    });
    const provider = providerOf("openai", openTransport({ connectTimeoutMs: 200 }), { baseUrl: server.url });
    expect(await refusalOf(provider)).toMatchObject({ failure: "server_error" });
  });

  it("what answers is no HTTP server", async () => {
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const error = await refusalOf(
      providerOf("openai", openTransport(), { baseUrl: `http://127.0.0.1:${port}` }),
    );
    server.close();
    expect(error).toMatchObject({ failure: "protocol" });
  });

  it("a closed transport", async () => {
    const server = await startServer((response) => response.end("{}"));
    const transport = openTransport();
    await transport.close();
    expect(await refusalOf(providerOf("openai", transport, { baseUrl: server.url }))).toMatchObject({
      failure: "connection",
    });
  });
});

describe("S03 a stream that stays open after it said why it stopped", () => {
  /** Serves the stream's beginning and leaves it open; resolves with what was heard once the clock has passed. */
  async function listenFor(ms: number, beginning: string, more?: string): Promise<Heard | "still open"> {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const timers = vi.spyOn(globalThis, "setTimeout");
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(beginning);
      if (more !== undefined) setInterval(() => response.write(more), 500).unref();
    });
    const heard = listen(providerAt(server));
    // Real time for the real socket, until the two seconds are being counted.
    const areCounted = () => timers.mock.calls.some(([, delayMs]) => delayMs === 2_000);
    await vi.waitFor(() => expect(areCounted()).toBe(true), { interval: 5 });
    await vi.advanceTimersByTimeAsync(ms);
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return Promise.race([heard, Promise.resolve("still open" as const)]);
  }

  it("is over after 2 s, with what is there", async () => {
    const heard = await listenFor(2_000, hello + frames(stop));
    expect(heard).toMatchObject({ error: undefined });
    expect(finishOf(heard as Heard)).toEqual({
      kind: "finish",
      reason: "stop",
      skippedFrames: 0,
      usageMismatch: false,
    });
  });

  it("is given those 2 s", async () => {
    expect(await listenFor(1_900, hello + frames(stop))).toBe("still open");
  });

  it("is not given more for sending comments", async () => {
    const heard = await listenFor(2_000, hello + frames(stop), ": ping\n\n");
    expect(finishOf(heard as Heard)).toMatchObject({ reason: "stop" });
  });
});

describe("connections", () => {
  it.each(DIALECTS)("%s: one serves answer after answer, streamed and whole", async (dialect) => {
    const server = await startServer((response, { json }) => {
      if (json.stream === true) response.writeHead(200, SSE).end(STREAM_OF[dialect]("Hi"));
      else
        response
          .writeHead(200)
          .end(getFixture(dialect === "anthropic" ? "anthropic/text.json" : "openai/text.json").body);
    });
    const transport = openTransport({ connectionsPerOrigin: 1 });
    const provider = providerOf(dialect, transport, { baseUrl: server.url });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(textOf(await listen(provider))).toBe("Hi");
      await provider.complete(question(), new AbortController().signal, unwatched);
    }
    expect(server.sockets).toHaveLength(1);
  });

  it("a stream is over at [DONE], and its connection is kept if the body ends soon", async () => {
    let end: (() => void) | undefined;
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(STREAM_OF.openai("Hi"));
      end = () => response.end();
    });
    const provider = providerAt(server);
    expect(finishOf(await listen(provider))).toBeDefined();
    end?.();
    await vi.waitFor(async () => {
      const before = server.sockets.length;
      expect(finishOf(await listen(provider))).toBeDefined();
      end?.();
      expect(server.sockets).toHaveLength(before);
    });
  });

  it("a connection whose body does not end is closed", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(STREAM_OF.openai("Hi"));
    });
    await listen(providerAt(server));
    await closed(server);
  });

  it("a stream that goes on after its end is cut off by its size alone", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const server = await startServer((response) => {
      response.writeHead(200, SSE);
      response.write(STREAM_OF.openai("Hi"));
      const fill = () => {
        while (!response.destroyed && response.write(hello));
      };
      response.on("drain", fill);
      fill();
    });
    await listen(providerAt(server));
    await closed(server);
  });

  it("an early hint is not yet the answer", async () => {
    const server = await startServer((response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.writeHead(200, SSE).end(STREAM_OF.openai("Hi"));
    });
    expect(textOf(await listen(providerAt(server)))).toBe("Hi");
  });

  it("the observer hears of the headers once and of every arrival of bytes", async () => {
    const server = await startServer((response) => response.writeHead(200, SSE).end(STREAM_OF.openai("Hi")));
    const seen: string[] = [];
    const observer = { onHeaders: () => seen.push("headers"), onBytes: () => seen.push("bytes") };
    const events: CompletionEvent[] = [];
    for await (const batch of providerAt(server).stream(question(), new AbortController().signal, observer)) {
      events.push(...batch);
    }
    expect(seen.filter((what) => what === "headers")).toHaveLength(1);
    expect(seen.indexOf("headers")).toBe(0);
    expect(seen.length).toBeGreaterThan(1);
  });

  it("C15 a sender is made to wait for a slow reader, and nothing is lost", async () => {
    const frame = frames(delta({ content: "x".repeat(32 * 1024) }));
    const total = 1_000;
    let sent = 0;
    const server = await startServer(async (response) => {
      response.writeHead(200, SSE);
      for (; sent < total; sent += 1) {
        if (!response.write(frame)) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end(frames(stop, "[DONE]"));
    });
    const request = question({ maxOutputTokens: 1_000_000 });
    const stream = providerAt(server).stream(request, new AbortController().signal, unwatched);
    let length = 0;
    for await (const batch of stream) {
      if (length === 0) {
        await vi.waitFor(async () => {
          const before = sent;
          await new Promise((resolve) => setTimeout(resolve, 20));
          expect(sent).toBe(before);
        });
        expect(sent).toBeLessThan(total);
      }
      for (const event of batch) if (event.kind === "text") length += event.text.length;
    }
    expect(length).toBe(total * 32 * 1024);
  });
});
