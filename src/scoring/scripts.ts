/** Which script a text is in, and how English it is. */
import { LEXICA } from "./lexica.ts";

/** Shares of the text's characters beyond ASCII, and of its words that are everyday English. */
export function scriptsOf(text: string, words: readonly string[]) {
  let accented = 0;
  let other = 0;
  let ideographs = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    if (code < 0x250) accented++;
    else if (code >= 0x2e80 && code < 0xd800) ideographs++;
    else if (code < 0x2000 || code > 0x2bff) other++;
  }
  const all = Math.max(1, text.length);
  let english = 0;
  for (const word of words) if (LEXICA.common.has(word)) english++;
  return {
    accented: accented / all,
    otherScript: other / all,
    ideographs: ideographs / all,
    notEnglish: words.length >= 8 && english / words.length < 0.08 ? 1 : 0,
  };
}
