/** OpenAI chat completions. */
import type { Ask } from "../answer/ask.ts";
import { frame } from "../exchange/items.ts";
import type { JsonRecord } from "../json.ts";
import { PAYLOAD_CANARY } from "./canaries.ts";
import { chatFinish, STRAY_INDEXES, wholeCall } from "./chat-frames.ts";
import { readChatAsk } from "./chat-read.ts";
import { collect } from "./collect.ts";
import { openAiTraits } from "./model-traits.ts";
import { openAiBadRequest, openAiError } from "./openai-errors.ts";
import { OPENAI_RULES } from "./openai-rules.ts";
import {
  Chunks,
  callIdIn,
  completionId,
  fingerprintOf,
  logprobsOf,
  openAiFrames,
  usageJson,
} from "./openai-stream.ts";
import { firstProblem } from "./rules.ts";
import { toldUsage } from "./usage-style.ts";
import type { Incoming, Rendering, Voice } from "./voice.ts";

function readAsk(incoming: Incoming): Ask {
  const { reasons } = openAiTraits(incoming.model);
  const thinks = reasons && incoming.body.reasoning_effort !== "none";
  return { ...readChatAsk(incoming), dialect: "openai", reasoning: thinks ? "hidden" : "none" };
}

function body(rendering: Rendering): JsonRecord {
  const { answer, ask, usageStyle, finishes } = rendering;
  const { text, refusal, calls, tally } = collect(answer.pieces);
  const toolCalls = calls.map((call, ordinal) => wholeCall(call, callIdIn(rendering)(call.name, ordinal)));
  const message = {
    role: "assistant",
    content: refusal !== "" || (text === "" && calls.length > 0) ? null : text,
    ...(calls.length > 0 ? { tool_calls: toolCalls } : {}),
    refusal: refusal === "" ? null : refusal,
    annotations: [],
  };
  const usage = usageJson(toldUsage(tally, rendering), rendering);
  return {
    id: completionId(rendering),
    object: "chat.completion",
    created: rendering.createdSeconds,
    model: ask.model,
    choices: [
      {
        index: 0,
        message,
        ...logprobsOf(rendering),
        finish_reason: finishes ? chatFinish(answer.finish, "stop") : null,
      },
    ],
    ...(usageStyle === "absent"
      ? {}
      : { usage: usageStyle === "null" ? null : mismatched(usage, usageStyle) }),
    service_tier: "default",
    system_fingerprint: fingerprintOf(rendering),
  };
}

const mismatched = (usage: JsonRecord, style: Rendering["usageStyle"]): JsonRecord =>
  style === "mismatch" ? { ...usage, total_tokens: Number(usage.total_tokens) + 1 } : usage;

export const openAiVoice: Voice = {
  dialect: "openai",
  findProblem: (incoming) => firstProblem(OPENAI_RULES, incoming),
  readAsk,
  cachePolicy: (model) => ({
    minimumTokens: 1024,
    stepTokens: 128,
    breakpointsOnly: false,
    countsWrites: openAiTraits(model).countsCacheWrites,
  }),
  headers: ({ requestId }) => ({
    "x-request-id": requestId,
    "openai-processing-ms": "17",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "199998",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "0s",
  }),
  resetHeaders: (waitMs) => ({
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": waitMs < 1000 ? `${waitMs}ms` : `${waitMs / 1000}s`,
  }),
  error: openAiError,
  badRequest: openAiBadRequest,
  errorFrame: (errorBody) => frame("error", errorBody, { failed: true }),
  frames: openAiFrames,
  body,
  oddFrames: (rendering) => {
    const chunks = new Chunks(rendering);
    return {
      ping: frame("ping", "ping", { comment: true }),
      malformed: frame(
        "odd",
        `{"id":"${completionId(rendering)}","choices":[{"delta":{"content":"${PAYLOAD_CANARY}`,
      ),
      unknown: [
        frame("odd", {
          object: "sandbox.note",
          choices: [],
          usage: null,
          created: "0",
          note: { deep: null },
        }),
        frame("odd", chunks.choice({ sandbox_delta: null, content: null, count: "1" }), {
          event: "sandbox_note",
        }),
      ],
      strayIndexes: STRAY_INDEXES.flatMap((index) => [
        frame("odd", chunks.choice({ content: "" }, null, index)),
        frame("odd", chunks.choice({ tool_calls: [{ index, function: { arguments: "" } }] })),
      ]),
    };
  },
  models: (names) => ({
    object: "list",
    data: names.map((id) => ({ id, object: "model", created: 0, owned_by: "sandbox" })),
  }),
};
