import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/providers/provider-error.ts";
import { finishOf, type Heard, listen, providerOf, refusalOf, textOf } from "./ask.ts";
import { type Fixture, getFixture, WHOLE_STREAMS } from "./fixtures.ts";
import { openTransport, startServer } from "./local-server.ts";
import { bytes, cut, scriptedTransport } from "./scripted-transport.ts";
import { delta, frames, hearBytes, hearFrames, hearMessage, messageEnd, stop } from "./streams.ts";

const named = (fixtures: readonly Fixture[]) => fixtures.map((fixture) => [fixture.name, fixture] as const);

const hear = (fixture: Fixture, body: Uint8Array, ending: "closed" | "broken" = "closed"): Promise<Heard> =>
  listen(providerOf(fixture.dialect, scriptedTransport({ pieces: [body], ending })));

/** What the protocol calls the end of an answer, looked for in the text and without any of our code. */
const hasEnded = ({ dialect }: Fixture, wholeFrames: string): boolean =>
  dialect === "anthropic"
    ? wholeFrames.includes("event: message_stop")
    : /"finish_reason": ?"/.test(wholeFrames);

function expectTruncated(heard: Heard): void {
  expect(finishOf(heard)).toBeUndefined();
  expect(heard.error).toBeInstanceOf(ProviderError);
  expect(heard.error).toMatchObject({ failure: "truncated" });
}

describe("S02 a stream that ends early is never an answer", () => {
  it.each(named(WHOLE_STREAMS))("%s, cut after each frame", async (_name, fixture) => {
    const parts = fixture.body.toString("utf8").split("\n\n");
    for (let count = 0; count < parts.length; count += 1) {
      const prefix = parts
        .slice(0, count)
        .map((part) => `${part}\n\n`)
        .join("");
      for (const ending of ["closed", "broken"] as const) {
        const heard = await hear(fixture, bytes(prefix), ending);
        if (!hasEnded(fixture, prefix)) expectTruncated(heard);
        else expect(finishOf(heard), `after ${count} frames, ${ending}`).toBeDefined();
      }
    }
  });

  it.each(
    ["openai/text-stream.sse", "anthropic/text-stream.sse", "kimi/k2-0905-abridged-stream.sse"].map(
      getFixture,
    ),
  )("$name, cut at each byte", async (fixture) => {
    for (let length = 0; length < fixture.body.length; length += 1) {
      const prefix = fixture.body.subarray(0, length);
      const wholeFrames = prefix.toString("latin1").split("\n\n").slice(0, -1).join("\n\n");
      const heard = await hear(fixture, prefix);
      if (hasEnded(fixture, wholeFrames)) expect(heard.error, `at byte ${length}`).toBeUndefined();
      else expectTruncated(heard);
    }
  });

  it("delivers what came before the cut", async () => {
    const fixture = getFixture("openai/text-stream.sse");
    const beforeFinish = fixture.body.subarray(0, fixture.body.indexOf('"finish_reason":"stop"'));
    const heard = await hear(fixture, beforeFinish);
    expect(textOf(heard)).toBe("Olá!");
    expectTruncated(heard);
  });

  it("S01 a reset inside the answer, on a real socket", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(frames(delta({ content: "Hello" })), () => response.socket?.resetAndDestroy());
    });
    expectTruncated(await listen(providerOf("openai", openTransport(), { baseUrl: server.url })));
  });

  it("S02 a clean end of the connection inside the answer, on a real socket", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
      response.end(frames(delta({ content: "Hello" })));
    });
    const heard = await listen(providerOf("openai", openTransport(), { baseUrl: server.url }));
    expect(textOf(heard)).toBe("Hello");
    expectTruncated(heard);
  });
});

describe("the terminal event decides", () => {
  const text = delta({ content: "Hi" });

  it.each(["openai", "kimi"] as const)(
    "S03 %s: a finish reason without [DONE] is an end",
    async (dialect) => {
      const heard = await hearBytes(dialect, [bytes(frames(text, stop))]);
      expect(finishOf(heard)).toMatchObject({ reason: "stop" });
    },
  );

  it.each(["openai", "kimi"] as const)("S04 %s: [DONE] without a finish reason is none", async (dialect) => {
    expectTruncated(await hearBytes(dialect, [bytes(frames(text, "[DONE]"))]));
  });

  it("S04 not even when usage or a whole tool call came", async () => {
    const call = { index: 0, id: "a", function: { name: "f", arguments: "{}" } };
    const usage = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } };
    expectTruncated(await hearFrames(delta({ tool_calls: [call] }), usage, "[DONE]"));
  });

  it("takes nothing for [DONE] but exactly that", async () => {
    expectTruncated(await hearFrames(text, "[DONE] "));
    expectTruncated(await hearFrames(delta({ content: "[DONE]" })));
  });

  it("reads nothing after [DONE]", async () => {
    const heard = await hearFrames(text, stop, "[DONE]", text);
    expect(textOf(heard)).toBe("Hi");
    expect(heard.events.at(-1)?.kind).toBe("finish");
  });

  it("takes the last finish reason that is not null", async () => {
    const heard = await hearFrames(stop, delta({}, { finish_reason: null }), "[DONE]");
    expect(finishOf(heard)).toMatchObject({ reason: "stop" });
  });

  it.each([
    ["error", "server_error"],
    ["constructor", "protocol"],
  ])('takes the finish reason "%s" for a failure', async (reason, failure) => {
    const heard = await hearFrames(text, delta({}, { finish_reason: reason }));
    expect(heard.error).toMatchObject({ failure });
    expect(finishOf(heard)).toBeUndefined();
  });

  it("anthropic: a stop reason without message_stop is no end, and neither is a paused turn", async () => {
    expectTruncated(await hearMessage(...messageEnd("end_turn").slice(0, 1)));
    expectTruncated(await hearMessage(...messageEnd("pause_turn")));
    expectTruncated(await hearMessage(...messageEnd(null)));
  });
});

describe("a whole answer that is not whole", () => {
  it.each(["openai/text.json", "anthropic/text.json", "kimi/tool-call.json"].map(getFixture))(
    "$name, cut at any byte",
    async (fixture) => {
      for (let length = 0; length < fixture.body.length; length += 7) {
        const pieces = cut(fixture.body.subarray(0, length));
        const error = await refusalOf(
          providerOf(fixture.dialect, scriptedTransport({ headers: fixture.response_headers, pieces })),
        );
        expect(error).toBeInstanceOf(ProviderError);
        expect(["truncated", "protocol"]).toContain((error as ProviderError).failure);
      }
    },
  );

  it("is truncated without a finish reason", async () => {
    const openai = { choices: [{ message: { content: "Hi" }, finish_reason: null }] };
    const anthropic = { content: [{ type: "text", text: "Hi" }], stop_reason: "pause_turn" };
    for (const [dialect, body] of [
      ["openai", openai],
      ["kimi", openai],
      ["anthropic", anthropic],
    ] as const) {
      const transport = scriptedTransport({
        headers: { "content-type": "application/json" },
        pieces: [bytes(JSON.stringify(body))],
      });
      expect(await refusalOf(providerOf(dialect, transport))).toMatchObject({ failure: "truncated" });
    }
  });

  it("breaks with its connection", async () => {
    const server = await startServer((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"choices":[', () => response.socket?.destroy());
    });
    const provider = providerOf("openai", openTransport(), { baseUrl: server.url });
    expect(await refusalOf(provider)).toMatchObject({ failure: "truncated" });
  });
});
