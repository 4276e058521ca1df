import type { Dialect } from "../../providers/provider.ts";

/** A part of the prompt, in order. The hash of all of them seeds the answer; prefixes of them can be cached. */
export type PromptBlock = Readonly<{
  /** What tells this block from another: role and content. */
  identity: string;
  characters: number;
  /** Anthropic: a cache breakpoint stands behind this block. */
  cacheFor?: "5m" | "1h";
}>;

export type OfferedTool = Readonly<{ name: string; parameters: unknown }>;
export type ToolChoice = Readonly<{ kind: "auto" | "none" | "required" } | { kind: "tool"; name: string }>;
export type AnswerFormat = Readonly<{ kind: "text" | "json" } | { kind: "json_schema"; schema: unknown }>;

/** One request, as far as an answer depends on it, whatever its dialect. */
export type Ask = Readonly<{
  dialect: Dialect;
  /** Without the fault suffix. */
  model: string;
  stream: boolean;
  /** OpenAI and Kimi: `stream_options.include_usage`. */
  includeUsage: boolean;
  /** OpenAI: random padding in every chunk. */
  includeObfuscation: boolean;
  maxOutputTokens?: number;
  stop: readonly string[];
  tools: readonly OfferedTool[];
  toolChoice: ToolChoice;
  parallelToolCalls: boolean;
  format: AnswerFormat;
  /** Whether the model thinks first, and whether the caller sees it. */
  reasoning: "none" | "hidden" | "visible";
  prompt: readonly PromptBlock[];
  /** The text of the last message with text from the user; directives are read in it. */
  lastUserText: string;
  lastMessage: "user" | "assistant" | "tool" | "other";
}>;

/** What a request may ask of the sandbox itself: `[tokens=60]` in the last user message, or a fault. */
export type Directives = Readonly<{
  /** Exact length of the text, in tokens. */
  tokens?: number;
  /** The text is at least this long, in tokens. */
  minimumTokens: number;
  reasoningTokens?: number;
  /** How often the first tool is called. */
  calls?: number;
  /** The text depends on this alone, not on the model or the messages. */
  seed?: string;
  refuse: boolean;
  /** The text holds CJK, emoji and joiners. */
  unicode: boolean;
}>;

const LONGEST_TEXT_TOKENS = 1_000_000;
const TOKENS = /\[tokens=(\d{1,9})\]/;
const REASONING = /\[reasoning=(\d{1,9})\]/;
const CALLS = /\[calls=(\d{1,9})\]/;
const SEED = /\[seed=([\w-]{1,64})\]/;

/** Reads `[tokens=60]`, `[reasoning=8]`, `[calls=2]`, `[seed=abc]`, `[refuse]` and `[unicode]`, anywhere in the text. */
export function readDirectives(text: string): Directives {
  const count = (directive: RegExp): number | undefined => {
    const digits = directive.exec(text)?.[1];
    return digits === undefined ? undefined : Math.min(Number(digits), LONGEST_TEXT_TOKENS);
  };
  return {
    tokens: count(TOKENS),
    minimumTokens: 0,
    reasoningTokens: count(REASONING),
    calls: count(CALLS),
    seed: SEED.exec(text)?.[1],
    refuse: text.includes("[refuse]"),
    unicode: text.includes("[unicode]"),
  };
}
