/** A provider's recorded bytes, spoilt in the ways that networks, proxies and broken servers spoil them. */
import fc from "fast-check";

/**
 * Where a mutation strikes is a share of the length, so that one mutation fits any body and shrinks well. Not a `double`: those are
 * drawn evenly by their bits, and nearly all are next to nothing, so that only the beginning would be struck.
 */
const share = fc.integer({ min: 0, max: 1_000_000 }).map((millionths) => millionths / 1_000_000);

export type Mutation = (body: Buffer) => Buffer;

const at = (body: Buffer, where: number): number => Math.floor(where * body.length);

/** What a JSON value may be replaced by: every type, extremes, half of a surrogate pair, and nesting. */
export const VALUES = [
  "null",
  "true",
  "-1",
  "1e999",
  "-0.5",
  "9007199254740993",
  '"12"',
  '"NaN"',
  '"\\ud83d"',
  "[]",
  "{}",
  '{"__proto__":{"polluted":1}}',
  `${"[".repeat(2_000)}${"]".repeat(2_000)}`,
];
const JSON_VALUE = /(?<=":\s?)(?:"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null)/g;

const invalidUtf8 = fc.constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0]);

const oneMutation: fc.Arbitrary<Mutation> = fc.oneof(
  share.map(
    (where): Mutation =>
      (body) =>
        body.subarray(0, at(body, where)),
  ),
  fc.tuple(share, fc.integer({ min: 1, max: 255 })).map(
    ([where, bits]): Mutation =>
      (body) => {
        const flipped = Buffer.from(body);
        const index = at(body, where);
        if (index < flipped.length) flipped[index] = (flipped[index] ?? 0) ^ bits;
        return flipped;
      },
  ),
  fc.tuple(share, invalidUtf8).map(
    ([where, bytes]): Mutation =>
      (body) =>
        insert(body, at(body, where), Buffer.from(bytes)),
  ),
  fc.tuple(share, share, fc.constantFrom("repeat", "swap", "drop")).map(
    ([one, other, way]): Mutation =>
      (body) =>
        onFrames(body, one, other, way),
  ),
  fc.tuple(share, fc.constantFrom(...VALUES)).map(
    ([where, value]): Mutation =>
      (body) =>
        replaceValue(body, where, value),
  ),
);

/** One to four mutations, one after the other. */
export const mutation: fc.Arbitrary<Mutation> = fc
  .array(oneMutation, { minLength: 1, maxLength: 4 })
  .map((mutations) => (body) => mutations.reduce((spoilt, mutate) => mutate(spoilt), body));

/** Repeats, swaps or drops whole server-sent events. */
function onFrames(body: Buffer, one: number, other: number, way: "repeat" | "swap" | "drop"): Buffer {
  const frames = body.toString("latin1").split("\n\n");
  const from = Math.min(frames.length - 1, Math.floor(one * frames.length));
  const to = Math.min(frames.length - 1, Math.floor(other * frames.length));
  const first = frames[from] ?? "";
  if (way === "repeat") frames.splice(to, 0, first);
  else if (way === "drop") frames.splice(from, 1);
  else {
    frames[from] = frames[to] ?? "";
    frames[to] = first;
  }
  return Buffer.from(frames.join("\n\n"), "latin1");
}

/** Puts another value in the place of one that stands after a JSON key. */
function replaceValue(body: Buffer, where: number, value: string): Buffer {
  const text = body.toString("latin1");
  const found = [...text.matchAll(JSON_VALUE)];
  const match = found[Math.min(found.length - 1, Math.floor(where * found.length))];
  if (match === undefined) return body;
  const end = match.index + match[0].length;
  return Buffer.from(text.slice(0, match.index) + value + text.slice(end), "latin1");
}

const insert = (body: Buffer, index: number, bytes: Buffer): Buffer =>
  Buffer.concat([body.subarray(0, index), bytes, body.subarray(index)]);
