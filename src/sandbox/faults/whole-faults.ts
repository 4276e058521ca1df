/** What the faults of a stream make of a whole answer: the same idea on one JSON body. */
import { type Control, NO_EFFECT, type Playable, startingWith } from "../exchange/items.ts";
import type { JsonRecord } from "../json.ts";
import { errorKindOf, type FlowContext } from "./flow-faults.ts";
import type { FaultsOf, InjectedFault } from "./table.ts";

/** The whole answer, or the error that stands in its place. */
export type WholeBody = Readonly<{ json: JsonRecord; failed: boolean }>;
type BodyFault = (body: WholeBody, fault: InjectedFault, context: FlowContext) => WholeBody;

const toError: BodyFault = (_body, { word }, { voice, error }) => ({
  json: voice.error(errorKindOf(word), error).body,
  failed: true,
});

const BODY_FAULTS: Partial<Readonly<Record<FaultsOf<"flow">, BodyFault>>> = {
  "error-first-event": toError,
  "error-midstream": toError,
  "unknown-events": ({ json, failed }) => ({
    json: { ...json, sandbox_note: { deep: null }, sandbox_count: "1" },
    failed,
  }),
};

/** What comes after half of the body. */
const HALVES: Partial<Readonly<Record<FaultsOf<"flow">, Control>>> = {
  cut: { kind: "reset" },
  "cut-clean": { kind: "truncate" },
  stall: { kind: "hang" },
};

export function withBodyFaults(
  body: WholeBody,
  faults: readonly InjectedFault[],
  context: FlowContext,
): WholeBody {
  return faults.reduce(
    (faulty, fault) => lookUp(BODY_FAULTS, fault)?.(faulty, fault, context) ?? faulty,
    body,
  );
}

/** The playing of a whole answer's bytes: late, halved or never. */
export function withWholeFaults(
  items: Iterable<Playable>,
  faults: readonly InjectedFault[],
  pingIntervalMs: number,
): Iterable<Playable> {
  return faults.reduce((faulty, fault) => withWholeFault(faulty, fault, pingIntervalMs), items);
}

function withWholeFault(
  items: Iterable<Playable>,
  fault: InjectedFault,
  pingIntervalMs: number,
): Iterable<Playable> {
  const end = lookUp(HALVES, fault);
  if (end !== undefined) return halved(items, end);
  if (fault.name === "malformed" || fault.name === "malformed-twice") return garbled(items);
  if (fault.name === "ping-only") return spaces(pingIntervalMs);
  const pause = { kind: "pause", ms: fault.amount } as const;
  if (fault.name === "slow-first-token") return startingWith({ kind: "headers" }, startingWith(pause, items));
  return fault.name === "slow-headers" ? startingWith(pause, items) : items;
}

const lookUp = <T>(table: Partial<Readonly<Record<string, T>>>, fault: InjectedFault): T | undefined =>
  table[fault.name];

function* halved(items: Iterable<Playable>, end: Control): Generator<Playable> {
  for (const item of items) {
    if (item.kind !== "bytes") yield item;
    else {
      const bytes = Buffer.from(item.bytes);
      yield { ...NO_EFFECT, kind: "bytes", bytes: bytes.subarray(0, Math.floor(bytes.length / 2)) };
      yield end;
      return;
    }
  }
}

/** The whole body with one brace too many: nobody can read its usage. */
function* garbled(items: Iterable<Playable>): Generator<Playable> {
  for (const item of items) {
    if (item.kind !== "bytes") yield item;
    else
      yield {
        ...item,
        bytes: Buffer.concat([Buffer.from("{"), Buffer.from(item.bytes)]),
        reports: undefined,
      };
  }
}

function* spaces(intervalMs: number): Generator<Playable> {
  yield { kind: "headers" };
  while (true) {
    yield { ...NO_EFFECT, kind: "bytes", bytes: " " };
    yield { kind: "pause", ms: intervalMs };
  }
}
