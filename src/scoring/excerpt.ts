/** The part of a request that is looked at: its work is bounded however long the texts are. */

/** Characters (UTF-16 units) of all texts together, of their beginning and of their end. */
export const MOST_FROM_START = 6_000;
export const MOST_FROM_END = 2_000;
const MOST_TEXTS = 64;

export type Excerpt = Readonly<{
  /** At most `MOST_FROM_START` + `MOST_FROM_END` characters and a line break. */
  text: string;
  /** Of all texts, looked at or not. */
  characters: number;
}>;

/**
 * The beginning and the end of texts read one after the other, a line break between them.
 * Of more than 64 texts those in the middle are counted and not read.
 */
export function excerptOf(texts: readonly string[]): Excerpt {
  let characters = 0;
  for (const text of texts) characters += text.length;
  if (characters <= MOST_FROM_START + MOST_FROM_END && texts.length <= MOST_TEXTS) {
    return { text: texts.length === 1 ? (texts[0] ?? "") : texts.join("\n"), characters };
  }
  return { text: `${startOf(texts)}\n${endOf(texts)}`, characters };
}

function startOf(texts: readonly string[]): string {
  const parts: string[] = [];
  let left = MOST_FROM_START;
  for (let index = 0; index < texts.length && index < MOST_TEXTS / 2 && left > 0; index++) {
    const part = (texts[index] ?? "").slice(0, left);
    left -= part.length + 1;
    parts.push(part);
  }
  return parts.join("\n").slice(0, MOST_FROM_START);
}

function endOf(texts: readonly string[]): string {
  const parts: string[] = [];
  let left = MOST_FROM_END;
  for (let back = 1; back <= texts.length && back <= MOST_TEXTS / 2 && left > 0; back++) {
    const whole = texts[texts.length - back] ?? "";
    const part = whole.slice(Math.max(0, whole.length - left));
    left -= part.length + 1;
    parts.unshift(part);
  }
  return parts.join("\n").slice(-MOST_FROM_END);
}
