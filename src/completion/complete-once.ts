/**
 * The same completion for a caller that wants the answer in one piece.
 *
 * It reads a stream all the same. A whole answer is silent until it is done, so a dead route could be told from a thinking
 * model only by waiting as long as the longest answer may take; over the stream the same clocks apply as always, a cancelled
 * call has a lower bound of its cost, and a runaway answer is cut. What that costs is parsing more, smaller frames;
 * nothing is sent between, so the engine's own share is one array per read and one pass over it at the end.
 */
import type { ReasoningBlock, ToolCall } from "../providers/provider.ts";
import type { Decision } from "../routing/types.ts";
import type { CompletionCall, EngineDeps } from "./call.ts";
import { complete } from "./complete.ts";
import type { CompletedEvent } from "./events.ts";
import { Gathered } from "./gathered.ts";

export type OnceAnswer = Readonly<{
  decisionId: string;
  decision: Decision;
  text: string;
  reasoning: string;
  /** The same to be given back. */
  reasoningBlocks: readonly ReasoningBlock[];
  refusal: string;
  toolCalls: readonly ToolCall[];
  completed: CompletedEvent;
}>;

/** @throws CompletionError as `complete` does; never with a partial answer, because no part of it was given away */
export async function completeOnce(call: CompletionCall, deps: EngineDeps): Promise<OnceAnswer> {
  const gathered = new Gathered();
  for await (const events of complete({ ...call, delivery: "ASSURED" }, deps)) {
    for (const event of events) gathered.add(event);
  }
  const { decided, completed, answer } = gathered;
  if (decided === undefined || completed === undefined) {
    throw new Error("the engine ended without saying how");
  }
  const { decisionId, decision } = decided;
  return { decisionId, decision, ...answer, completed };
}
