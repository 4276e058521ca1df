/** What an attempt used, and how surely that is known. */
import type { CompletionEvent, TokenUsage } from "../providers/provider.ts";
import type { UsageSource } from "../store/records.ts";

/**
 * Input from the length of the messages; output as the larger of the pieces that came, each of which holds a token at
 * least, and a token for every four characters.
 */
export const ESTIMATE_METHOD = "pieces_and_characters";
const CHARACTERS_PER_TOKEN = 4;

export type AttemptUsage = Readonly<{
  usage: TokenUsage;
  source: UsageSource;
  /** How what was not reported was estimated; absent when nothing was. */
  method?: typeof ESTIMATE_METHOD;
}>;

const NO_TOKENS: TokenUsage = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };

/** What came out of an attempt, counted as it comes. */
export class OutputMeter {
  /** Pieces of content with something in them. */
  pieces = 0;
  /** UTF-16 units of all content, tool arguments and names included. */
  characters = 0;
  /** The newest the provider said before its end. */
  interim: TokenUsage | undefined;
  /** The model refused, in words. */
  refused = false;

  /** Counts one event; true when it is content. */
  add(event: CompletionEvent): boolean {
    if (event.kind === "finish") return false;
    if (event.kind === "usage") {
      this.interim = event.usage;
      return false;
    }
    const length =
      event.kind === "tool_call" ? event.argumentsJson.length + (event.name?.length ?? 0) : event.text.length;
    if (length === 0) return isSeal(event); // it goes to the caller, and is no token
    if (event.kind === "refusal") this.refused = true;
    this.pieces += 1;
    this.characters += length;
    return true;
  }

  get outputTokens(): number {
    return Math.max(this.pieces, Math.ceil(this.characters / CHARACTERS_PER_TOKEN));
  }
}

/** The end of a block of reasoning, or one that only its provider can read. */
export const isSeal = (event: CompletionEvent): boolean =>
  event.kind === "reasoning" && (event.signature !== undefined || event.encrypted !== undefined);

/** An answer that came to its end: as reported, or estimated when the report is missing or cannot be true. */
export function usageOfFinished(
  reported: TokenUsage | undefined,
  meter: OutputMeter,
  estimatedInputTokens: number,
): AttemptUsage {
  if (reported !== undefined && isCredible(reported, meter)) return { usage: reported, source: "REPORTED" };
  const known = reported ?? meter.interim;
  return { usage: atLeast(known, estimatedInputTokens, meter), source: "ESTIMATED", method: ESTIMATE_METHOD };
}

/**
 * An answer that did not come to its end. What was seen of it is the lower bound of what it cost.
 * @param wasStopped we ended it in good health, so 0 is a lower bound too; of one that failed before it said anything
 *   nobody knows
 */
export function usageOfUnfinished(
  meter: OutputMeter,
  estimatedInputTokens: number,
  wasStopped: boolean,
): AttemptUsage {
  if (meter.pieces === 0 && meter.interim === undefined) {
    return { usage: NO_TOKENS, source: wasStopped ? "PARTIAL" : "UNKNOWN" };
  }
  return {
    usage: atLeast(meter.interim, estimatedInputTokens, meter),
    source: "PARTIAL",
    method: ESTIMATE_METHOD,
  };
}

function atLeast(
  known: TokenUsage | undefined,
  estimatedInputTokens: number,
  meter: OutputMeter,
): TokenUsage {
  const believed = known !== undefined && isWhole(known) ? known : NO_TOKENS;
  const inputTokens = believed.inputTokens > 0 ? believed.inputTokens : Math.ceil(estimatedInputTokens);
  return { ...believed, inputTokens, outputTokens: Math.max(believed.outputTokens, meter.outputTokens) };
}

/** No prompt is empty, and an answer with text in it was not made of nothing. */
function isCredible(usage: TokenUsage, meter: OutputMeter): boolean {
  return isWhole(usage) && usage.inputTokens > 0 && (usage.outputTokens > 0 || meter.pieces === 0);
}

function isWhole(usage: TokenUsage): boolean {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = usage;
  return [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens].every(
    (tokens) => Number.isSafeInteger(tokens) && tokens >= 0,
  );
}
