/** Faults that replace the whole exchange. */
import { PAYLOAD_CANARY } from "../dialects/canaries.ts";
import type { ErrorKind, Voice } from "../dialects/voice.ts";
import type { Playable } from "../exchange/items.ts";
import { failure, JSON_TYPE, jsonFailure, type Reply, type ReplyContext } from "../exchange/reply.ts";
import { errorKindOf } from "./flow-faults.ts";
import type { FaultsOf, InjectedFault } from "./table.ts";

/** `recorded` needs the recordings and `refuses-prefill` the request; the exchange sees to those two. */
type PlainReplyFault = Exclude<FaultsOf<"reply">, "recorded" | "refuses-prefill">;
type ReplyFault = (fault: InjectedFault, voice: Voice, context: ReplyContext) => Reply | undefined;

const HTML_BYTES = 8 * 1024;

const REPLY_FAULTS: Readonly<Record<PlainReplyFault, ReplyFault>> = {
  "429": rateLimit(() => ({})),
  "429-retry-after": rateLimit(({ amount }) => ({ "retry-after": String(amount) })),
  "429-retry-after-date": rateLimit(({ amount }, _voice, { wallMs }) => ({
    "retry-after": new Date(wallMs + amount * 1000).toUTCString(),
  })),
  "429-retry-after-ms": rateLimit(({ amount }) => ({ "retry-after-ms": String(amount) })),
  "429-ratelimit-reset": rateLimit(({ amount }, voice, { wallMs }) => voice.resetHeaders(amount, wallMs)),
  quota,
  "500": error("server-error"),
  "503": error("unavailable"),
  "529": (_fault, voice, context) => {
    const { body } = voice.error("overloaded", context);
    return jsonFailure({ status: 529, body }, voice.headers(context, context.wallMs));
  },
  overloaded: error("overloaded"),
  "502-html": () => html(502),
  "html-200": () => html(200),
  "error-in-200": ({ word }, voice, context) => {
    const { body } = voice.error(errorKindOf(word), context);
    return jsonFailure({ status: 200, body }, voice.headers(context, context.wallMs));
  },
  "context-length": error("context-length"),
  "content-filter": (fault, voice, context) =>
    // Anthropic has no status for it: the answer stops with a refusal.
    voice.dialect === "anthropic" ? undefined : error("content-filter")(fault, voice, context),
  auth: error("auth"),
  forbidden: error("forbidden"),
  "model-404": error("model-not-found"),
  reset: () => played([{ kind: "reset" }]),
  silence: () => played([{ kind: "hang" }]),
};

/**
 * The reply that the faults of this layer ask for; undefined when there is none. The first decides; of several 429 all
 * headers are sent.
 */
export function replyFor(
  faults: readonly InjectedFault[],
  voice: Voice,
  context: ReplyContext,
): Reply | undefined {
  const replies = faults
    .filter(isPlainReplyFault)
    .map((fault) => REPLY_FAULTS[fault.name](fault, voice, context))
    .filter((reply) => reply !== undefined);
  const [first] = replies;
  if (first?.status !== 429) return first;
  const headers = replies.filter(({ status }) => status === 429).map((reply) => reply.headers);
  return { ...first, headers: Object.assign({}, ...headers) };
}

const isPlainReplyFault = (fault: InjectedFault): fault is InjectedFault & { name: PlainReplyFault } =>
  Object.hasOwn(REPLY_FAULTS, fault.name);

function error(kind: ErrorKind): ReplyFault {
  return (_fault, voice, context) =>
    jsonFailure(voice.error(kind, context), voice.headers(context, context.wallMs));
}

function rateLimit(
  more: (fault: InjectedFault, voice: Voice, context: ReplyContext) => Readonly<Record<string, string>>,
): ReplyFault {
  return (fault, voice, context) => {
    const reply = jsonFailure(voice.error("rate-limit", context), {});
    return {
      ...reply,
      headers: { ...limitHeaders(voice, context), ...reply.headers, ...more(fault, voice, context) },
    };
  };
}

/** The usual headers without the limits: only the fault says when the limit is lifted. */
const limitHeaders = (voice: Voice, context: ReplyContext): Record<string, string> =>
  Object.fromEntries(
    Object.entries(voice.headers(context, context.wallMs)).filter(([name]) => !name.includes("ratelimit")),
  );

/** Other shapes of an empty account, by status. */
const QUOTA_BY_STATUS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "anthropic 429": {
    type: "rate_limit_error",
    message: "You have reached your spend limit.",
    details: { error_code: "enforced_spend_limit_reached" },
  },
  "anthropic 400": {
    type: "invalid_request_error",
    message: "You have reached your specified API usage limits.",
  },
  "kimi 429": {
    type: "exceeded_current_quota_error",
    message:
      "Your account org-sandbox is suspended due to insufficient balance, please recharge your account",
  },
};

function quota({ amount }: InjectedFault, voice: Voice, context: ReplyContext): Reply {
  const usual = voice.error("quota", context);
  const inner = QUOTA_BY_STATUS[`${voice.dialect} ${amount}`];
  const other = inner === undefined ? usual : { status: amount, body: { ...usual.body, error: inner } };
  return jsonFailure(other, limitHeaders(voice, context));
}

function html(status: number): Reply {
  const page = `<!doctype html><html><head><title>Gateway</title></head><body><h1>${PAYLOAD_CANARY}</h1>`;
  return failure(
    status,
    { "content-type": "text/html" },
    `${page.padEnd(HTML_BYTES, "<p>Please wait.</p>")}</body></html>`,
  );
}

const played = (items: readonly Playable[]): Reply => ({ status: 200, headers: JSON_TYPE, items });
