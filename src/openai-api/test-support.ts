/** Requests, events and a listener for tests, complete and plain, with only what a test is about spelled out. */
import type { AddressInfo } from "node:net";
import { fastify } from "fastify";
import type { CompletionCall } from "../completion/call.ts";
import type { OnceAnswer } from "../completion/complete-once.ts";
import { CompletionError, type CompletionErrorDetails } from "../completion/completion-error.ts";
import type { CompletedEvent, EngineEvent } from "../completion/events.ts";
import { CLASSIC, decisionOf, requestWith, SANDBOX } from "../routing/test-support.ts";
import type { ModelTarget } from "../routing/types.ts";
import type { AttemptRecord } from "../store/records.ts";
import type { ChatDeps } from "./chat-completions.ts";
import { addOpenAiApi } from "./routes.ts";

export const MODELS = { config: CLASSIC, state: SANDBOX };

/** The smallest body, with more. */
export const bodyWith = (rest: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  model: "auto",
  messages: [{ role: "user", content: "Say hello" }],
  ...rest,
});

export const KIMI: ModelTarget = { provider: "kimi", model: "kimi-k2-0905-preview" };
export const MINI: ModelTarget = { provider: "openai", model: "gpt-4o-mini" };

const EXECUTION = "0a1b2c3d";

export const decided: EngineEvent = {
  kind: "decision",
  decisionId: "decision-1",
  executionId: EXECUTION,
  decision: decisionOf(requestWith()),
};

export const started = (attempt: number, target: ModelTarget = KIMI): EngineEvent => ({
  kind: "attempt_started",
  attempt,
  target,
});

export const failed = (attempt: number, target: ModelTarget = KIMI): EngineEvent => ({
  kind: "attempt_failed",
  attempt,
  target,
  failure: "overloaded",
  willContinue: true,
  details: {},
});

export const text = (words: string): EngineEvent => ({ kind: "text", text: words });

const anAttempt = (served: ModelTarget, changes: Partial<AttemptRecord>): AttemptRecord => ({
  executionId: EXECUTION,
  attempt: 1,
  kind: "first",
  target: served,
  tier: "balanced",
  outcome: "ok",
  tokens: { freshInputTokens: 70, cachedInputTokens: 20, cacheWriteTokens: 10, outputTokens: 7 },
  usageSource: "REPORTED",
  costNanoUsd: 184_500n,
  priceStatus: "KNOWN",
  cacheSavingNanoUsd: 0n,
  latencyMs: 800,
  startedAt: new Date(0),
  ...changes,
});

export const completed = (
  changes: Partial<CompletedEvent> = {},
  attempt: Partial<AttemptRecord> = {},
): CompletedEvent => {
  const served = changes.served ?? KIMI;
  const last = anAttempt(served, attempt);
  return {
    kind: "completed",
    executionId: EXECUTION,
    finishReason: "stop",
    refused: false,
    tokens: last.tokens,
    usageSource: "REPORTED",
    costNanoUsd: 184_500n,
    priceStatus: "KNOWN",
    cacheSavingNanoUsd: 0n,
    served,
    attempts: [last],
    latencyMs: 830,
    overheadMs: 1.23456,
    ...changes,
  };
};

export const onceAnswer = (changes: Partial<OnceAnswer> = {}): OnceAnswer => ({
  decisionId: "decision-1",
  decision: decisionOf(requestWith()),
  text: "Hello",
  reasoning: "",
  reasoningBlocks: [],
  refusal: "",
  toolCalls: [],
  completed: completed(),
  ...changes,
});

export const completionError = (details: Partial<CompletionErrorDetails>): CompletionError =>
  new CompletionError({ code: "UNAVAILABLE", reason: "PROVIDER_ERROR", message: "It failed.", ...details });

/** An engine that tells what a test wants it to. */
export type Script = (call: CompletionCall) => AsyncIterable<readonly EngineEvent[]>;

export type Listener = Readonly<{ url: string; logged: string[]; close(): Promise<void> }>;

/** The API on a port of its own. */
export async function listen(complete: Script, changes: Partial<ChatDeps> = {}): Promise<Listener> {
  const logged: string[] = [];
  const say = (message: string, fields: object = {}) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const app = fastify();
  addOpenAiApi(app, {
    complete,
    completeOnce: () => Promise.reject(new Error("not scripted")),
    models: () => MODELS,
    rules: { allowImageUrls: false },
    shutdownSignal: new AbortController().signal,
    wallMs: () => 1_700_000_000_000,
    log: { info: say, warn: say, error: say },
    ...changes,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    logged,
    close: async () => {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

/** The data of every frame. */
export const framesOf = (stream: string): readonly string[] =>
  stream
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => frame.replace(/^data: /, ""));
