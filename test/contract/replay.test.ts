import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { FinishReason, TokenUsage } from "../../src/providers/provider.ts";
import { ProviderError, type ProviderFailure } from "../../src/providers/provider-error.ts";
import type { Transport } from "../../src/providers/transport.ts";
import {
  finishOf,
  type Heard,
  KEY,
  listen,
  providerOf,
  question,
  refusalOf,
  textOf,
  toolCallsOf,
  unwatched,
} from "./ask.ts";
import { type Expected, FIXTURES, type Fixture, getFixture } from "./fixtures.ts";
import { openTransport, startServer } from "./local-server.ts";
import { cut, scriptedTransport } from "./scripted-transport.ts";

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  length: "length",
  max_tokens: "length",
  tool_calls: "tool_calls",
  tool_use: "tool_calls",
};

/** What each recorded error means to us. */
const FAILURES: Readonly<Record<string, ProviderFailure>> = {
  "openai/error-400-max-tokens-unsupported.json": "rejected",
  "openai/error-400-context-length.json": "context_length",
  "openai/error-401-invalid-key.json": "unauthenticated",
  "openai/error-404-model-not-found.json": "model_not_found",
  "openai/error-429-insufficient-quota.json": "quota_exhausted",
  "openai/error-429-rate-limit.json": "rate_limited",
  "anthropic/error-400-temperature.json": "rejected",
  "anthropic/error-401-auth.json": "unauthenticated",
  "anthropic/error-404-model.json": "model_not_found",
  "anthropic/error-429-rate-limit.json": "rate_limited",
  "anthropic/error-529-overloaded.json": "overloaded",
  "anthropic/overloaded-first-event-stream.sse": "overloaded",
  "anthropic/overloaded-midstream-stream.sse": "overloaded",
  "kimi/error-400-temperature.json": "rejected",
  "kimi/error-400-content-filter.json": "content_filtered",
  "kimi/error-401-auth.json": "unauthenticated",
  "kimi/error-403-quota-inactive.json": "quota_exhausted",
  "kimi/error-404-model.json": "model_not_found",
  "kimi/error-429-engine-overloaded.json": "overloaded",
  "kimi/error-429-rpm.json": "rate_limited",
};

const STREAMS = FIXTURES.filter(({ streamed }) => streamed);
const WHOLE_ANSWERS = FIXTURES.filter(({ streamed, expect }) => !streamed && expect.complete);
const ERRORS = FIXTURES.filter(({ status }) => status >= 400);

const named = (fixtures: readonly Fixture[]) => fixtures.map((fixture) => [fixture.name, fixture] as const);

const digest = (text: string) => ({
  sha256: createHash("sha256").update(text, "utf8").digest("hex"),
  chars: Array.from(text).length,
  bytes: Buffer.byteLength(text),
});

function usageOf({ usage }: Expected): TokenUsage | undefined {
  if (usage === null) return undefined;
  return {
    inputTokens: usage.input,
    cachedInputTokens: usage.cached ?? 0,
    cacheWriteTokens: usage.cache_write ?? 0,
    outputTokens: usage.output,
    ...(usage.reasoning !== null && { reasoningTokens: usage.reasoning }),
  };
}

const wantedCalls = ({ tool_calls: calls }: Expected) =>
  calls.map((call) => ({ id: call.id, name: call.name, arguments: call.arguments }));

/** A stream gave what the manifest says, and ended as it says. */
function checkStream(heard: Heard, { name, expect: wanted }: Fixture): void {
  expect(digest(textOf(heard))).toEqual(wanted.text);
  expect(digest(textOf(heard, "reasoning"))).toEqual(wanted.reasoning);
  expect(digest(textOf(heard, "refusal"))).toEqual(wanted.refusal);
  expect(toolCallsOf(heard)).toEqual(wantedCalls(wanted));
  const usages = heard.events.filter((event) => event.kind === "usage").map(({ usage }) => usage);
  expect(usages.at(-1)).toEqual(usageOf(wanted));
  expect(heard.batches.every((batch) => batch.length > 0)).toBe(true);
  if (wanted.error !== null) {
    expect(finishOf(heard)).toBeUndefined();
    expect(heard.error).toMatchObject({
      failure: FAILURES[name],
      details: { providerCode: wanted.error.type },
    });
    return;
  }
  expect(heard.error).toBeUndefined();
  expect(heard.events.filter(({ kind }) => kind === "finish")).toHaveLength(1);
  expect(heard.events.at(-1)).toEqual({
    kind: "finish",
    reason: FINISH[wanted.finish ?? ""],
    skippedFrames: 0,
    usageMismatch: false,
    ...(wanted.usage && { usage: usageOf(wanted) }),
    model: wanted.model,
  });
}

/** Serves a fixture in chunks of a size, each a chunk of the transfer too. */
async function serve(fixture: Fixture, size?: number): Promise<{ baseUrl: string; transport: Transport }> {
  const server = await startServer((response) => {
    response.writeHead(fixture.status, { ...fixture.response_headers });
    for (const piece of cut(fixture.body, size)) response.write(piece);
    response.end();
  });
  return { baseUrl: server.url, transport: openTransport() };
}

describe("a recorded stream means what its manifest says", () => {
  it.each(named(STREAMS))("%s, over HTTP in one piece", async (_name, fixture) => {
    const { baseUrl, transport } = await serve(fixture);
    checkStream(await listen(providerOf(fixture.dialect, transport, { baseUrl })), fixture);
  });

  it.each(named(STREAMS))("%s, over HTTP in pieces of 64 bytes", async (_name, fixture) => {
    const { baseUrl, transport } = await serve(fixture, 64);
    checkStream(await listen(providerOf(fixture.dialect, transport, { baseUrl })), fixture);
  });

  it.each(named(STREAMS))("%s, in pieces of 7 bytes and of 1", async (_name, fixture) => {
    for (const size of [7, 1]) {
      const transport = scriptedTransport({
        headers: fixture.response_headers,
        pieces: cut(fixture.body, size),
      });
      checkStream(await listen(providerOf(fixture.dialect, transport)), fixture);
    }
  });

  it.each(named(STREAMS.filter(({ dialect }) => dialect === "kimi")))(
    "%s, from a host that is configured as OpenAI-compatible",
    async (_name, fixture) => {
      const transport = scriptedTransport({ headers: fixture.response_headers, pieces: cut(fixture.body) });
      checkStream(await listen(providerOf("openai", transport)), fixture);
    },
  );
});

describe("a recorded whole answer means what its manifest says", () => {
  async function check(transport: Transport, fixture: Fixture, baseUrl?: string): Promise<void> {
    const provider = providerOf(fixture.dialect, transport, baseUrl === undefined ? {} : { baseUrl });
    const answer = await provider.complete(question(), new AbortController().signal, unwatched);
    const { expect: wanted } = fixture;
    expect(digest(answer.text)).toEqual(wanted.text);
    expect(digest(answer.reasoning)).toEqual(wanted.reasoning);
    expect(digest(answer.refusal)).toEqual(wanted.refusal);
    expect(
      answer.toolCalls.map(({ id, name, argumentsJson }) => ({ id, name, arguments: argumentsJson })),
    ).toEqual(wantedCalls(wanted));
    expect(answer.finishReason).toBe(FINISH[wanted.finish ?? ""]);
    expect(answer.usage).toEqual(usageOf(wanted));
    expect(answer.usageMismatch).toBe(false);
    expect(answer.model).toBe(wanted.model);
  }

  it.each(named(WHOLE_ANSWERS))("%s, over HTTP, in one piece and of 64 bytes", async (_name, fixture) => {
    for (const size of [undefined, 64]) {
      const { baseUrl, transport } = await serve(fixture, size);
      await check(transport, fixture, baseUrl);
    }
  });

  it.each(named(WHOLE_ANSWERS))("%s, in pieces of 7 bytes and of 1", async (_name, fixture) => {
    for (const size of [7, 1]) {
      await check(
        scriptedTransport({ headers: fixture.response_headers, pieces: cut(fixture.body, size) }),
        fixture,
      );
    }
  });
});

describe("a recorded error is classified, and its text is not passed on", () => {
  it.each(named(ERRORS))("%s", async (name, fixture) => {
    for (const size of [undefined, 64]) {
      const { baseUrl, transport } = await serve(fixture, size);
      const provider = providerOf(fixture.dialect, transport, { baseUrl });
      for (const error of [await refusalOf(provider), (await listen(provider)).error]) {
        expect(error).toBeInstanceOf(ProviderError);
        expect(error).toMatchObject({
          failure: FAILURES[name],
          provider: fixture.dialect,
          details: { status: fixture.status },
        });
        const shown = `${String(error)} ${JSON.stringify(error)}`;
        expect(shown).not.toContain(fixture.expect.error?.message);
        expect(shown).not.toContain(KEY);
      }
    }
  });

  it.each(named(ERRORS))("%s, in pieces of 7 bytes and of 1", async (name, fixture) => {
    for (const size of [7, 1]) {
      const { status, response_headers: headers, body } = fixture;
      const transport = scriptedTransport({ status, headers, pieces: cut(body, size) });
      expect(await refusalOf(providerOf(fixture.dialect, transport))).toMatchObject({
        failure: FAILURES[name],
      });
    }
  });

  it("reads the wait that only the message says", async () => {
    for (const [name, retryAfterMs] of [
      ["openai/error-429-rate-limit.json", 1_574],
      ["kimi/error-429-rpm.json", 1_000],
    ] as const) {
      const { status, response_headers: headers, body, dialect } = getFixture(name);
      const transport = scriptedTransport({ status, headers, pieces: [body] });
      expect(await refusalOf(providerOf(dialect, transport))).toMatchObject({ details: { retryAfterMs } });
    }
  });

  it("gives no wait for an error that no wait helps, though its headers name limits", async () => {
    const {
      status,
      response_headers: headers,
      body,
      dialect,
    } = getFixture("openai/error-400-max-tokens-unsupported.json");
    const error = await refusalOf(
      providerOf(dialect, scriptedTransport({ status, headers, pieces: [body] })),
    );
    expect(error).toMatchObject({
      details: { requestId: "req_13d9b359dc234adc87be3833cacab1c6", providerCode: "unsupported_parameter" },
    });
    expect(error).not.toHaveProperty("details.retryAfterMs");
  });
});
