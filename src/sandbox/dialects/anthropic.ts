/** Anthropic messages. */
import type { Finish, Piece } from "../answer/answer.ts";
import type { Usage } from "../answer/tokens.ts";
import { type Frame, frame, type Item, silentToken, tokenFrame } from "../exchange/items.ts";
import { type JsonRecord, parseJson } from "../json.ts";
import { anthropicBadRequest, anthropicError } from "./anthropic-errors.ts";
import { readAnthropicAsk } from "./anthropic-read.ts";
import { ANTHROPIC_RULES } from "./anthropic-rules.ts";
import { creationJson, inputJson, outputJson, usageField, wholeUsage } from "./anthropic-usage.ts";
import { PAYLOAD_CANARY } from "./canaries.ts";
import { STRAY_INDEXES } from "./chat-frames.ts";
import { collect, Tally } from "./collect.ts";
import { anthropicTraits } from "./model-traits.ts";
import { firstProblem } from "./rules.ts";
import { sign } from "./signatures.ts";
import { differing, finalReport, toldUsage } from "./usage-style.ts";
import type { Rendering, Voice } from "./voice.ts";

const STOP_REASONS: Readonly<Record<Finish, string>> = {
  stop: "end_turn",
  stop_sequence: "stop_sequence",
  length: "max_tokens",
  tool_calls: "tool_use",
  refusal: "refusal",
};
/** What `message_start` says of the output before there is any. */
const INTERIM_OUTPUT_TOKENS = 1;

const messageId = ({ salt }: Rendering): string => `msg_01${salt.slice(0, 22)}`;
const callId = ({ salt }: Rendering, ordinal: number): string => `toolu_01${ordinal}${salt.slice(22, 43)}`;
const signatureOf = (thinking: string, { salt }: Rendering): string => sign(thinking, salt);

/** An event as Anthropic sends it: its name stands in the JSON too. */
const event = (
  type: string,
  fields: JsonRecord,
  part: Frame["part"] = "block",
  more: Partial<Omit<Frame, "kind" | "part" | "data">> = {},
): Frame => frame(part, { type, ...fields }, { event: type, ...more });

/** A refused answer shows nothing: its tokens are billed and its text stays away. */
type ShownPiece = Exclude<Piece, { kind: "hidden" | "refusal" }>;

/** Opens, fills and closes content blocks as the kind of piece changes. */
class Blocks {
  readonly #rendering: Rendering;
  #index = -1;
  #open = "";
  /** Of the block that is open. */
  #thinking = "";

  constructor(rendering: Rendering) {
    this.#rendering = rendering;
  }

  *piece(piece: ShownPiece): Generator<Frame> {
    if (piece.kind === "call") {
      yield* this.#begin(`call ${piece.ordinal}`, this.#toolBlock(piece.ordinal, piece.name), 1);
      yield this.#delta({ type: "input_json_delta", partial_json: "" });
    } else if (piece.kind === "arguments") {
      yield this.#token({ type: "input_json_delta", partial_json: piece.text });
    } else if (piece.kind === "reasoning") {
      if (this.#open !== "thinking")
        yield* this.#begin("thinking", { type: "thinking", thinking: "", signature: "" });
      this.#thinking += piece.text;
      yield this.#token({ type: "thinking_delta", thinking: piece.text }, 1);
    } else {
      if (this.#open !== "text") yield* this.#begin("text", { type: "text", text: "" });
      yield this.#token({ type: "text_delta", text: piece.text });
    }
  }

  *end(): Generator<Frame> {
    if (this.#open === "thinking") {
      const signature = signatureOf(this.#thinking, this.#rendering);
      yield this.#delta({ type: "signature_delta", signature });
      this.#thinking = "";
    }
    if (this.#open !== "") yield event("content_block_stop", { index: this.#index });
    this.#open = "";
  }

  *#begin(kind: string, block: JsonRecord, generated: 0 | 1 = 0): Generator<Frame> {
    yield* this.end();
    this.#open = kind;
    this.#index++;
    const part = generated === 1 ? "token" : "block";
    yield event("content_block_start", { index: this.#index, content_block: block }, part, {
      generated,
      sent: generated,
    });
    if (this.#index === 0) yield event("ping", {}, "ping");
  }

  #toolBlock(ordinal: number, name: string): JsonRecord {
    return { type: "tool_use", id: callId(this.#rendering, ordinal), name, input: {} };
  }

  #delta(delta: JsonRecord): Frame {
    return event("content_block_delta", { index: this.#index, delta });
  }

  #token(delta: JsonRecord, reasoning = 0): Frame {
    const type = "content_block_delta";
    return tokenFrame({ type, index: this.#index, delta }, { event: type, reasoning });
  }
}

function* frames(rendering: Rendering): Generator<Item> {
  const tally = new Tally();
  const blocks = new Blocks(rendering);
  yield messageStart(rendering);
  for (const piece of rendering.answer.pieces) {
    tally.add(piece);
    if (piece.kind === "hidden" || piece.kind === "refusal") yield silentToken(piece.kind === "hidden");
    else yield* blocks.piece(piece);
  }
  yield* blocks.end();
  yield messageDelta(rendering, toldUsage(tally, rendering));
  yield event("message_stop", {}, "done");
}

function messageStart(rendering: Rendering): Frame {
  const { ask, usageStyle } = rendering;
  const counted = { ...toldUsage(new Tally(), rendering), outputTokens: INTERIM_OUTPUT_TOKENS };
  const usage = usageStyle === "mismatch" ? differing(counted) : counted;
  const message = {
    model: ask.model,
    id: messageId(rendering),
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...usageField(rendering, () => ({
      ...inputJson(usage),
      cache_creation: creationJson(rendering, usage),
      output_tokens: usage.outputTokens,
      service_tier: "standard",
      inference_geo: "not_available",
    })),
  };
  return event("message_start", { message }, "start", usageStyle === "normal" ? { reports: "input" } : {});
}

function stopFields({ answer, finishes }: Rendering): JsonRecord {
  const refusal = { type: "refusal", category: null, explanation: "The sandbox was asked to refuse." };
  return {
    stop_reason: finishes ? STOP_REASONS[answer.finish] : null,
    stop_sequence: answer.stopSequence ?? null,
    ...(answer.finish === "refusal" ? { stop_details: refusal } : {}),
  };
}

function messageDelta(rendering: Rendering, usage: Usage): Frame {
  const told = usageField(rendering, () => ({ ...inputJson(usage), ...outputJson(usage, rendering) }));
  return event("message_delta", { delta: stopFields(rendering), ...told }, "finish", finalReport(rendering));
}

function body(rendering: Rendering): JsonRecord {
  const { answer, ask } = rendering;
  const { text, reasoning, calls, tally } = collect(answer.pieces);
  const usage = toldUsage(tally, rendering);
  const thinking = { type: "thinking", thinking: reasoning, signature: signatureOf(reasoning, rendering) };
  const toolUses = calls.map((call, ordinal) => ({
    type: "tool_use",
    id: callId(rendering, ordinal),
    name: call.name,
    input: parseJson(call.argumentsJson) ?? {},
  }));
  return {
    model: ask.model,
    id: messageId(rendering),
    type: "message",
    role: "assistant",
    content: [
      ...(reasoning === "" ? [] : [thinking]),
      ...(text === "" ? [] : [{ type: "text", text }]),
      ...toolUses,
    ],
    ...stopFields(rendering),
    ...usageField(rendering, () => wholeUsage(usage, rendering)),
  };
}

/** RFC 3339 without milliseconds, as the reset headers have it. */
const timestamp = (wallMs: number): string => `${new Date(wallMs).toISOString().slice(0, 19)}Z`;

const strayDelta = (index: unknown): Frame =>
  event("content_block_delta", { index, delta: { type: "text_delta", text: "" } }, "odd");

export const anthropicVoice: Voice = {
  dialect: "anthropic",
  findProblem: (incoming) => firstProblem(ANTHROPIC_RULES, incoming),
  readAsk: readAnthropicAsk,
  cachePolicy: (model) => ({
    minimumTokens: anthropicTraits(model).leastCachedTokens,
    stepTokens: 1,
    breakpointsOnly: true,
    countsWrites: true,
  }),
  headers: ({ requestId }, wallMs) => ({
    "request-id": requestId,
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": timestamp(wallMs),
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "480000",
    "anthropic-ratelimit-tokens-reset": timestamp(wallMs),
  }),
  resetHeaders: (waitMs, wallMs) => ({
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": timestamp(wallMs + waitMs),
  }),
  error: anthropicError,
  badRequest: anthropicBadRequest,
  errorFrame: (errorBody) => frame("error", errorBody, { event: "error", failed: true }),
  frames,
  body,
  oddFrames: () => ({
    ping: event("ping", {}, "ping"),
    malformed: frame("odd", `{"type":"content_block_delta","index":0,"delta":{"text":"${PAYLOAD_CANARY}`, {
      event: "content_block_delta",
    }),
    unknown: [
      event("sandbox_note", { index: "0", value: null }, "odd"),
      event(
        "content_block_start",
        { index: 99, content_block: { type: "sandbox_block", note: null } },
        "odd",
      ),
      event("content_block_stop", { index: 99 }, "odd"),
      event(
        "content_block_delta",
        { index: 0, delta: { type: "sandbox_delta", count: "1", text: null } },
        "odd",
      ),
    ],
    strayIndexes: [
      ...STRAY_INDEXES.map(strayDelta),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }, "odd"),
      strayDelta(0),
    ],
  }),
  models: (names) => ({
    data: names.map((id) => ({ type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" })),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  }),
};
