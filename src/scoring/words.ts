/** A text's words, in any script, and their hashed n-grams. */

/** More words than this of one excerpt are not looked at. */
const MOST_WORDS = 2_000;

/** Runs of letters or digits, lower case; of scripts without spaces, each character is a word of its own. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    words.push(word);
    if (words.length >= MOST_WORDS) break;
  }
  return words;
}

const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}]{1,40}|\p{N}{1,20}/gu;

export const BUCKETS = 1 << 15;

/** The buckets of a text's words and pairs of neighbouring words, each once, in the order of the buckets. Digits count as one word. */
export function bucketsOf(words: readonly string[]): Int32Array {
  const seen = new Set<number>();
  let previous = 0;
  for (const word of words) {
    const hash = hashOf(word);
    seen.add(hash & (BUCKETS - 1));
    if (previous !== 0) seen.add(mixed(previous, hash) & (BUCKETS - 1));
    previous = hash;
  }
  return Int32Array.from(seen).sort();
}

/** FNV-1a over the code units, with its bits mixed since only the low ones are used. */
function hashOf(word: string): number {
  if (isDigits(word)) return 0x5bd1e995;
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index++) {
    hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193);
  }
  return mixed(hash, 0) || 1;
}

function mixed(one: number, other: number): number {
  let hash = Math.imul(one ^ (one >>> 16), 0x45d9f3b) ^ other;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

const isDigits = (word: string): boolean => {
  const code = word.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
};
