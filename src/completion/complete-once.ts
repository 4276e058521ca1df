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
import type { CompletedEvent, EngineEvent } from "./events.ts";
import { ReasoningBlocks } from "./reasoning-blocks.ts";

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
  return gathered.whole();
}

type Decided = Extract<EngineEvent, { kind: "decision" }>;

class Gathered {
  readonly #said = { text: "", refusal: "" };
  readonly #reasoning = new ReasoningBlocks();
  readonly #toolCalls: { id: string; name: string; argumentsJson: string }[] = [];
  #decided: Decided | undefined;
  #completed: CompletedEvent | undefined;

  add(event: EngineEvent): void {
    switch (event.kind) {
      case "text":
      case "refusal":
        this.#said[event.kind] += event.text;
        break;
      case "reasoning":
        this.#reasoning.add(event);
        break;
      case "tool_call":
        this.#addToolCall(event);
        break;
      case "decision":
        this.#decided = event;
        break;
      case "completed":
        this.#completed = event;
        break;
      case "attempt_started":
      case "attempt_failed":
      case "reset":
    }
  }

  whole(): OnceAnswer {
    if (this.#decided === undefined || this.#completed === undefined) {
      throw new Error("the engine ended without saying how");
    }
    const { decisionId, decision } = this.#decided;
    const toolCalls = this.#toolCalls.filter((call) => call !== undefined);
    const { text: reasoning, all: reasoningBlocks } = this.#reasoning;
    return {
      decisionId,
      decision,
      ...this.#said,
      reasoning,
      reasoningBlocks,
      toolCalls,
      completed: this.#completed,
    };
  }

  #addToolCall({ index, id, name, argumentsJson }: Extract<EngineEvent, { kind: "tool_call" }>): void {
    const known = this.#toolCalls[index];
    if (known === undefined) this.#toolCalls[index] = { id: id ?? "", name: name ?? "", argumentsJson };
    else known.argumentsJson += argumentsJson;
  }
}
