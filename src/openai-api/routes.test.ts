/** The API over HTTP, with an engine that does what a test tells it to. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { Writable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { CompletionCall } from "../completion/call.ts";
import type { EngineEvent } from "../completion/events.ts";
import { callerSignal } from "./connection.ts";
import {
  bodyWith,
  completed,
  completionError,
  decided,
  framesOf,
  type Listener,
  listen,
  onceAnswer,
  post,
  type Script,
  started,
  text,
} from "./test-support.ts";

let api: Listener | undefined;
afterEach(() => api?.close());

const STREAMED = bodyWith({ stream: true });
const cancelled = () => completionError({ code: "CANCELLED", reason: "CANCELLED" });

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Says what it is given and then fails, or waits to be cancelled. */
const script = (batches: readonly (readonly EngineEvent[])[], error?: Error): Script =>
  async function* (call) {
    yield* batches;
    if (error !== undefined) throw error;
    await aborted(call.signal);
    throw cancelled();
  };

const BEGUN = [[decided, started(1)], [text("Hel")]] as const;

/** A request as bytes, for clients that misbehave. */
function send(url: string, body: unknown): Socket {
  const { hostname, port, pathname } = new URL(`${url}/chat/completions`);
  const json = JSON.stringify(body);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
  return socket;
}

describe("a stream", () => {
  it("says in trailers what its headers left too early to say", async () => {
    api = await listen(script([...BEGUN, [text("lo"), completed()]]));
    const socket = send(api.url, STREAMED);
    let response = "";
    socket.on("data", (bytes: Buffer) => {
      response += bytes;
    });
    await once(socket, "close");
    const [head = "", ...rest] = response.split("\r\n\r\n");
    expect(head).toContain(
      "trailer: x-modeltier-attempts, x-modeltier-cost-nano-usd, x-modeltier-overhead-ms",
    );
    expect(head).not.toContain("x-modeltier-cost-nano-usd:");
    const trailers = rest.join("\r\n\r\n").split("\r\n0\r\n")[1];
    expect(trailers).toMatch(
      /^x-modeltier-attempts: 1\r\nx-modeltier-cost-nano-usd: \d+\r\nx-modeltier-overhead-ms: [\d.]+/,
    );
  });

  it("has no trailers where its headers could say it all", async () => {
    api = await listen(script([[decided, started(1), text("Hello"), completed()]]));
    const answer = await post(api.url, STREAMED);
    expect(answer.headers.get("x-modeltier-cost-nano-usd")).toMatch(/^\d+$/);
    expect(answer.headers.get("trailer")).toBeNull();
    await answer.text();
  });
});

describe("a failure before any content", () => {
  it("is a status with what a client needs to decide whether to try again", async () => {
    const error = completionError({
      code: "RESOURCE_EXHAUSTED",
      reason: "RATE_LIMITED",
      message: "The provider's rate limit is reached.",
      retryAfterMs: 7_000,
      retryPushback: true,
      executionId: "e-1",
    });
    api = await listen(script([[decided, started(1)]], error));
    const response = await post(api.url, STREAMED);
    expect(response.status).toBe(429);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "retry-after-ms": "7000",
      "x-should-retry": "false",
      "x-modeltier-execution-id": "e-1",
    });
    expect(await response.json()).toEqual({
      error: {
        message: "The provider's rate limit is reached.",
        type: "rate_limit_error",
        param: null,
        code: "rate_limit_exceeded",
      },
    });
  });

  it("that nobody foresaw is a 500, and the log has its name and not its words", async () => {
    api = await listen(script([], new TypeError("the prompt was 'secret'")));
    const response = await post(api.url, STREAMED);
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining("secret")]);
    expect(api.logged.join()).toContain("TypeError");
    expect(api.logged.join()).not.toContain("secret");
  });
});

describe("a failure after content", () => {
  it("is told in the stream, which then ends without [DONE]", async () => {
    api = await listen(script(BEGUN, completionError({ message: "It broke off.", partial: true })));
    const response = await post(api.url, STREAMED);
    const frames = framesOf(await response.text());
    expect(response.status).toBe(200);
    expect(JSON.parse(frames.at(-1) ?? "")).toEqual({
      error: { message: "It broke off.", type: "server_error", param: null, code: "provider_error" },
    });
    expect(frames).not.toContain("[DONE]");
  });
});

describe("a stream", () => {
  it("has its headers with the first content and says in them what is known then", async () => {
    api = await listen(script(BEGUN));
    const response = await post(api.url, STREAMED);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "x-modeltier-execution-id": "0a1b2c3d",
      "x-modeltier-provider": "kimi",
      "x-modeltier-attempts": "1",
    });
    expect(response.headers.has("x-modeltier-cost-nano-usd")).toBe(false);
    await response.body?.cancel();
  });

  it("says in its headers what it cost when it comes all at once", async () => {
    api = await listen(
      script([
        [decided, started(1)],
        [text("Hello"), completed()],
      ]),
    );
    const response = await post(api.url, STREAMED);
    expect(response.headers.get("x-modeltier-cost-nano-usd")).toBe("184500");
    expect(framesOf(await response.text()).at(-1)).toBe("[DONE]");
  });

  it("sends in one piece what came in one piece", async () => {
    const batch = ["a", "b", "c", "d"].map(text);
    api = await listen(script([[decided, started(1)], batch, [text("e"), completed()]]));
    const socket = send(api.url, STREAMED);
    let answer = "";
    for await (const bytes of socket) answer += bytes;
    const [, ...pieces] = answer.split(/\r\n[0-9a-f]+\r\n/);
    const contents = pieces.map((piece) =>
      [...piece.matchAll(/"content":"(\w)"/g)].map(([, said]) => said).join(""),
    );
    expect(contents).toEqual(["abcd", "e", ""]);
  });

  it("asks no more of the engine while its caller does not read", async () => {
    let batches = 0;
    const words = text("x".repeat(65_536));
    api = await listen(async function* ({ signal }) {
      yield [decided, started(1)];
      while (!signal.aborted) {
        batches += 1;
        yield [words];
        await new Promise(setImmediate);
      }
    });
    const socket = send(api.url, STREAMED).pause();
    const rest = async (): Promise<number> => {
      for (let before = -1; before !== batches; ) {
        before = batches;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return batches;
    };
    await vi.waitUntil(() => batches > 0);
    const held = await rest();
    expect(held * 65_536).toBeLessThan(32 * 1024 * 1024);
    socket.resume();
    await vi.waitUntil(() => batches > 2 * held);
    socket.destroy();
  });
});

describe("a caller that hangs up", () => {
  it.each([
    ["before any content", [[decided, started(1)]]],
    ["in the middle of an answer", BEGUN],
  ])("%s cancels the call", async (_, batches) => {
    let signal: AbortSignal | undefined;
    api = await listen((call) => {
      signal = call.signal;
      return script(batches)(call);
    });
    const socket = send(api.url, STREAMED);
    await vi.waitUntil(() => signal !== undefined);
    expect(signal?.aborted).toBe(false);
    socket.destroy();
    await aborted(signal as AbortSignal);
    expect(api.logged).toEqual([]);
  });

  it("cancels a call for a whole answer too", async () => {
    let call: CompletionCall | undefined;
    api = await listen(script([]), {
      completeOnce: async (given) => {
        call = given;
        await aborted(given.signal);
        throw cancelled();
      },
    });
    const socket = send(api.url, bodyWith());
    await vi.waitUntil(() => call !== undefined);
    socket.destroy();
    await aborted((call as unknown as CompletionCall).signal);
  });

  it("is not taken for one that reads nothing, which is cut off when no call can run any more", () => {
    vi.useFakeTimers();
    const response = new Writable() as ServerResponse;
    const signal = callerSignal(response, new AbortController().signal);
    vi.advanceTimersByTime(900_000);
    expect([response.destroyed, signal.aborted]).toEqual([false, false]);
    vi.advanceTimersByTime(1_000);
    expect(response.destroyed).toBe(true);
    vi.useRealTimers();
  });
});

describe("a shutdown whose grace is over", () => {
  it("ends a call that has said nothing with a status, and one that has in the stream", async () => {
    for (const [batches, status] of [
      [[[decided, started(1)]], 503],
      [BEGUN, 200],
    ] as const) {
      const shutdown = new AbortController();
      let isAsked = false;
      api = await listen(
        (call) => {
          isAsked = true;
          return script(batches)(call);
        },
        { shutdownSignal: shutdown.signal },
      );
      const answer = post(api.url, STREAMED);
      await vi.waitUntil(() => isAsked);
      if (status === 200) await answer;
      shutdown.abort();
      const response = await answer;
      expect(response.status).toBe(status);
      expect(framesOf(await response.text()).at(-1)).toContain('"code":"shutting_down"');
      await api.close();
    }
  });
});

describe("a whole answer", () => {
  it("comes with its headers and OpenAI's shape", async () => {
    api = await listen(script([]), { completeOnce: async () => onceAnswer() });
    const response = await post(api.url, bodyWith({ verbosity: "low" }));
    expect(response.status).toBe(200);
    expect(response.headers.get("x-modeltier-cost-nano-usd")).toBe("184500");
    expect(response.headers.get("x-modeltier-dropped")).toBe("verbosity");
    expect(await response.json()).toMatchObject({
      object: "chat.completion",
      created: 1_700_000_000,
      choices: [{ message: { content: "Hello" } }],
    });
  });
});

describe("a request that is refused at the door", () => {
  const raw = async (
    body: string,
    headers: Record<string, string> = { "content-type": "application/json" },
  ) => {
    api = await listen(script([]));
    const response = await fetch(`${api.url}/chat/completions`, { method: "POST", headers, body });
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
  };

  it.each([
    ["that is no JSON", "{", [400, "invalid_json"]],
    ["that is empty", "", [400, "invalid_json"]],
    ["that is JSON and no object", "[]", [400, "invalid_value"]],
    ["with a key that would reach every object", '{"__proto__":{"model":"auto"}}', [400, "invalid_json"]],
    ["that asks for what is not served", '{"n":2}', [400, "unsupported_parameter"]],
    ["for an unknown model", '{"model":"gpt-none"}', [404, "model_not_found"]],
  ])("%s has a status and a code", async (_, body, expected) => {
    expect(await raw(body)).toEqual(expected);
  });

  it("of another type or at another address has OpenAI's shape as well", async () => {
    expect(await raw("{}", { "content-type": "text/plain" })).toEqual([415, "unsupported_media_type"]);
    await api?.close();
    api = await listen(script([]));
    const response = await fetch(`${api.url}/embeddings`, { method: "POST", body: "{}" });
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.objectContaining({ code: "unknown_url", type: "invalid_request_error" }) },
    ]);
  });
});

describe("GET /v1/models", () => {
  const get = async (path: string) => {
    api = await listen(script([]));
    const response = await fetch(`${api.url}/models${path}`);
    return { status: response.status, body: await response.json() };
  };

  it("lists what stands for a tier, and then the models", async () => {
    const { body } = (await get("")) as {
      body: { object: string; data: { id: string; owned_by: string }[] };
    };
    expect(body.object).toBe("list");
    expect(body.data.slice(0, 4).map(({ id }) => id)).toEqual(["auto", "fast", "balanced", "powerful"]);
    expect(body.data).toContainEqual({
      id: "openai/gpt-4o-mini",
      object: "model",
      created: 1_700_000_000,
      owned_by: "openai",
    });
  });

  it.each([
    ["/openai%2Fgpt-4o-mini", "openai/gpt-4o-mini"],
    ["/openai/gpt-4o-mini", "openai/gpt-4o-mini"],
    ["/gpt-4o-mini", "openai/gpt-4o-mini"],
    ["/auto", "auto"],
  ])("%s is %s", async (path, id) => {
    expect(await get(path)).toMatchObject({ status: 200, body: { id, object: "model" } });
  });

  it("of a model that is not there is a 404", async () => {
    expect(await get("/gpt-none")).toMatchObject({
      status: 404,
      body: { error: { code: "model_not_found", param: "model" } },
    });
  });
});

it("answers one request after another over one connection", async () => {
  api = await listen(
    script([
      [decided, started(1)],
      [text("Hi"), completed()],
    ]),
  );
  const { port } = new URL(api.url);
  const socket = connect(Number(port), "127.0.0.1");
  const json = JSON.stringify(STREAMED);
  let answer = "";
  socket.on("data", (bytes) => {
    answer += bytes;
  });
  for (const expected of [1, 2]) {
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
    );
    await vi.waitUntil(() => answer.split("[DONE]").length === expected + 1);
  }
  socket.end();
  await once(socket, "close");
});
