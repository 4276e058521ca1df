/** Bytes spoilt at integer positions. @see mutate.ts for why a position is no `double` */
import fc from "fast-check";

/** In millionths of a length, so that one position fits any input. */
export const position = fc.integer({ min: 0, max: 999_999 });

export const at = (length: number, millionths: number): number =>
  Math.floor((millionths * length) / 1_000_000);

export const insertAt = (bytes: Buffer, index: number, more: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]);

export function flipAt(bytes: Buffer, index: number, bits: number): Buffer {
  const flipped = Buffer.from(bytes);
  if (index < flipped.length) flipped[index] = (flipped[index] ?? 0) ^ bits;
  return flipped;
}
