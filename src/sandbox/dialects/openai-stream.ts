/** Ids, usage and chunks of OpenAI chat completions. */
import type { Piece } from "../answer/answer.ts";
import type { Usage } from "../answer/tokens.ts";
import { type Frame, frame, type Item, silentToken, tokenFrame } from "../exchange/items.ts";
import type { JsonRecord } from "../json.ts";
import { type CallId, chatFinish, deltaOf, type TextKeys, type VisiblePiece } from "./chat-frames.ts";
import { Tally } from "./collect.ts";
import { openAiTraits } from "./model-traits.ts";
import { differing, finalReport, toldUsage } from "./usage-style.ts";
import type { Rendering } from "./voice.ts";

const FINGERPRINT = "fp_sandbox";
const LONGEST_PADDING = 16;
/** Reasoning is never shown, so its key is never used. */
const TEXT_KEYS: TextKeys = { text: "content", refusal: "refusal", reasoning: "content" };

export const completionId = ({ salt }: Rendering): string => `chatcmpl-${salt.slice(0, 29)}`;
export const callIdIn =
  ({ salt }: Rendering): CallId =>
  (_name, ordinal) =>
    `call_${ordinal}${salt.slice(24, 46)}`;

export const fingerprintOf = ({ ask }: Rendering): string | null =>
  openAiTraits(ask.model).hasFingerprint ? FINGERPRINT : null;

/** Reasoning models leave the key out. */
export const logprobsOf = ({ ask }: Rendering): JsonRecord =>
  openAiTraits(ask.model).reasons ? {} : { logprobs: null };

export function usageJson(usage: Usage, { ask }: Rendering): JsonRecord {
  const writes = openAiTraits(ask.model).countsCacheWrites
    ? { cache_write_tokens: usage.cacheWriteTokens }
    : {};
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, ...writes, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Builds the chunks of one stream: all share id, model and padding. */
export class Chunks {
  readonly #rendering: Rendering;
  readonly #head: JsonRecord;
  #count = 0;

  constructor(rendering: Rendering) {
    this.#rendering = rendering;
    this.#head = {
      id: completionId(rendering),
      object: "chat.completion.chunk",
      created: rendering.createdSeconds,
      model: rendering.ask.model,
      service_tier: "default",
      system_fingerprint: fingerprintOf(rendering),
    };
  }

  choice(delta: JsonRecord, finishReason: string | null = null, index: unknown = 0): JsonRecord {
    const logprobs = logprobsOf(this.#rendering);
    return this.#chunk([{ index, delta, ...logprobs, finish_reason: finishReason }], null);
  }

  usage(usage: JsonRecord | null): JsonRecord {
    return this.#chunk([], usage);
  }

  #chunk(choices: readonly JsonRecord[], usage: JsonRecord | null): JsonRecord {
    const { ask, usageStyle, salt } = this.#rendering;
    const asked = ask.includeUsage && usageStyle !== "absent" ? { usage } : {};
    this.#count++;
    const padding = salt.slice(0, (this.#count * 7) % LONGEST_PADDING);
    return { ...this.#head, choices, ...asked, ...(ask.includeObfuscation ? { obfuscation: padding } : {}) };
  }
}

export function* openAiFrames(rendering: Rendering): Generator<Item> {
  const { answer, finishes } = rendering;
  const chunks = new Chunks(rendering);
  const tally = new Tally();
  let begun = false;
  for (const piece of answer.pieces) {
    tally.add(piece);
    if (piece.kind === "hidden") yield silentToken(true);
    else {
      const delta = deltaOf(piece, TEXT_KEYS, callIdIn(rendering));
      if (begun) yield tokenFrame(chunks.choice(delta));
      else yield* firstFrames(piece, delta, chunks, answer.pieces);
      begun = true;
    }
  }
  if (!begun) yield frame("start", chunks.choice({ role: "assistant", content: "", refusal: null }));
  yield frame("finish", chunks.choice({}, finishes ? chatFinish(answer.finish, "stop") : null));
  yield* usageFrames(rendering, chunks, toldUsage(tally, rendering));
  yield frame("done", "[DONE]");
}

/** The role comes first, alone; a single tool call begins in the same chunk. */
function* firstFrames(
  piece: VisiblePiece,
  delta: JsonRecord,
  chunks: Chunks,
  pieces: Iterable<Piece>,
): Generator<Frame> {
  const content = piece.kind === "text" ? "" : null;
  if (piece.kind === "call" && callsIn(pieces) === 1) {
    yield tokenFrame(chunks.choice({ role: "assistant", content, ...delta, refusal: null }));
    return;
  }
  const refusal = piece.kind === "call" ? {} : { refusal: null };
  yield frame("start", chunks.choice({ role: "assistant", content, ...refusal }));
  yield tokenFrame(chunks.choice(delta));
}

const callsIn = (pieces: Iterable<Piece>): number => [...pieces].filter(({ kind }) => kind === "call").length;

function* usageFrames(rendering: Rendering, chunks: Chunks, usage: Usage): Generator<Frame> {
  const { ask, usageStyle } = rendering;
  if (!ask.includeUsage || usageStyle === "absent") return;
  if (usageStyle === "null") {
    yield frame("usage", chunks.usage(null));
    return;
  }
  if (usageStyle === "mismatch") yield frame("usage", chunks.usage(usageJson(differing(usage), rendering)));
  yield frame("usage", chunks.usage(usageJson(usage, rendering)), finalReport(rendering));
}
