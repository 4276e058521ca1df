/** An answer put together from the events of its call. */
import type { ReasoningBlock, ToolCall } from "../providers/provider.ts";
import type { CompletedEvent, EngineEvent } from "./events.ts";
import { ReasoningBlocks } from "./reasoning-blocks.ts";

type DecidedEvent = Extract<EngineEvent, { kind: "decision" }>;

export class Gathered {
  decided: DecidedEvent | undefined;
  completed: CompletedEvent | undefined;
  #text = "";
  #refusal = "";
  #reasoning = new ReasoningBlocks();
  #toolCalls: { id: string; name: string; argumentsJson: string }[] = [];

  add(event: EngineEvent): void {
    switch (event.kind) {
      case "text":
        this.#text += event.text;
        break;
      case "refusal":
        this.#refusal += event.text;
        break;
      case "reasoning":
        this.#reasoning.add(event);
        break;
      case "tool_call":
        this.#addToolCall(event);
        break;
      case "decision":
        this.decided = event;
        break;
      case "completed":
        this.completed = event;
        break;
      case "reset":
        this.#forget();
        break;
      case "attempt_started":
      case "attempt_failed":
    }
  }

  /** What came since the beginning, or since the last reset. */
  get answer() {
    const { text: reasoning, all: reasoningBlocks } = this.#reasoning;
    // Where a model numbers its calls with gaps, those are no calls.
    const toolCalls: readonly ToolCall[] = this.#toolCalls.filter((call) => call !== undefined);
    const blocks: readonly ReasoningBlock[] = reasoningBlocks;
    return { text: this.#text, refusal: this.#refusal, reasoning, reasoningBlocks: blocks, toolCalls };
  }

  #forget(): void {
    this.#text = "";
    this.#refusal = "";
    this.#reasoning = new ReasoningBlocks();
    this.#toolCalls = [];
  }

  #addToolCall({ index, id, name, argumentsJson }: Extract<EngineEvent, { kind: "tool_call" }>): void {
    const known = this.#toolCalls[index];
    if (known === undefined) this.#toolCalls[index] = { id: id ?? "", name: name ?? "", argumentsJson };
    else known.argumentsJson += argumentsJson;
  }
}
