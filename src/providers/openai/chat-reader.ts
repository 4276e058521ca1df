/** A streamed answer of chat completions. */
import { type AnswerReader, type FinishEvent, FrameParser, OutputMeter } from "../answer-reader.ts";
import { findErrorReport } from "../failure-rules.ts";
import { asList, asRecord, asText, type JsonRecord } from "../json.ts";
import type { CompletionEvent, TokenUsage } from "../provider.ts";
import { RepeatedFrame } from "../repeated-frame.ts";
import type { ResponseFailures } from "../response-failures.ts";
import type { ServerSentEvent } from "../sse.ts";
import { chatFinishReason } from "./chat-finish.ts";
import { ChatToolCalls } from "./chat-tool-calls.ts";
import { chatUsage, sameUsage } from "./chat-usage.ts";

const DONE = "[DONE]";

/**
 * Liberal in what it takes, for all hosts of the dialect alike: usage beside the choices or inside the first, reasoning under either
 * name, an error in any chunk. Strict in one thing: without a finish reason there is no answer, `[DONE]` or not.
 */
export class ChatReader implements AnswerReader {
  readonly #failures: ResponseFailures;
  readonly #frames: FrameParser;
  readonly #meter: OutputMeter;
  readonly #textFrame = new RepeatedFrame('"delta":{"content":"');
  readonly #toolCalls = new ChatToolCalls();
  #finishReason = "";
  #model = "";
  #usage: TokenUsage | undefined;
  /** The usage is from the end of the answer; before that it may be a running count. */
  #usageIsFinal = false;
  #usageMismatch = false;

  constructor(maxOutputTokens: number, failures: ResponseFailures) {
    this.#failures = failures;
    this.#frames = new FrameParser(failures);
    this.#meter = new OutputMeter(maxOutputTokens, failures);
  }

  get stopped(): boolean {
    return this.#finishReason !== "";
  }

  accept(frame: ServerSentEvent, out: CompletionEvent[]): boolean {
    if (frame.data === DONE) return true;
    const text = this.#textFrame.find(frame);
    if (text !== undefined) {
      this.#emit("text", text, out);
      return false;
    }
    const from = out.length;
    const skipped = this.#frames.skippedFrames;
    this.#readChunk(frame, out);
    if (this.#frames.skippedFrames === skipped) this.#textFrame.learn(frame, out.slice(from));
    return false;
  }

  #readChunk({ event, data }: ServerSentEvent, out: CompletionEvent[]): void {
    const chunk = this.#frames.parse(data);
    if (chunk === undefined) return;
    const report = findErrorReport(chunk, event);
    if (report !== undefined) throw this.#failures.reported(report);
    this.#model ||= asText(chunk.model);
    for (const value of asList(chunk.choices)) {
      const choice = asRecord(value);
      if (choice !== undefined && isFirst(choice)) this.#readChoice(choice, out);
    }
    if (chunk.usage) this.#readUsage(chunk.usage, out);
  }

  finish(): FinishEvent {
    const reason = chatFinishReason(this.#finishReason, this.#failures);
    if (this.#toolCalls.hasNameless) throw this.#failures.failed("protocol", "a tool call without a name");
    return {
      kind: "finish",
      reason,
      skippedFrames: this.#frames.skippedFrames,
      usageMismatch: this.#usageMismatch,
      ...(this.#usage && { usage: this.#usage }),
      ...(this.#model !== "" && { model: this.#model }),
    };
  }

  #readChoice(choice: JsonRecord, out: CompletionEvent[]): void {
    const delta = asRecord(choice.delta);
    if (delta !== undefined) this.#readDelta(delta, out);
    // A later null does not take the reason back.
    this.#finishReason = asText(choice.finish_reason) || this.#finishReason;
    if (choice.usage) this.#readUsage(choice.usage, out);
  }

  #readDelta(delta: JsonRecord, out: CompletionEvent[]): void {
    this.#emit("reasoning", asText(delta.reasoning_content) || asText(delta.reasoning), out);
    this.#emit("text", asText(delta.content), out);
    this.#emit("refusal", asText(delta.refusal), out);
    if (!delta.tool_calls) return;
    for (const piece of asList(delta.tool_calls)) {
      const event = this.#toolCalls.accept(piece);
      if (event === "malformed") this.#frames.skip();
      else if (event?.kind === "tool_call") {
        this.#meter.add(event.argumentsJson);
        out.push(event);
      }
    }
  }

  #emit(kind: "text" | "reasoning" | "refusal", text: string, out: CompletionEvent[]): void {
    if (text === "") return;
    this.#meter.add(text);
    out.push({ kind, text });
  }

  #readUsage(value: unknown, out: CompletionEvent[]): void {
    const usage = chatUsage(value);
    if (usage === undefined) return;
    if (this.#usageIsFinal && this.#usage && !sameUsage(this.#usage, usage)) this.#usageMismatch = true;
    this.#usage = usage;
    this.#usageIsFinal = this.stopped;
    out.push({ kind: "usage", usage });
  }
}

/** One choice is asked for; a host that sends others must not mix them into it. */
function isFirst(choice: JsonRecord): boolean {
  return choice.index === 0 || choice.index === undefined || choice.index === null || choice.index === "0";
}
