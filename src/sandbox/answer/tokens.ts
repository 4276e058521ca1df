/**
 * How the sandbox counts. Output: one chunk of a stream is one token, and whole answers are counted as if they had been
 * streamed. Input: four characters (UTF-16 units) are one token, rounded up over the whole prompt.
 */
const CHARACTERS_PER_TOKEN = 4;

/** What an image adds to the prompt, in characters, whatever its size. */
export const IMAGE_CHARACTERS = 1024;

export const tokensOfCharacters = (characters: number): number =>
  Math.ceil(characters / CHARACTERS_PER_TOKEN);

/** Cuts text into tokens of a word or at most ten characters each; joined they are the text again. */
export const splitTokens = (text: string): readonly string[] => text.match(/\s*\S{1,10}|\s+/gu) ?? [];

/** Billed tokens of one exchange. Cached and written ones are part of the input, reasoning of the output. */
export type Usage = Readonly<{
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}>;

export const NO_USAGE: Usage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
};
