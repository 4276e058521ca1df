/** From a parsed request and its faults to the reply. */
import { hash } from "node:crypto";
import { type Answer, answerTo, endlessAnswer } from "../answer/answer.ts";
import { type Ask, type Directives, readDirectives } from "../answer/ask.ts";
import type { PromptReading } from "../answer/prompt-cache.ts";
import { finalReport } from "../dialects/usage-style.ts";
import {
  type ErrorReply,
  hasKey,
  type Incoming,
  type Problem,
  type Rendering,
  type UsageStyle,
  type Voice,
} from "../dialects/voice.ts";
import { type FlowContext, tokensNeeded, withFlowFaults } from "../faults/flow-faults.ts";
import { replyFor } from "../faults/reply-faults.ts";
import type { FaultName, InjectedFault } from "../faults/table.ts";
import { withBodyFaults, withWholeFaults } from "../faults/whole-faults.ts";
import type { World } from "../world.ts";
import { BAD_BYTE_MARK, type Encoding, encodeBody, encodeEvents, encodingFor, gzipped } from "./encode.ts";
import { frame, type Item, type Playable, silentToken } from "./items.ts";
import { JSON_TYPE, jsonFailure, type Reply, type ReplyContext } from "./reply.ts";

/** Spare tokens behind the place where a fault strikes: a cut answer is a shortened one. */
const TOKENS_BEHIND_FAULT = 20;

const USAGE_STYLES: ReadonlyMap<FaultName, UsageStyle> = new Map([
  ["no-usage", "absent"],
  ["usage-null", "null"],
  ["usage-zero", "zero"],
  ["usage-mismatch", "mismatch"],
]);

export type PlanContext = Readonly<{ voice: Voice; world: World; reply: ReplyContext }>;

/** Faults first, then what the real API would refuse, then the answer. */
export async function planReply(
  incoming: Incoming,
  faults: readonly InjectedFault[],
  context: PlanContext,
): Promise<Reply> {
  const { voice, world, reply } = context;
  if (!hasKey(incoming.headers)) return refuse(voice.error("no-key", reply), context);
  const recorded = faults.find(({ name }) => name === "recorded");
  if (recorded !== undefined) return recordedReply(recorded.word, context);
  const replaced = replyFor(faults, voice, reply);
  if (replaced !== undefined) return { ...replaced, items: delayed(replaced.items, faults) };
  const problem = voice.findProblem(incoming);
  if (problem !== undefined) return refuseAsBad(problem, context);
  const ask = voice.readAsk(incoming);
  if (ask.lastMessage === "assistant" && has(faults, "refuses-prefill")) {
    return refuseAsBad({ message: "This model does not support assistant message prefill." }, context);
  }
  const prompt = world.cache.read(`${ask.dialect}/${ask.model}`, ask.prompt, voice.cachePolicy(ask.model));
  const window = world.catalogue.findModel(ask.dialect, ask.model)?.contextWindowTokens;
  const fits = window === undefined || prompt.inputTokens <= window;
  if (!fits) return refuse(voice.error("context-length", reply), context);
  return answerReply(renderingFor(ask, prompt, faults, context), faults, context);
}

const has = (faults: readonly InjectedFault[], name: FaultName): boolean =>
  faults.some((fault) => fault.name === name);

/** An error in the dialect's words. */
export const refuse = (error: ErrorReply, { voice, reply }: PlanContext): Reply =>
  jsonFailure(error, voice.headers(reply, reply.wallMs));

export const refuseAsBad = (problem: Problem, context: PlanContext): Reply =>
  refuse(context.voice.badRequest(problem, context.reply), context);

async function recordedReply(file: string, context: PlanContext): Promise<Reply> {
  const found = await context.world.recordings.replyFor(context.voice.dialect, file);
  return (
    found ?? refuseAsBad({ message: `The sandbox has no recording "${file}" of this dialect.` }, context)
  );
}

/** Only `slow-headers` goes together with the replies that replace an answer. */
function* delayed(items: Iterable<Playable>, faults: readonly InjectedFault[]): Generator<Playable> {
  for (const fault of faults) if (fault.name === "slow-headers") yield { kind: "pause", ms: fault.amount };
  yield* items;
}

function renderingFor(
  ask: Ask,
  prompt: PromptReading,
  faults: readonly InjectedFault[],
  { reply }: PlanContext,
): Rendering {
  const asked = readDirectives(ask.lastUserText);
  const needed = tokensNeeded(faults);
  const directives: Directives = {
    ...asked,
    minimumTokens: needed === 0 ? 0 : needed + TOKENS_BEHIND_FAULT,
    refuse: asked.refuse || has(faults, "refusal") || has(faults, "content-filter"),
  };
  const seed = directives.seed === undefined ? prompt.digest : hash("sha256", directives.seed);
  return {
    ask,
    answer: answerWithFaults(ask, answerTo(ask, directives, seed), faults),
    prompt,
    salt: hash("sha256", prompt.digest + reply.requestId),
    createdSeconds: Math.floor(reply.wallMs / 1000),
    usageStyle:
      faults.map(({ name }) => USAGE_STYLES.get(name)).find((style) => style !== undefined) ?? "normal",
    finishes: !has(faults, "no-finish"),
  };
}

function answerWithFaults(ask: Ask, answer: Answer, faults: readonly InjectedFault[]): Answer {
  if (has(faults, "endless")) return ask.stream ? endlessAnswer() : twiceTheLimit(ask);
  return has(faults, "bad-utf8") ? withBadByte(answer) : answer;
}

function twiceTheLimit(ask: Ask): Answer {
  const length = 2 * (ask.maxOutputTokens ?? 1000);
  return {
    pieces: Array.from({ length }, () => ({ kind: "text", text: " again" }) as const),
    finish: "length",
  };
}

/** Marks the second piece of text, or the only one. */
function withBadByte(answer: Answer): Answer {
  const pieces = [...answer.pieces];
  const texts = pieces.flatMap((piece, index) => (piece.kind === "text" ? [index] : []));
  const at = texts[1] ?? texts[0];
  const marked = pieces.map((piece, index) =>
    index === at && piece.kind === "text" ? { ...piece, text: piece.text + BAD_BYTE_MARK } : piece,
  );
  return { ...answer, pieces: marked };
}

function answerReply(rendering: Rendering, faults: readonly InjectedFault[], context: PlanContext): Reply {
  const { voice, world, reply } = context;
  const encoding = encodingFor(faults, voice.dialect === "anthropic");
  const flow: FlowContext = { voice, rendering, error: reply, pingIntervalMs: world.pingIntervalMs };
  const items = rendering.ask.stream
    ? streamed(rendering, faults, flow, encoding)
    : whole(rendering, faults, flow, encoding);
  const type = rendering.ask.stream ? { "content-type": "text/event-stream; charset=utf-8" } : JSON_TYPE;
  return {
    status: 200,
    headers: {
      ...voice.headers(reply, reply.wallMs),
      ...type,
      ...(encoding.gzip ? { "content-encoding": "gzip" } : {}),
    },
    items: encoding.gzip ? gzipped(items) : items,
    prompt: rendering.prompt,
  };
}

function streamed(
  rendering: Rendering,
  faults: readonly InjectedFault[],
  flow: FlowContext,
  encoding: Encoding,
): Iterable<Playable> {
  return encodeEvents(withFlowFaults(headersThen(flow.voice.frames(rendering)), faults, flow), encoding);
}

function* headersThen(items: Iterable<Item>): Generator<Item> {
  yield { kind: "headers" };
  yield* items;
}

function whole(
  rendering: Rendering,
  faults: readonly InjectedFault[],
  flow: FlowContext,
  encoding: Encoding,
): Iterable<Playable> {
  const pieces = [...rendering.answer.pieces];
  const body = withBodyFaults({ json: flow.voice.body(rendering), failed: false }, faults, flow);
  if (body.failed) {
    return withWholeFaults(
      [encodeBody(frame("body", body.json, { failed: true }), encoding)],
      faults,
      flow.pingIntervalMs,
    );
  }
  const effect = { sent: pieces.length, ...finalReport(rendering) };
  const bytes = encodeBody(frame("body", body.json, effect), encoding);
  const generation = pieces.map(({ kind }) => silentToken(kind === "hidden" || kind === "reasoning"));
  return withWholeFaults([...generation, bytes], faults, flow.pingIntervalMs);
}
