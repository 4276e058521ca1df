/** The port between the engine and the model APIs. An adapter translates and classifies; it never retries, routes, logs or prices. */
import type { ModelParameters } from "../pricing/types.ts";

export const DIALECTS = ["openai", "anthropic", "kimi"] as const;
export type Dialect = (typeof DIALECTS)[number];

export type ChatMessage =
  | Readonly<{ role: "system"; text: string }>
  | Readonly<{ role: "user"; parts: readonly UserPart[] }>
  | Readonly<{
      role: "assistant";
      text: string;
      toolCalls: readonly ToolCall[];
      /** What the model thought before; absent: nothing that is known. */
      reasoning?: readonly ReasoningBlock[];
    }>
  | Readonly<{ role: "tool"; toolCallId: string; text: string; isError: boolean }>;
export type UserPart =
  | Readonly<{ kind: "text"; text: string }>
  | Readonly<{ kind: "image"; mediaType: string; data: Uint8Array }>
  | Readonly<{ kind: "image_url"; url: string }>;
/** `argumentsJson` is exactly what the model wrote; it need not be JSON when the answer was cut. */
export type ToolCall = Readonly<{ id: string; name: string; argumentsJson: string }>;

/**
 * A block of a model's reasoning, as it came. Each dialect sends back what it can and leaves the rest out: a signature and encrypted
 * reasoning go only to the dialect that has them, so one provider's never reach another.
 */
export type ReasoningBlock = Readonly<{
  /** What can be read; "" where its provider shows none of it. */
  text: string;
  /** Its provider's proof that the text is its model's. */
  signature?: string;
  /** Reasoning that only its provider can read; there is neither text nor signature then. */
  encrypted?: string;
}>;

export type ToolDefinition = Readonly<{
  name: string;
  description: string;
  parametersJson: string;
  strict: boolean;
}>;
export type ToolChoice = Readonly<{ kind: "auto" | "none" | "required" } | { kind: "tool"; name: string }>;
export type ResponseFormat = Readonly<
  { kind: "text" | "json" } | { kind: "json_schema"; name: string; schemaJson: string; strict: boolean }
>;

/** One call to one model. What the model cannot take has been left out by the router before. */
export type CompletionRequest = Readonly<{
  model: string;
  /** From the catalogue: how this model wants its parameters named. */
  parameters: ModelParameters;
  messages: readonly ChatMessage[];
  tools: readonly ToolDefinition[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  responseFormat: ResponseFormat;
  maxOutputTokens: number;
  temperature?: number;
  topP?: number;
  stop?: readonly string[];
  seed?: number;
  /** The next call that has it repeats the beginning of this one's prompt. Absent: nobody will read what is cached. */
  cacheKey?: string;
  /** Sent along with those of the dialect, as they are: name, value, name, value. Never a caller's text unchecked. */
  headers?: readonly string[];
}>;

/** As billed. Cached and cache-written tokens are part of `inputTokens`; reasoning is part of `outputTokens`. */
export type TokenUsage = Readonly<{
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  /** Absent: the provider did not say. */
  reasoningTokens?: number;
}>;

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

export type CompletionEvent =
  | Readonly<{ kind: "text"; text: string }>
  /** `signature` ends a block and `encrypted` is one; with either the text is "". */
  | Readonly<{ kind: "reasoning"; text: string; signature?: string; encrypted?: string }>
  | Readonly<{ kind: "refusal"; text: string }>
  /** `index` is the call's ordinal in this answer, from 0; `id` and `name` come with its first piece only. */
  | Readonly<{ kind: "tool_call"; index: number; id?: string; name?: string; argumentsJson: string }>
  /** Input usage may be known before the end; the last one wins, never add. */
  | Readonly<{ kind: "usage"; usage: TokenUsage }>
  /** Last, exactly once, and only after the provider's own terminal event. */
  | Readonly<{
      kind: "finish";
      reason: FinishReason;
      /** Absent: the provider reported none. */
      usage?: TokenUsage;
      /** The model that answered, as the provider names it. */
      model?: string;
      /** Malformed frames that were skipped. */
      skippedFrames: number;
      /** The provider reported usage twice and the two differ; the later one counts. */
      usageMismatch: boolean;
    }>;

export type Completion = Readonly<{
  text: string;
  reasoning: string;
  /** The same to be given back. */
  reasoningBlocks: readonly ReasoningBlock[];
  refusal: string;
  toolCalls: readonly ToolCall[];
  finishReason: FinishReason;
  usage?: TokenUsage;
  model?: string;
  usageMismatch: boolean;
}>;

/** What an attempt watches to run its clocks. Each is called synchronously. */
export type ExchangeObserver = Readonly<{
  /** Status and headers arrived. */
  onHeaders(): void;
  /** Body bytes arrived. */
  onBytes(): void;
}>;

export interface ModelProvider {
  /** The configured id: "openai", "anthropic", "kimi" or a custom one. */
  readonly id: string;
  readonly dialect: Dialect;
  /** The whole answer. Rejects with ProviderError, or with `signal.reason` once aborted. */
  complete(request: CompletionRequest, signal: AbortSignal, observer: ExchangeObserver): Promise<Completion>;
  /**
   * The answer in events; those that arrived together come together, in one array (never empty). Ends after `finish`.
   * Fails by throwing from the iterator, as `complete` rejects. Returning early or aborting closes the connection.
   */
  stream(
    request: CompletionRequest,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): AsyncIterable<readonly CompletionEvent[]>;
}
