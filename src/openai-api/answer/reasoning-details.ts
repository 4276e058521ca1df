/**
 * The reasoning of an answer as its caller sends it back, in the words of OpenRouter's `reasoning_details`. `reasoning_content` has no place
 * for a signature, and clients that add up a stream may keep only the last piece of a field they do not know: so it comes
 * once, whole, and only with an answer that calls tools, which is when a model wants it back.
 */
import type { ReasoningBlock } from "../../providers/provider.ts";

/** Whose signatures and encrypted reasoning these are. */
export const SEALED_FORMAT = "anthropic-claude-v1";

export type ReasoningDetail = Readonly<{ index: number }> &
  (
    | Readonly<{ type: "reasoning.text"; text: string; signature?: string; format?: typeof SEALED_FORMAT }>
    | Readonly<{ type: "reasoning.encrypted"; data: string; format: typeof SEALED_FORMAT }>
  );
export type WithReasoningDetails = Readonly<{ reasoning_details?: readonly ReasoningDetail[] }>;

export const reasoningDetails = (
  blocks: readonly ReasoningBlock[],
  callsTools: boolean,
): WithReasoningDetails =>
  callsTools && blocks.length > 0 ? { reasoning_details: blocks.map(detailOf) } : {};

function detailOf({ text, signature, encrypted }: ReasoningBlock, index: number): ReasoningDetail {
  if (encrypted !== undefined) {
    return { type: "reasoning.encrypted", data: encrypted, format: SEALED_FORMAT, index };
  }
  return {
    type: "reasoning.text",
    text,
    ...(signature !== undefined && { signature, format: SEALED_FORMAT }),
    index,
  };
}
