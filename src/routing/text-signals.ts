/**
 * What a text alone says about a step. One pass over char codes: the text comes from callers, so there is no regular
 * expression to blow up and nothing allocated that grows with it.
 */
import { Buffer } from "node:buffer";

/** Words that bring in a condition of their own. `else` and `otherwise` only continue one. */
export const CONDITION_WORDS = [
  "if",
  "elif",
  "unless",
  "when",
  "whenever",
  "whether",
  "while",
  "until",
  "depending",
] as const;

/** Size in bytes as UTF-8; a lone surrogate counts as the three bytes it is sent as. */
export const utf8Bytes = (text: string): number => (text === "" ? 0 : Buffer.byteLength(text, "utf8"));

/**
 * Length in Unicode code points; a lone surrogate counts as one.
 * @param bytes the text's size as UTF-8, for a caller that has it already: pure ASCII is the usual case, and this tells
 *   it apart without a look at every character
 */
export function codePoints(text: string, bytes: number = utf8Bytes(text)): number {
  if (bytes === text.length) return text.length;
  let pairs = 0;
  for (let index = 1; index < text.length; index++) {
    if (isLowSurrogate(text.charCodeAt(index)) && isHighSurrogate(text.charCodeAt(index - 1))) pairs++;
  }
  return text.length - pairs;
}

/** How many `{{ … }}` references a text holds. Each needs something between its braces; an unclosed one is none. */
export function countReferences(text: string): number {
  let count = 0;
  let open = text.indexOf("{{");
  while (open !== -1) {
    const close = text.indexOf("}}", open + 2);
    if (close === -1) break;
    if (hasContent(text, open + 2, close)) count++;
    open = text.indexOf("{{", close + 2);
  }
  return count;
}

/** How many of the `CONDITION_WORDS` a text holds, as whole words, in any ASCII case. */
export function countConditionWords(text: string): number {
  let count = 0;
  let previous = 0;
  const { length } = text;
  for (let index = 0; index < length; index++) {
    const letter = text.charCodeAt(index) & LETTER_BITS;
    if (OPENING_PAIRS[previous | letter] === 1 && isConditionWordAt(text, index - 1)) count++;
    previous = letter << 5;
  }
  return count;
}

/** The bits in which ASCII letters differ, whatever their case. Other characters share them: a match is looked at again. */
const LETTER_BITS = 0x1f;
const LOWER_CASE_BIT = 0x20;

/** 1 where two letters begin one of the words. Few pairs do, so a text is passed over at one look a character. */
const OPENING_PAIRS = new Uint8Array(1 << 10);
for (const word of CONDITION_WORDS) {
  OPENING_PAIRS[((word.charCodeAt(0) & LETTER_BITS) << 5) | (word.charCodeAt(1) & LETTER_BITS)] = 1;
}

function isConditionWordAt(text: string, start: number): boolean {
  if (start > 0 && isWordCode(text.charCodeAt(start - 1))) return false;
  for (const word of CONDITION_WORDS) if (isWholeWord(text, start, word)) return true;
  return false;
}

function isWholeWord(text: string, start: number, word: string): boolean {
  for (let offset = 0; offset < word.length; offset++) {
    if ((text.charCodeAt(start + offset) | LOWER_CASE_BIT) !== word.charCodeAt(offset)) return false;
  }
  const end = start + word.length;
  return end >= text.length || !isWordCode(text.charCodeAt(end));
}

const ASCII_WORD = Uint8Array.from({ length: 128 }, (_, code) =>
  /[0-9A-Za-z_]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** Letters, digits and `_`; beyond ASCII all but Latin-1 signs and the blocks of general and CJK punctuation. */
function isWordCode(code: number): boolean {
  if (code < 0x80) return ASCII_WORD[code] === 1;
  return code >= 0xc0 && !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x303f);
}

function hasContent(text: string, from: number, to: number): boolean {
  for (let index = from; index < to; index++) if (text.charCodeAt(index) > 0x20) return true;
  return false;
}

const isHighSurrogate = (code: number): boolean => (code & 0xfc00) === 0xd800;
const isLowSurrogate = (code: number): boolean => (code & 0xfc00) === 0xdc00;
