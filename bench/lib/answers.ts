/** The canned answers of the upstream, in OpenAI's words: the same text whole and as a stream. */

/** Of the short answer, which is given whole to those who ask for it whole. */
export const SHORT_TOKENS = 20;
/** Of the streamed answer. */
export const LONG_TOKENS = 100;
const BURSTS = 5;

const WORDS = ["The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", "."];
const HEAD = {
  id: "chatcmpl-bench",
  created: 1_760_000_000,
  model: "gpt-4o-mini",
  system_fingerprint: "fp_bench",
};

export const tokensOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => WORDS[index % WORDS.length] ?? "");

const usageOf = (count: number) => ({
  prompt_tokens: 120,
  completion_tokens: count,
  total_tokens: 120 + count,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
});

/** The body of a chat completion that was not streamed. */
export const wholeAnswer = (tokens: number): string =>
  JSON.stringify({
    ...HEAD,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: tokensOf(tokens).join(""), refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: usageOf(tokens),
  });

const event = (fields: object): string =>
  `data: ${JSON.stringify({ ...HEAD, object: "chat.completion.chunk", ...fields })}\n\n`;

const choice = (delta: object, finish: string | null): object => ({
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  usage: null,
});

/** The same answer as server-sent events, one per token; the role goes first, usage and [DONE] last. */
export function streamedEvents(tokens: number): readonly string[] {
  const [first = "", ...rest] = tokensOf(tokens).map((content) => event(choice({ content }, null)));
  const opening = event(choice({ role: "assistant", content: "", refusal: null }, null));
  const closing = [
    event(choice({}, "stop")),
    event({ choices: [], usage: usageOf(tokens) }),
    "data: [DONE]\n\n",
  ].join("");
  return [opening + first, ...rest.slice(0, -1), (rest.at(-1) ?? "") + closing];
}

/** Events that leave together, joined: `count` writes. */
export function inBursts(events: readonly string[], count = BURSTS): readonly string[] {
  const size = Math.ceil(events.length / count);
  return Array.from({ length: count }, (_, index) => events.slice(index * size, (index + 1) * size).join(""));
}
