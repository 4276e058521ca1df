/** From frames to bytes: server-sent events or one JSON body, sound or with the faults of the bytes layer. */
import { gzipSync } from "node:zlib";
import type { InjectedFault } from "../faults/table.ts";
import { isRecord } from "../json.ts";
import { type Bytes, type Frame, type Item, NO_EFFECT, type Playable } from "./items.ts";

/** A character of the private use area: where it stands, `bad-utf8` puts a byte that is not UTF-8. */
export const BAD_BYTE_MARK = "\uE000";
const BAD_BYTE = 0xff;
const BOM = "\uFEFF";
const PADDING_STEP = 5;
const LONGEST_PADDING = 14;

export type Encoding = Readonly<{
  /** One for all events, or one event after another: a CR and a LF of two events would be one line end. */
  lineEnds: readonly string[];
  bom: boolean;
  finalBlank: boolean;
  protoKeys: boolean;
  badUtf8: boolean;
  gzip: boolean;
  /** Spaces before the last brace of an event, as Anthropic sends them. */
  padded: boolean;
}>;

const LINE_ENDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["cr", ["\r"]],
  ["mixed", ["\n", "\r\n", "\r"]],
]);

export function encodingFor(faults: readonly InjectedFault[], padded: boolean): Encoding {
  const has = (name: InjectedFault["name"]): boolean => faults.some((fault) => fault.name === name);
  const ends = faults.find((fault) => fault.name === "crlf");
  return {
    lineEnds: ends === undefined ? ["\n"] : (LINE_ENDS.get(ends.word) ?? ["\r\n"]),
    bom: has("bom"),
    finalBlank: !has("no-final-blank"),
    protoKeys: has("proto-keys"),
    badUtf8: has("bad-utf8"),
    gzip: has("gzip"),
    padded,
  };
}

/** The items of a stream as server-sent events. */
export function* encodeEvents(items: Iterable<Item>, encoding: Encoding): Generator<Playable> {
  let count = 0;
  for (const item of items) {
    if (item.kind !== "frame") yield item;
    else {
      const text = eventText(item, encoding, count);
      const ended = encoding.finalBlank || item.part !== "done" ? text : text.slice(0, -1);
      const lineEnd = encoding.lineEnds[count % encoding.lineEnds.length] ?? "\n";
      const lines = lineEnd === "\n" ? ended : ended.replaceAll("\n", lineEnd);
      yield toBytes(item, encoding.bom && count === 0 ? BOM + lines : lines, encoding);
      count++;
    }
  }
}

/** One JSON body. */
export const encodeBody = (body: Frame, encoding: Encoding): Bytes =>
  toBytes(body, dataText(body.data, encoding), encoding);

/** Holds everything back and sends it compressed at the end, or what there is of it before a fault. */
export function* gzipped(items: Iterable<Playable>): Generator<Playable> {
  const held: Uint8Array[] = [];
  const compressed = (): Bytes => ({ ...NO_EFFECT, kind: "bytes", bytes: gzipSync(Buffer.concat(held)) });
  for (const item of items) {
    if (item.kind === "bytes") {
      held.push(Buffer.from(item.bytes));
      yield { ...item, bytes: "" };
    } else {
      if (item.kind === "reset" || item.kind === "truncate" || item.kind === "hang")
        yield halfOf(compressed());
      yield item;
    }
  }
  yield compressed();
}

const halfOf = (item: Bytes): Bytes => ({
  ...item,
  bytes: item.bytes.slice(0, Math.ceil(item.bytes.length / 2)),
});

function eventText(frame: Frame, encoding: Encoding, count: number): string {
  if (frame.comment === true) return `: ${frame.data}\n\n`;
  const name = frame.event === undefined ? "" : `event: ${frame.event}\n`;
  const data = dataText(frame.data, encoding);
  const isPadded = encoding.padded && data.endsWith("}");
  const spaces = " ".repeat((count * PADDING_STEP) % LONGEST_PADDING);
  return `${name}data: ${isPadded ? `${data.slice(0, -1)}${spaces}}` : data}\n\n`;
}

const dataText = (data: Frame["data"], { protoKeys }: Encoding): string => {
  if (typeof data === "string") return data;
  return protoKeys ? JSON.stringify(data, poison) : JSON.stringify(data);
};

/** Gives every object the two keys that pollute a careless reader; the keys' own values stay as they are. */
function poison(key: string, value: unknown): unknown {
  if (!isRecord(value) || POISONED.has(key)) return value;
  return { ["__proto__"]: { polluted: true }, constructor: { prototype: { polluted: true } }, ...value };
}

const POISONED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

function toBytes(frame: Frame, text: string, { badUtf8 }: Encoding): Bytes {
  const { generated, reasoning, sent, reports, failed } = frame;
  const bytes = badUtf8 && text.includes(BAD_BYTE_MARK) ? withBadByte(text) : text;
  return { kind: "bytes", bytes, generated, reasoning, sent, reports, failed };
}

function withBadByte(text: string): Uint8Array {
  const [before = "", after = ""] = text.split(BAD_BYTE_MARK, 2);
  return Buffer.concat([Buffer.from(before), Buffer.from([BAD_BYTE]), Buffer.from(after)]);
}
