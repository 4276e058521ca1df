/** A streamed answer of Anthropic's messages. */
import { type AnswerReader, type FinishEvent, FrameParser, OutputMeter } from "../answer-reader.ts";
import { findErrorReport } from "../failure-rules.ts";
import { asCount, asRecord, asText, type JsonRecord } from "../json.ts";
import type { CompletionEvent } from "../provider.ts";
import { RepeatedFrame } from "../repeated-frame.ts";
import type { ResponseFailures } from "../response-failures.ts";
import type { ServerSentEvent } from "../sse.ts";
import { messagesFinishReason } from "./messages-finish.ts";
import { MessagesUsage } from "./messages-usage.ts";

/** A tool call so far. */
type OpenCall = { readonly ordinal: number; readonly startInput: unknown; hasArguments: boolean };

/** More blocks than any answer has; a larger index is nonsense. */
const MAX_BLOCKS = 4_096;
/** More than the signatures and the encrypted reasoning of any answer; they are no tokens, so the output cap does not bound them. */
const MOST_SEAL_CHARACTERS = 1_048_576;

/**
 * Goes by the `type` in each event's JSON. Unknown events, blocks and deltas are passed over, and so is every block of a tool that the
 * server runs itself.
 */
export class MessagesReader implements AnswerReader {
  readonly #failures: ResponseFailures;
  readonly #frames: FrameParser;
  readonly #meter: OutputMeter;
  readonly #textFrame = new RepeatedFrame('"delta":{"type":"text_delta","text":"');
  readonly #usage = new MessagesUsage();
  /** By block index, a number that was checked. It counts all blocks, so it is not the call's ordinal. */
  readonly #calls = new Map<number, OpenCall>();
  /** Of the block of reasoning that is open. */
  #signature = "";
  #sealCharacters = 0;
  #stopReason = "";
  #stopped = false;
  #model = "";

  constructor(maxOutputTokens: number, failures: ResponseFailures) {
    this.#failures = failures;
    this.#frames = new FrameParser(failures);
    this.#meter = new OutputMeter(maxOutputTokens, failures);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  accept(frame: ServerSentEvent, out: CompletionEvent[]): boolean {
    const text = this.#textFrame.find(frame);
    if (text !== undefined) {
      this.#emit("text", text, out);
      return this.#stopped;
    }
    const from = out.length;
    const skipped = this.#frames.skippedFrames;
    this.#readEvent(frame, out);
    if (this.#frames.skippedFrames === skipped) this.#textFrame.learn(frame, out.slice(from));
    return this.#stopped;
  }

  #readEvent({ event, data }: ServerSentEvent, out: CompletionEvent[]): void {
    const body = this.#frames.parse(data);
    if (body === undefined) return;
    const report = findErrorReport(body, event);
    if (report !== undefined) throw this.#failures.reported(report);
    if (body.type === "content_block_delta") this.#readDelta(body, out);
    else if (body.type === "content_block_start") this.#startBlock(body, out);
    else if (body.type === "content_block_stop") this.#endReasoning(out);
    else if (body.type === "message_start") this.#readMessage(asRecord(body.message), out);
    else if (body.type === "message_delta") this.#readEnd(body, out);
    else if (body.type === "message_stop") this.#stopped = true;
  }

  finish(): FinishEvent {
    if (!this.#stopped) throw this.#failures.failed("truncated", "no message_stop");
    const usage = this.#usage.total;
    return {
      kind: "finish",
      reason: messagesFinishReason(this.#stopReason, this.#failures),
      skippedFrames: this.#frames.skippedFrames,
      usageMismatch: false,
      ...(usage && { usage }),
      ...(this.#model !== "" && { model: this.#model }),
    };
  }

  #readMessage(message: JsonRecord | undefined, out: CompletionEvent[]): void {
    this.#model ||= asText(message?.model);
    this.#readUsage(message?.usage, out);
  }

  #readUsage(value: unknown, out: CompletionEvent[]): void {
    this.#usage.add(value);
    const usage = this.#usage.total;
    if (usage !== undefined) out.push({ kind: "usage", usage });
  }

  #readEnd(body: JsonRecord, out: CompletionEvent[]): void {
    this.#stopReason = asText(asRecord(body.delta)?.stop_reason) || this.#stopReason;
    if (this.#stopReason === "tool_use") this.#fillEmptyCalls(out);
    this.#readUsage(body.usage, out);
  }

  #readDelta(body: JsonRecord, out: CompletionEvent[]): void {
    const delta = asRecord(body.delta);
    if (delta?.type === "text_delta") this.#emit("text", asText(delta.text), out);
    else if (delta?.type === "thinking_delta") this.#emit("reasoning", asText(delta.thinking), out);
    else if (delta?.type === "signature_delta") this.#signature += this.#sealed(asText(delta.signature));
    else if (delta?.type === "input_json_delta") {
      const call = this.#calls.get(asCount(body.index) ?? -1);
      if (call !== undefined) this.#continueCall(call, asText(delta.partial_json), out);
    }
  }

  #startBlock(body: JsonRecord, out: CompletionEvent[]): void {
    const block = asRecord(body.content_block);
    if (block?.type === "text") this.#emit("text", asText(block.text), out);
    else if (block?.type === "thinking") this.#startReasoning(block, out);
    else if (block?.type === "redacted_thinking") this.#emitEncrypted(asText(block.data), out);
    else if (block?.type === "tool_use") this.#startCall(asCount(body.index), block, out);
  }

  #startReasoning(block: JsonRecord, out: CompletionEvent[]): void {
    this.#emit("reasoning", asText(block.thinking), out);
    this.#signature = this.#sealed(asText(block.signature));
  }

  /** The signature comes in pieces or whole, and counts once its block has ended. */
  #endReasoning(out: CompletionEvent[]): void {
    if (this.#signature === "") return;
    out.push({ kind: "reasoning", text: "", signature: this.#signature });
    this.#signature = "";
  }

  #emitEncrypted(encrypted: string, out: CompletionEvent[]): void {
    if (encrypted !== "") out.push({ kind: "reasoning", text: "", encrypted: this.#sealed(encrypted) });
  }

  #sealed(seal: string): string {
    this.#sealCharacters += seal.length;
    if (this.#sealCharacters <= MOST_SEAL_CHARACTERS) return seal;
    throw this.#failures.failed("output_limit", "signatures without end");
  }

  #startCall(key: number | undefined, block: JsonRecord, out: CompletionEvent[]): void {
    if (key === undefined || key >= MAX_BLOCKS || this.#calls.has(key)) {
      this.#frames.skip();
      return;
    }
    const name = asText(block.name);
    if (name === "") throw this.#failures.failed("protocol", "a tool call without a name");
    const ordinal = this.#calls.size;
    this.#calls.set(key, { ordinal, startInput: block.input, hasArguments: false });
    out.push({ kind: "tool_call", index: ordinal, id: asText(block.id), name, argumentsJson: "" });
  }

  #continueCall(call: OpenCall, argumentsJson: string, out: CompletionEvent[]): void {
    if (argumentsJson === "") return;
    call.hasArguments = true;
    this.#meter.add(argumentsJson);
    out.push({ kind: "tool_call", index: call.ordinal, argumentsJson });
  }

  /**
   * A call whose deltas were all empty has the input that its block started with. Known only from the stop reason: at the token limit it
   * would be a call cut short.
   */
  #fillEmptyCalls(out: CompletionEvent[]): void {
    for (const call of this.#calls.values()) {
      if (!call.hasArguments) this.#continueCall(call, JSON.stringify(call.startInput ?? {}), out);
    }
  }

  #emit(kind: "text" | "reasoning", text: string, out: CompletionEvent[]): void {
    if (text === "") return;
    this.#meter.add(text);
    out.push({ kind, text });
  }
}
