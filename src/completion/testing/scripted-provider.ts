/** Providers in memory that do what a test tells them to, and remember what they were asked. */
import type {
  Completion,
  CompletionEvent,
  CompletionRequest,
  ExchangeObserver,
  ModelProvider,
  TokenUsage,
} from "../../providers/provider.ts";
import {
  ProviderError,
  type ProviderErrorDetails,
  type ProviderFailure,
} from "../../providers/provider-error.ts";

export type Move =
  | Readonly<{ do: "headers" }>
  | Readonly<{ do: "bytes" }>
  | Readonly<{ do: "hang" }>
  | Readonly<{ do: "crash" }>
  | Readonly<{ do: "wait"; ms: number }>
  | Readonly<{ do: "send"; events: readonly CompletionEvent[] }>
  | Readonly<{ do: "fail"; failure: ProviderFailure; details: ProviderErrorDetails }>;
export type Script = readonly Move[];

export type ProviderCall = {
  readonly request: CompletionRequest;
  readonly startedMs: number;
  abortedMs: number | undefined;
  /** The generator came to its end, by itself or because it was closed. */
  isClosed: boolean;
  /** The text it has handed out. */
  text: string;
  /** It has said that this is the end. */
  isFinished: boolean;
};

export const USAGE: TokenUsage = {
  inputTokens: 100,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 5,
};

export const headers: Move = { do: "headers" };
export const bytes: Move = { do: "bytes" };
export const hang: Move = { do: "hang" };
export const crash: Move = { do: "crash" };
export const wait = (ms: number): Move => ({ do: "wait", ms });
export const send = (...events: readonly CompletionEvent[]): Move => ({ do: "send", events });
export const fail = (failure: ProviderFailure, details: ProviderErrorDetails = {}): Move => ({
  do: "fail",
  failure,
  details,
});

export const text = (content: string): CompletionEvent => ({ kind: "text", text: content });
export const usage = (reported: TokenUsage): CompletionEvent => ({ kind: "usage", usage: reported });
export const finish = (
  over: Partial<Extract<CompletionEvent, { kind: "finish" }>> = {},
): CompletionEvent => ({
  kind: "finish",
  reason: "stop",
  usage: USAGE,
  skippedFrames: 0,
  usageMismatch: false,
  ...over,
});
/** One text per array, then the end. */
export const says = (...texts: readonly string[]): Script => [
  headers,
  ...texts.map((content) => send(text(content))),
  send(finish()),
];

/** Answers each call to a model with the next of its scripts; the last one is used again and again. */
export class ScriptedProvider implements ModelProvider {
  readonly id: string;
  readonly dialect = "openai";
  readonly calls: ProviderCall[] = [];
  readonly #scripts: ReadonlyMap<string, readonly Script[]>;
  readonly #nowMs: () => number;
  readonly #asked = new Map<string, number>();

  constructor(id: string, scripts: ReadonlyMap<string, readonly Script[]>, nowMs: () => number) {
    this.id = id;
    this.#scripts = scripts;
    this.#nowMs = nowMs;
  }

  complete(): Promise<Completion> {
    throw new Error("the engine reads streams only");
  }

  async *stream(
    request: CompletionRequest,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): AsyncGenerator<readonly CompletionEvent[], void, undefined> {
    const call: ProviderCall = {
      request,
      startedMs: this.#nowMs(),
      abortedMs: undefined,
      isClosed: false,
      text: "",
      isFinished: false,
    };
    this.calls.push(call);
    signal.addEventListener("abort", () => {
      call.abortedMs = this.#nowMs();
    });
    try {
      for (const move of this.#nextScript(request.model)) {
        if (signal.aborted) throw signal.reason;
        if (move.do === "send") yield noted(call, move.events);
        else await this.#act(move, signal, observer);
      }
    } finally {
      call.isClosed = true;
    }
  }

  #nextScript(model: string): Script {
    const scripts = this.#scripts.get(model) ?? [];
    const asked = this.#asked.get(model) ?? 0;
    this.#asked.set(model, asked + 1);
    return scripts[Math.min(asked, scripts.length - 1)] ?? [];
  }

  async #act(
    move: Exclude<Move, { do: "send" }>,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): Promise<void> {
    switch (move.do) {
      case "headers":
        return observer.onHeaders();
      case "bytes":
        return observer.onBytes();
      case "wait":
        return untilAborted(signal, move.ms);
      case "hang":
        return untilAborted(signal);
      case "crash":
        throw new TypeError("secret sk-canary in a message");
      case "fail":
        throw new ProviderError(this.id, move.failure, move.details);
    }
  }
}

function noted(call: ProviderCall, events: readonly CompletionEvent[]): readonly CompletionEvent[] {
  for (const event of events) {
    if (event.kind === "text") call.text += event.text;
    call.isFinished ||= event.kind === "finish";
  }
  return events;
}

function untilAborted(signal: AbortSignal, ms?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
