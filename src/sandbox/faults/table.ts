/** Every fault the sandbox can inject. */
import { ERROR_KINDS } from "../dialects/voice.ts";

/** Where a fault acts. The code of a layer has one function, or one line, per name. */
export type FaultLayer =
  /** Replaces the whole exchange. */
  | "reply"
  /** Changes what is answered. */
  | "answer"
  /** Changes the order and number of what is sent. */
  | "flow"
  /** Changes how it is written as bytes. */
  | "bytes";

export type FaultDefinition = Readonly<{
  layer: FaultLayer;
  sentence: string;
  /** The number behind `=`; absent: it takes none. */
  amount?: Readonly<{ unit: "tokens" | "ms" | "seconds" | "status"; usual: number }>;
  /** The word behind `=`, or behind `:` when there is a number too; absent: it takes none. */
  word?: Readonly<{ oneOf: readonly string[] | "any file"; usual: string }>;
}>;

const tokens = (usual: number) => ({ unit: "tokens", usual }) as const;
const ms = (usual: number) => ({ unit: "ms", usual }) as const;
const seconds = (usual: number) => ({ unit: "seconds", usual }) as const;
const errorKind = { oneOf: ERROR_KINDS, usual: "overloaded" } as const;

export const FAULTS = {
  none: { layer: "flow", sentence: "No fault: a healthy attempt in a list of faults." },

  "429": { layer: "reply", sentence: "429 rate limit without any hint how long to wait." },
  "429-retry-after": {
    layer: "reply",
    amount: seconds(1),
    sentence: "429 rate limit with `retry-after` in seconds.",
  },
  "429-retry-after-date": {
    layer: "reply",
    amount: seconds(2),
    sentence: "429 rate limit with `retry-after` as an HTTP date, counted from the answer's `date` header.",
  },
  "429-retry-after-ms": {
    layer: "reply",
    amount: ms(200),
    sentence: "429 rate limit with `retry-after-ms`.",
  },
  "429-ratelimit-reset": {
    layer: "reply",
    amount: ms(500),
    sentence: "429 rate limit that tells the wait in the dialect's rate-limit reset headers only.",
  },
  quota: {
    layer: "reply",
    amount: { unit: "status", usual: 0 },
    sentence:
      "No credit: OpenAI 429, Anthropic 402 (=429 enforced spend limit, =400 own limit), Kimi 403 (=429 balance).",
  },
  "500": { layer: "reply", sentence: "500 in the dialect's words." },
  "503": { layer: "reply", sentence: "503 that says nothing of overload." },
  "529": { layer: "reply", sentence: "Status 529 with the dialect's overloaded body, whatever the dialect." },
  overloaded: {
    layer: "reply",
    sentence: "Overloaded as the dialect says it: OpenAI 503, Anthropic 529, Kimi 429.",
  },
  "502-html": { layer: "reply", sentence: "502 with an HTML page from something in between." },
  "html-200": { layer: "reply", sentence: "200 with an HTML page longer than 4 KiB." },
  "error-in-200": { layer: "reply", word: errorKind, sentence: "Status 200 with a JSON error body." },
  "context-length": { layer: "reply", sentence: "400: the prompt is longer than the context window." },
  "content-filter": {
    layer: "reply",
    sentence: "The prompt is refused: 400 at OpenAI and Kimi, stop reason `refusal` at Anthropic.",
  },
  auth: { layer: "reply", sentence: "401 whose text echoes something that looks like a key." },
  forbidden: { layer: "reply", sentence: "403: the key has no permission." },
  "model-404": { layer: "reply", sentence: "404: the model is unknown or retired." },
  "refuses-prefill": {
    layer: "reply",
    sentence: "400 when the last message is the assistant's, otherwise a healthy answer.",
  },
  reset: { layer: "reply", sentence: "TCP reset once the request was read, before any header." },
  silence: { layer: "reply", sentence: "The request is read and never answered." },
  recorded: {
    layer: "reply",
    word: { oneOf: "any file", usual: "text-stream.sse" },
    sentence: "A recorded answer, byte for byte, with its recorded status.",
  },

  refusal: { layer: "answer", sentence: "The model refuses in the dialect's way, with status 200." },
  endless: {
    layer: "answer",
    sentence: "One token again and again, past any limit; whole answers hold twice the limit.",
  },
  "no-finish": { layer: "answer", sentence: "The terminal event comes, but every finish reason is null." },
  "no-usage": { layer: "answer", sentence: "Usage is left out everywhere." },
  "usage-null": { layer: "answer", sentence: "Usage is null where it would stand." },
  "usage-zero": { layer: "answer", sentence: "Usage is zero everywhere, whatever was generated." },
  "usage-mismatch": {
    layer: "answer",
    sentence:
      "Usage comes twice and differs; the later one is what is billed. Whole: `total_tokens` is wrong.",
  },

  "slow-headers": { layer: "flow", amount: ms(1000), sentence: "The headers come late." },
  "slow-first-token": { layer: "flow", amount: ms(1000), sentence: "Headers at once, the first token late." },
  cut: {
    layer: "flow",
    amount: tokens(5),
    sentence: "TCP reset after so many tokens. Whole: after half of the body.",
  },
  "cut-clean": {
    layer: "flow",
    amount: tokens(5),
    sentence:
      "The body ends cleanly after so many tokens, without a terminator. Whole: after half of the body.",
  },
  stall: {
    layer: "flow",
    amount: tokens(5),
    sentence: "Silence after so many tokens, socket open. Whole: after half of the body.",
  },
  "ping-only": {
    layer: "flow",
    amount: tokens(0),
    sentence:
      "After so many tokens nothing but comments (Anthropic: `ping` events), for ever. Whole: spaces.",
  },
  malformed: {
    layer: "flow",
    sentence: "One chunk too many that is not JSON; the rest is whole. Whole: a body that is not JSON.",
  },
  "malformed-twice": { layer: "flow", sentence: "As malformed, two chunks." },
  "no-done": {
    layer: "flow",
    sentence: "Finish reason and usage come, `[DONE]` or `message_stop` does not.",
  },
  "error-first-event": {
    layer: "flow",
    word: errorKind,
    sentence: "Status 200, and the first event is an error.",
  },
  "error-midstream": {
    layer: "flow",
    amount: tokens(5),
    word: errorKind,
    sentence: "An error event after so many tokens, then the end. Whole: as error-in-200.",
  },
  "unknown-events": {
    layer: "flow",
    sentence: "Unknown events and fields, nulls and numbers as strings among the rest.",
  },
  "dup-index": {
    layer: "flow",
    sentence: "Repeated, negative, huge and non-numeric indexes among the rest.",
  },

  "bad-utf8": { layer: "bytes", sentence: "One byte that is not UTF-8 at the end of the second text token." },
  crlf: {
    layer: "bytes",
    word: { oneOf: ["crlf", "cr", "mixed"], usual: "crlf" },
    sentence: "Other line ends than LF in the stream.",
  },
  bom: { layer: "bytes", sentence: "A byte order mark before the first event." },
  "no-final-blank": { layer: "bytes", sentence: "The last event is not followed by a blank line." },
  "proto-keys": { layer: "bytes", sentence: "`__proto__` and `constructor` keys in every object." },
  gzip: { layer: "bytes", sentence: "The body is gzip, whatever was accepted, and held back to its end." },
} as const satisfies Record<string, FaultDefinition>;

export type FaultName = keyof typeof FAULTS;

export type FaultsOf<Layer extends FaultLayer> = {
  [Name in FaultName]: (typeof FAULTS)[Name]["layer"] extends Layer ? Name : never;
}[FaultName];

/** A fault with its values, the usual ones filled in. */
export type InjectedFault = Readonly<{ name: FaultName; amount: number; word: string }>;

export const definitionOf = (name: FaultName): FaultDefinition => FAULTS[name];
export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULTS, name);

/** The table as `GET /control/faults` shows it. */
export const listFaults = () =>
  (Object.keys(FAULTS) as FaultName[]).map((name) => ({ fault: name, ...definitionOf(name) }));
