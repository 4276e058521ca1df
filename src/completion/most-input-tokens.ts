/** An upper bound of what a call can be billed as input, before any tokenizer has seen it. Pure. */
import type { CompletionCall } from "./call.ts";

/**
 * The most tokens that an image is billed as, whatever its size: OpenAI's gpt-4o-mini bills 2,833 and 5,667 for each of up
 * to 8 tiles, which is 48,169; the other models of the catalogue bill less.
 */
export const MOST_IMAGE_TOKENS = 50_000;
/** What a dialect puts around a message, a part or a tool. */
const MARKUP_TOKENS = 16;
/** What a provider adds of its own, such as the instructions that come with tools. */
const PREAMBLE_TOKENS = 1_024;

/**
 * A byte-level tokenizer makes at most one token of a byte of UTF-8, so all text that is sent, however it is nested, counts
 * by its bytes; images count as the largest there is.
 */
export function mostInputTokens({
  messages,
  tools,
  toolChoice,
  responseFormat,
}: Pick<CompletionCall, "messages" | "tools" | "toolChoice" | "responseFormat">): number {
  return PREAMBLE_TOKENS + boundOf([messages, tools, toolChoice, responseFormat]);
}

function boundOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return MOST_IMAGE_TOKENS;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + boundOf(item), 0);
  if (typeof value !== "object" || value === null) return 1;
  const image = "kind" in value && value.kind === "image_url" ? MOST_IMAGE_TOKENS : 0;
  return image + MARKUP_TOKENS + boundOf(Object.values(value));
}
