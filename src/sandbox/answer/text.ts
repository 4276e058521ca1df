/** Readable text for an answer: the same for the same seed, of any length. */
import { splitTokens } from "./tokens.ts";

const SENTENCES = [
  "A good answer is short, says what it knows, and stops.",
  "The first step is to write down what is asked and what would count as done.",
  "Small pieces that can be checked one by one are easier to trust than one large piece.",
  "When two sources disagree, the one closer to the facts deserves more weight.",
  "Numbers without units are a promise that nobody can keep.",
  "It helps to try the simplest case by hand before reaching for a tool.",
  "A plan is worth more when it says what happens if a step fails.",
  "Most delays come from waiting for an answer that nobody was asked to give.",
  "Names are the cheapest documentation there is, so they should be chosen with care.",
  "Of three ways to do it, the one that can be undone is usually the best to begin with.",
  "What was measured once may be luck; what was measured twice begins to be knowledge.",
  "An error that names its remedy saves a second question.",
  "The order of the steps matters less than knowing which of them can be repeated.",
  "Old data is not wrong, but it should carry its date.",
  "A queue that only grows is a decision that was put off.",
  "The rule fits on one line, and its exceptions fit on a page.",
  "Before adding a part, look for one that can be taken away.",
  "Whoever reads this next will know less about it than whoever wrote it.",
  "A test that never failed has not yet said anything.",
  "The costs are known to the last digit, because they were added as whole numbers.",
  "Two teams can share a word and mean two things by it.",
  "Every limit should be visible before somebody runs into it.",
  "The shortest path is not always the quickest, but it is the easiest to explain.",
  "In the end the result is compared with the question, and with nothing else.",
] as const;

/** Cut once: a long answer is these few, many times. */
const SENTENCE_TOKENS: readonly (readonly string[])[] = SENTENCES.map((sentence) =>
  splitTokens(` ${sentence}`),
);

const UNICODE_SENTENCE = "Zażółć 你好，世界 こんにちは 👩‍👩‍👧‍👦 🏳️‍🌈 𝒳 naïve café.";
const PLAIN_SENTENCES = 2;

export type TextRequest = Readonly<{
  /** At least 32 bytes; picks the sentences. */
  seed: Uint8Array;
  /** What the text begins with. */
  opening: string;
  unicode: boolean;
  tokens?: number;
  minimumTokens: number;
}>;

/** The text in tokens: two sentences after the opening, or exactly as many tokens as asked for. */
export function writeText(request: TextRequest): readonly string[] {
  const wanted = request.tokens ?? request.minimumTokens;
  const sentences = [request.opening, ...(request.unicode ? [UNICODE_SENTENCE] : [])];
  const tokens = [...splitTokens(sentences.join(" "))];
  for (let index = 0; index < PLAIN_SENTENCES || tokens.length < wanted; index++) {
    tokens.push(...sentenceAt(request.seed, index));
  }
  return request.tokens === undefined ? tokens : endAt(tokens, request.tokens);
}

function sentenceAt(seed: Uint8Array, index: number): readonly string[] {
  const stride = 1 + ((seed[1] ?? 0) % (SENTENCE_TOKENS.length - 1));
  const start = seed[0] ?? 0;
  const shuffle = seed[(index + 2) % seed.length] ?? 0;
  return SENTENCE_TOKENS[(start + index * stride + (shuffle & 1)) % SENTENCE_TOKENS.length] ?? [];
}

function endAt(tokens: readonly string[], count: number): readonly string[] {
  const kept = tokens.slice(0, count);
  const last = kept.at(-1);
  return last === undefined || last.endsWith(".") ? kept : [...kept.slice(0, -1), `${last}.`];
}

export const openingFor = (model: string | undefined, lastUserText: string): string => {
  const speaker =
    model === undefined ? "the Modeltier sandbox" : `the Modeltier sandbox, standing in for ${model}`;
  return /\b(hello|hi|hey|hallo|greet)/i.test(lastUserText)
    ? `Hello! This is ${speaker}. No provider was called and nothing was spent.`
    : `This answer comes from ${speaker}, so it is made up.`;
};
