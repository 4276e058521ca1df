/** An answer in the chunks of a stream. Of each chunk only what is new is written down anew. */
import type { OpenAI } from "openai";
import type { CompletedEvent, ContentEvent, EngineEvent } from "../../completion/events.ts";
import { ReasoningBlocks } from "../../completion/reasoning-blocks.ts";
import type { FinishReason } from "../../providers/provider.ts";
import { targetKey } from "../../routing/types.ts";
import { type Known, Progress } from "./progress.ts";
import { reasoningDetails, type WithReasoningDetails } from "./reasoning-details.ts";
import { reportOf, usageOf } from "./report.ts";

type Delta = OpenAI.ChatCompletionChunk.Choice.Delta &
  Readonly<{ reasoning_content?: string }> &
  WithReasoningDetails;

export const completionId = (executionId: string): string => `chatcmpl-${executionId}`;

const DONE = "data: [DONE]\n\n";
const BEGINNING: Delta = { role: "assistant", content: "", refusal: null };

export class ChunkWriter {
  readonly #created: number;
  readonly #includeUsage: boolean;
  readonly #progress = new Progress();
  readonly #tail: string;
  readonly #reasoning = new ReasoningBlocks();
  /** What every chunk begins with; absent when it has to be written anew. */
  #written: string | undefined;
  #hasBegun = false;
  #callsTools = false;

  /** @param created when the call came, in seconds of Unix time */
  constructor({ created, includeUsage }: Readonly<{ created: number; includeUsage: boolean }>) {
    this.#created = created;
    this.#includeUsage = includeUsage;
    this.#tail = includeUsage ? ',"usage":null}\n\n' : "}\n\n";
  }

  get known(): Known {
    return this.#progress.known;
  }

  /** All has been written. */
  get isDone(): boolean {
    return this.#progress.isCompleted;
  }

  /** What the caller gets of events that came together; "" when that is nothing. */
  write(events: readonly EngineEvent[]): string {
    let frames = "";
    for (const event of events) frames += this.#frames(event);
    return frames;
  }

  #frames(event: EngineEvent): string {
    switch (event.kind) {
      case "text":
      case "refusal":
      case "tool_call":
        this.#callsTools ||= event.kind === "tool_call";
        return this.#beginning() + this.#delta(deltaOf(event), null);
      case "reasoning":
        this.#reasoning.add(event);
        return event.text === "" ? "" : this.#beginning() + this.#delta(deltaOf(event), null);
      case "completed":
        this.#note(event);
        return this.#beginning() + this.#end(event);
      default:
        this.#note(event);
        return "";
    }
  }

  #note(event: EngineEvent): void {
    this.#progress.note(event);
    this.#written = undefined; // who answers may have changed
  }

  /** The role comes before anything else, once. */
  #beginning(): string {
    if (this.#hasBegun) return "";
    this.#hasBegun = true;
    return this.#delta(BEGINNING, null);
  }

  #end(completed: CompletedEvent): string {
    const details = reasoningDetails(this.#reasoning.all, this.#callsTools);
    const reasoning = details.reasoning_details === undefined ? "" : this.#delta(details, null);
    const last = this.#delta({}, completed.finishReason);
    return reasoning + last + (this.#includeUsage ? this.#usage(completed) : "") + DONE;
  }

  #delta(delta: Delta, finishReason: FinishReason | null): string {
    const finish = finishReason === null ? "null" : `"${finishReason}"`;
    const choice = `{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${finish}}`;
    return `${this.#head()}${choice}]${this.#tail}`;
  }

  #usage(completed: CompletedEvent): string {
    const sums = { usage: usageOf(completed), modeltier: reportOf(this.known, completed) };
    return `${this.#head()}],${JSON.stringify(sums).slice(1)}\n\n`;
  }

  #head(): string {
    if (this.#written === undefined) {
      const { executionId, served } = this.known;
      const head = JSON.stringify({
        id: completionId(executionId),
        object: "chat.completion.chunk",
        created: this.#created,
        model: targetKey(served),
      });
      this.#written = `data: ${head.slice(0, -1)},"choices":[`;
    }
    return this.#written;
  }
}

function deltaOf(event: ContentEvent): Delta {
  switch (event.kind) {
    case "text":
      return { content: event.text };
    case "refusal":
      return { refusal: event.text };
    case "reasoning":
      return { reasoning_content: event.text };
    case "tool_call":
      return { tool_calls: [toolCallPiece(event)] };
  }
}

/** Id and name come with the first piece of a call and never again: clients add up what they are given. */
function toolCallPiece({ index, id, name, argumentsJson }: Extract<ContentEvent, { kind: "tool_call" }>) {
  if (name === undefined) return { index, function: { arguments: argumentsJson } };
  return { index, id, type: "function" as const, function: { name, arguments: argumentsJson } };
}
