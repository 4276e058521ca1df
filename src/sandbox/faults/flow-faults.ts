/** Faults in the order and number of what a stream sends. Each takes the sound items and gives the faulty ones. */
import {
  type ErrorContext,
  type ErrorKind,
  isErrorKind,
  type Rendering,
  type Voice,
} from "../dialects/voice.ts";
import { type Frame, type Item, startingWith } from "../exchange/items.ts";
import type { FaultsOf, InjectedFault } from "./table.ts";

export type FlowContext = Readonly<{
  voice: Voice;
  rendering: Rendering;
  error: ErrorContext;
  /** Between two pings of `ping-only`, in ms. */
  pingIntervalMs: number;
}>;
type Items = Iterable<Item>;
type FlowFault = (items: Items, fault: InjectedFault, context: FlowContext) => Items;

const FLOW_FAULTS: Readonly<Record<FaultsOf<"flow">, FlowFault>> = {
  none: (items) => items,
  "slow-headers": (items, { amount }) => startingWith({ kind: "pause", ms: amount }, items),
  "slow-first-token": (items, { amount }) => beforeFirstToken({ kind: "pause", ms: amount }, items),
  cut: (items, { amount }) => afterTokens(items, amount, () => [{ kind: "reset" }]),
  "cut-clean": (items, { amount }) => afterTokens(items, amount, () => [{ kind: "truncate" }]),
  stall: (items, { amount }) => afterTokens(items, amount, () => [{ kind: "hang" }]),
  "ping-only": (items, { amount }, context) => afterTokens(items, amount, () => pings(context)),
  malformed: (items, _fault, context) => slippedIn(items, [odd(context).malformed]),
  "malformed-twice": (items, _fault, context) =>
    slippedIn(items, [odd(context).malformed, odd(context).malformed]),
  "no-done": (items) => without(items, "done"),
  "error-first-event": (_items, { word }, context) => [{ kind: "headers" }, errorFrame(word, context)],
  "error-midstream": (items, { amount, word }, context) =>
    afterTokens(items, amount, () => [errorFrame(word, context)]),
  "unknown-events": (items, _fault, context) => slippedIn(items, odd(context).unknown),
  "dup-index": (items, _fault, context) => slippedIn(items, odd(context).strayIndexes),
};

const isFlowFault = (fault: InjectedFault): fault is InjectedFault & { name: FaultsOf<"flow"> } =>
  Object.hasOwn(FLOW_FAULTS, fault.name);

/** The items with the faults of this layer, in the order in which they were written; the others change nothing. */
export function withFlowFaults(items: Items, faults: readonly InjectedFault[], context: FlowContext): Items {
  return faults
    .filter(isFlowFault)
    .reduce<Items>((faulty, fault) => FLOW_FAULTS[fault.name](faulty, fault, context), items);
}

/** The error that a word in a fault names; what is no error kind is an overload. */
export const errorKindOf = (word: string): ErrorKind => (isErrorKind(word) ? word : "overloaded");

/** Tokens that an answer must have for the faults to find their place in it. */
export const tokensNeeded = (faults: readonly InjectedFault[]): number =>
  Math.max(0, ...faults.filter(isFlowFault).map(({ name, amount }) => (NEEDS_TOKENS.has(name) ? amount : 0)));

const NEEDS_TOKENS: ReadonlySet<string> = new Set<FaultsOf<"flow">>([
  "cut",
  "cut-clean",
  "stall",
  "ping-only",
  "error-midstream",
]);

const odd = ({ voice, rendering }: FlowContext) => voice.oddFrames(rendering);
const errorFrame = (word: string, { voice, error }: FlowContext): Frame =>
  voice.errorFrame(voice.error(errorKindOf(word), error).body);

const isToken = (item: Item): boolean => item.kind === "frame" && item.sent > 0;
const ends = (item: Item): boolean =>
  item.kind === "frame" && (item.part === "finish" || item.part === "done");

function* beforeFirstToken(pause: Item, items: Items): Generator<Item> {
  let waiting = true;
  for (const item of items) {
    if (waiting && (isToken(item) || ends(item))) {
      waiting = false;
      yield pause;
    }
    yield item;
  }
}

/** What is sound up to so many sent tokens, and never the finish; then the rest. */
function* afterTokens(items: Items, tokens: number, rest: () => Items): Generator<Item> {
  let sent = 0;
  for (const item of items) {
    if (ends(item) || (isToken(item) && sent >= tokens)) break;
    if (isToken(item)) sent++;
    yield item;
  }
  yield* rest();
}

/** Puts frames behind the second token, or before the finish of a shorter answer. */
function* slippedIn(items: Items, frames: readonly Frame[]): Generator<Item> {
  let seen = 0;
  let waiting = true;
  for (const item of items) {
    if (waiting && (ends(item) || seen >= 2)) {
      waiting = false;
      yield* frames;
    }
    if (isToken(item)) seen++;
    yield item;
  }
}

function* without(items: Items, part: Frame["part"]): Generator<Item> {
  for (const item of items) if (item.kind !== "frame" || item.part !== part) yield item;
}

function* pings(context: FlowContext): Generator<Item> {
  while (true) {
    yield odd(context).ping;
    yield { kind: "pause", ms: context.pingIntervalMs };
  }
}
