/** A streamed answer as one message, and one message as a stream again. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Completed,
  type CompleteOnceResponse,
  CompleteOnceResponseSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  type Reasoning,
  type ReasoningDelta,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { ReasoningBlocks } from "../../completion/reasoning-blocks.ts";
import { reasoningToProto } from "../convert/reasoning.ts";

type ToolCallInit = { id: string; name: string; argumentsJson: string };

/** Gathers the events of an answer. */
export class GatheredAnswer {
  #decision: CompleteOnceResponse["decision"];
  #text = "";
  #reasoning = new ReasoningBlocks();
  #refusal = "";
  #toolCalls: ToolCallInit[] = [];

  add({ event }: CompleteResponse): void {
    switch (event.case) {
      case "decision":
        this.#decision = event.value;
        break;
      case "textDelta":
        if (event.value.refusal) this.#refusal += event.value.text;
        else this.#text += event.value.text;
        break;
      case "reasoningDelta":
        this.#reasoning.add(reasoningPiece(event.value));
        break;
      case "toolCallDelta":
        this.#addToolCall(event.value);
        break;
      case "reset":
        this.#forget();
        break;
    }
  }

  /** The answer, now that it is whole. */
  whole(completed: Completed): CompleteOnceResponse {
    return create(CompleteOnceResponseSchema, {
      decision: this.#decision,
      text: this.#text,
      reasoning: this.#reasoning.text,
      reasoningBlocks: this.#reasoning.all.map(reasoningToProto),
      refusal: this.#refusal,
      toolCalls: this.#toolCalls.filter((call) => call !== undefined),
      completed,
    });
  }

  #addToolCall({ index, id, name, argumentsJson }: ToolCallInit & { index: number }): void {
    const known = this.#toolCalls[index];
    if (known === undefined) this.#toolCalls[index] = { id, name, argumentsJson };
    else known.argumentsJson += argumentsJson;
  }

  #forget(): void {
    this.#text = "";
    this.#reasoning = new ReasoningBlocks();
    this.#refusal = "";
    this.#toolCalls = [];
  }
}

const reasoningPiece = ({ text, signature, encrypted }: ReasoningDelta) => ({
  text,
  ...(signature !== "" && { signature }),
  ...(encrypted !== "" && { encrypted }),
});

type EventInit = NonNullable<MessageInitShape<typeof CompleteResponseSchema>["event"]>;

/** A kept answer as its caller would have read it: the decision, the pieces kind by kind, and `completed`. */
export function* eventsOf(answer: CompleteOnceResponse): Generator<CompleteResponse, void> {
  for (const event of eventInits(answer)) yield create(CompleteResponseSchema, { event });
}

function* eventInits(answer: CompleteOnceResponse): Generator<EventInit, void> {
  const { decision, text, refusal, toolCalls, completed } = answer;
  if (decision !== undefined) yield { case: "decision", value: decision };
  for (const block of reasoningOf(answer)) yield* reasoningInits(block);
  for (const piece of pieces(text)) yield { case: "textDelta", value: { text: piece } };
  for (const piece of pieces(refusal)) yield { case: "textDelta", value: { text: piece, refusal: true } };
  for (const [index, { id, name, argumentsJson }] of toolCalls.entries()) {
    const [first = "", ...rest] = pieces(argumentsJson);
    yield { case: "toolCallDelta", value: { index, id, name, argumentsJson: first } };
    for (const piece of rest) yield { case: "toolCallDelta", value: { index, argumentsJson: piece } };
  }
  if (completed !== undefined) yield { case: "completed", value: completed };
}

type Blocks = readonly Pick<Reasoning, "text" | "signature" | "encrypted">[];

/** An answer that was kept by an earlier version has the text alone. */
const reasoningOf = ({ reasoning, reasoningBlocks }: CompleteOnceResponse): Blocks =>
  reasoningBlocks.length > 0 ? reasoningBlocks : [{ text: reasoning, signature: "", encrypted: "" }];

function* reasoningInits({ text, signature, encrypted }: Blocks[number]): Generator<EventInit, void> {
  for (const piece of pieces(text)) yield { case: "reasoningDelta", value: { text: piece } };
  if (signature !== "" || encrypted !== "") yield { case: "reasoningDelta", value: { signature, encrypted } };
}

/** In UTF-16 units: clients refuse large messages, and one who streams expects none. */
const PIECE_LENGTH = 16_384;

/** The text cut into pieces, never between the halves of a character. None of an empty text. */
function* pieces(text: string): Generator<string, void> {
  for (let start = 0; start < text.length; ) {
    const end = start + PIECE_LENGTH;
    const isSplit = end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff;
    yield text.slice(start, isSplit ? end - 1 : end);
    start = isSplit ? end - 1 : end;
  }
}
