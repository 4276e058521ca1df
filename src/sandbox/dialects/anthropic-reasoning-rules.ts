/** What the real API refuses of thinking that comes back, and of marks for the cache. */
import { type JsonRecord, listOf, recordOf, stringOf } from "../json.ts";
import type { Rule } from "./rules.ts";
import { isSigned } from "./signatures.ts";

const MOST_MARKS = 4;
const THINKING: ReadonlySet<string> = new Set(["thinking", "redacted_thinking"]);

const contentOf = (message: unknown): readonly JsonRecord[] =>
  listOf(recordOf(message).content).map(recordOf);
const isMarked = (block: JsonRecord): boolean => recordOf(block.cache_control).type === "ephemeral";

/** Thinking comes back as it went out, and from the assistant alone. */
export const thinkingIsUnaltered: Rule = ({ body }) => {
  for (const [index, message] of listOf(body.messages).entries()) {
    for (const [position, block] of contentOf(message).entries()) {
      const at = `messages.${index}.content.${position}`;
      if (!THINKING.has(stringOf(block.type))) continue;
      if (recordOf(message).role !== "assistant") return { message: `${at}: thinking is the assistant's` };
      if (!isProved(block)) return { message: `${at}: Invalid \`signature\` in \`thinking\` block` };
    }
  }
  return undefined;
};

/** The sandbox encrypts nothing, so no redacted thinking can be its own. */
const isProved = ({ type, thinking, signature }: JsonRecord): boolean =>
  type === "thinking" && isSigned(stringOf(thinking), stringOf(signature));

export const marksAreFew: Rule = ({ body }) => {
  const blocks = [...listOf(body.tools), ...listOf(body.system)].map(recordOf);
  const marks = [...blocks, ...listOf(body.messages).flatMap(contentOf), body].filter(isMarked);
  return marks.length <= MOST_MARKS
    ? undefined
    : {
        message: `A maximum of ${MOST_MARKS} blocks with cache_control may be provided. Found ${marks.length}.`,
      };
};

export const marksStandOnContent: Rule = ({ body }) => {
  const marked = [...listOf(body.system).map(recordOf), ...listOf(body.messages).flatMap(contentOf)].filter(
    isMarked,
  );
  if (marked.some(({ type }) => THINKING.has(stringOf(type)))) {
    return { message: "cache_control: Extra inputs are not permitted on thinking blocks" };
  }
  return marked.some(({ type, text }) => type === "text" && text === "")
    ? { message: "cache_control cannot be set for empty text blocks" }
    : undefined;
};
