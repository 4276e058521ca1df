/** Kimi (Moonshot): OpenAI's chat completions with its own usage, reasoning, tool-call ids and errors. */
import type { Ask } from "../answer/ask.ts";
import type { Usage } from "../answer/tokens.ts";
import { type Frame, frame, type Item, silentToken, tokenFrame } from "../exchange/items.ts";
import type { JsonRecord } from "../json.ts";
import { PAYLOAD_CANARY } from "./canaries.ts";
import { type CallId, chatFinish, deltaOf, STRAY_INDEXES, type TextKeys, wholeCall } from "./chat-frames.ts";
import { readChatAsk } from "./chat-read.ts";
import { collect, Tally } from "./collect.ts";
import { kimiBadRequest, kimiError } from "./kimi-errors.ts";
import { KIMI_RULES, kimiThinks } from "./kimi-rules.ts";
import { kimiTraits } from "./model-traits.ts";
import { firstProblem } from "./rules.ts";
import { differing, finalReport, toldUsage } from "./usage-style.ts";
import type { Incoming, Rendering, Voice } from "./voice.ts";

const FINGERPRINT = "fpv0_5a4d8b0c";
const TEXT_KEYS: TextKeys = { text: "content", refusal: "content", reasoning: "reasoning_content" };

const readAsk = (incoming: Incoming): Ask => ({
  ...readChatAsk(incoming),
  dialect: "kimi",
  reasoning: kimiThinks(incoming.model, incoming.body) ? "visible" : "none",
});

const completionId = ({ salt }: Rendering): string => `chatcmpl-${salt.slice(0, 24)}`;
/** Unique in one answer only, as the real ones are. */
const callId: CallId = (name, ordinal) => `${name}:${ordinal}`;

/** Cached tokens stand at the top, and are left out when there are none; details came with later models. */
function usageJson(usage: Usage, { ask }: Rendering): JsonRecord {
  const { countsCacheWrites, countsReasoning } = kimiTraits(ask.model);
  const cached = usage.cachedInputTokens > 0 ? { cached_tokens: usage.cachedInputTokens } : {};
  const prompt = { ...cached, cache_write_tokens: usage.cacheWriteTokens };
  const completion = { reasoning_tokens: usage.reasoningTokens };
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    ...cached,
    ...(countsCacheWrites ? { prompt_tokens_details: prompt } : {}),
    ...(countsReasoning ? { completion_tokens_details: completion } : {}),
  };
}

const head = (rendering: Rendering): JsonRecord => ({
  id: completionId(rendering),
  object: "chat.completion.chunk",
  created: rendering.createdSeconds,
  model: rendering.ask.model,
});

const chunk = (rendering: Rendering, choice: JsonRecord): JsonRecord => ({
  ...head(rendering),
  choices: [choice],
  system_fingerprint: FINGERPRINT,
});

const choiceOf = (delta: JsonRecord): JsonRecord => ({ index: 0, delta, finish_reason: null });

function* frames(rendering: Rendering): Generator<Item> {
  const tally = new Tally();
  yield frame("start", chunk(rendering, choiceOf({ role: "assistant", content: "" })));
  for (const piece of rendering.answer.pieces) {
    tally.add(piece);
    if (piece.kind === "hidden") yield silentToken(true);
    else {
      const reasoning = piece.kind === "reasoning" ? 1 : 0;
      yield tokenFrame(chunk(rendering, choiceOf(deltaOf(piece, TEXT_KEYS, callId))), { reasoning });
    }
  }
  yield* lastFrames(rendering, toldUsage(tally, rendering));
  yield frame("done", "[DONE]");
}

/** Usage stands inside the last choice, and once more in a chunk of its own when it was asked for. */
function* lastFrames(rendering: Rendering, usage: Usage): Generator<Frame> {
  const { answer, ask, usageStyle, finishes } = rendering;
  const told = usageStyle === "null" ? null : usageJson(usage, rendering);
  const first = usageStyle === "mismatch" ? usageJson(differing(usage), rendering) : told;
  const finish = {
    index: 0,
    delta: {},
    finish_reason: finishes ? chatFinish(answer.finish, "content_filter") : null,
    ...(usageStyle === "absent" ? {} : { usage: first }),
  };
  yield frame("finish", chunk(rendering, finish), usageStyle === "mismatch" ? {} : finalReport(rendering));
  const twice = usageStyle === "mismatch" || (ask.includeUsage && usageStyle !== "absent");
  if (!twice) return;
  const second = { ...head(rendering), choices: [], usage: told };
  yield frame("usage", second, finalReport(rendering));
}

function body(rendering: Rendering): JsonRecord {
  const { answer, ask, usageStyle, finishes } = rendering;
  const { text, reasoning, refusal, calls, tally } = collect(answer.pieces);
  const toolCalls = calls.map((call, index) => ({ index, ...wholeCall(call, callId(call.name, index)) }));
  const message = {
    role: "assistant",
    content: text + refusal,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
  const finishReason = finishes ? chatFinish(answer.finish, "content_filter") : null;
  const usage = usageJson(toldUsage(tally, rendering), rendering);
  const total = Number(usage.total_tokens) + (usageStyle === "mismatch" ? 1 : 0);
  return {
    id: completionId(rendering),
    object: "chat.completion",
    created: rendering.createdSeconds,
    model: ask.model,
    choices: [{ index: 0, message, finish_reason: finishReason }],
    ...(usageStyle === "absent"
      ? {}
      : { usage: usageStyle === "null" ? null : { ...usage, total_tokens: total } }),
  };
}

export const kimiVoice: Voice = {
  dialect: "kimi",
  findProblem: (incoming) => firstProblem(KIMI_RULES, incoming),
  readAsk,
  cachePolicy: (model) => ({
    minimumTokens: 1,
    stepTokens: 1,
    breakpointsOnly: false,
    countsWrites: kimiTraits(model).countsCacheWrites,
  }),
  headers: ({ requestId }) => ({ "x-request-id": requestId }),
  resetHeaders: (waitMs) => ({ "x-ratelimit-reset-requests": `${waitMs}ms` }),
  error: kimiError,
  badRequest: kimiBadRequest,
  errorFrame: (errorBody) => frame("error", errorBody, { failed: true }),
  frames,
  body,
  oddFrames: (rendering) => ({
    ping: frame("ping", "ping", { comment: true }),
    malformed: frame(
      "odd",
      `{"id":"${completionId(rendering)}","choices":[{"delta":{"content":"${PAYLOAD_CANARY}`,
    ),
    unknown: [
      frame("odd", { object: "sandbox.note", choices: [], usage: null, created: "0", note: { deep: null } }),
      frame("odd", chunk(rendering, choiceOf({ sandbox_delta: null, content: null, count: "1" })), {
        event: "sandbox_note",
      }),
    ],
    strayIndexes: STRAY_INDEXES.flatMap((index) => [
      frame("odd", chunk(rendering, { ...choiceOf({ content: "" }), index })),
      frame("odd", chunk(rendering, choiceOf({ tool_calls: [{ index, function: { arguments: "" } }] }))),
    ]),
  }),
  models: (names) => ({
    object: "list",
    data: names.map((id) => ({ id, object: "model", created: 0, owned_by: "moonshot" })),
  }),
};
