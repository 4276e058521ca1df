/** Counting and joining the pieces of an answer. */
import type { Piece } from "../answer/answer.ts";
import type { PromptReading } from "../answer/prompt-cache.ts";
import type { Usage } from "../answer/tokens.ts";

/** Counts the tokens of an answer while it is being rendered. */
export class Tally {
  output = 0;
  reasoning = 0;

  add(piece: Piece): void {
    this.output++;
    if (piece.kind === "hidden" || piece.kind === "reasoning") this.reasoning++;
  }

  usage(prompt: PromptReading): Usage {
    return {
      inputTokens: prompt.inputTokens,
      cachedInputTokens: prompt.cachedInputTokens,
      cacheWriteTokens: prompt.cacheWriteTokens,
      outputTokens: this.output,
      reasoningTokens: this.reasoning,
    };
  }
}

export type CollectedCall = { readonly name: string; argumentsJson: string };
export type Collected = {
  text: string;
  reasoning: string;
  refusal: string;
  readonly calls: CollectedCall[];
  readonly tally: Tally;
};

/** A whole answer from its pieces. They must have an end. */
export function collect(pieces: Iterable<Piece>): Collected {
  const collected: Collected = { text: "", reasoning: "", refusal: "", calls: [], tally: new Tally() };
  for (const piece of pieces) {
    collected.tally.add(piece);
    addPiece(collected, piece);
  }
  return collected;
}

function addPiece(collected: Collected, piece: Piece): void {
  if (piece.kind === "call") collected.calls.push({ name: piece.name, argumentsJson: "" });
  else if (piece.kind === "arguments") {
    const call = collected.calls[piece.ordinal];
    if (call !== undefined) call.argumentsJson += piece.text;
  } else if (piece.kind !== "hidden") collected[piece.kind] += piece.text;
}
