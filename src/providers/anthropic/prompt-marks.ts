/**
 * Where a request asks Anthropic to cache. It caches only what a mark stands behind, and a write costs a quarter more than fresh input, so
 * what is marked is what the next call of the session will repeat:
 *
 * - the instructions at the head of the conversation; where there are none, the tools, which come before them;
 * - in a loop, which is a conversation that the model has spoken in, all of it: its last block. The next call adds to it.
 *
 * A first question alone is not marked: ten steps under one system prompt ask ten different ones. Instructions that come later
 * may be others next time. They stand behind the first mark; and since the dialect has them ahead of the conversation, there is no second.
 */
import type { Anthropic } from "@anthropic-ai/sdk";
import type { ChatMessage } from "../provider.ts";

/** For five minutes, counted anew with every read. */
const MARK = { cache_control: { type: "ephemeral" } } as const satisfies Pick<
  Anthropic.TextBlockParam,
  "cache_control"
>;

export type Turn = { role: "user" | "assistant"; content: Anthropic.ContentBlockParam[] };
export type Prompt = {
  system: string | Anthropic.TextBlockParam[] | undefined;
  tools?: Anthropic.Tool[];
  messages: Turn[];
};

/** The system prompt in one piece: the dialect has one place for instructions, wherever they stood. */
export function systemText(messages: readonly ChatMessage[]): string | undefined {
  const texts = messages.flatMap((message) => (message.role === "system" ? [message.text] : []));
  return texts.length > 0 ? texts.join("\n\n") : undefined;
}

/** The same prompt with its marks: two at most, of the four that are allowed. */
export function withMarks(prompt: Prompt, messages: readonly ChatMessage[]): Prompt {
  const system = markedSystem(messages);
  const hasLater = messages.slice(headLength(messages)).some(({ role }) => role === "system");
  const isLoop = !hasLater && messages.some(({ role }) => role === "assistant");
  return {
    ...prompt,
    system,
    ...(prompt.tools && { tools: system?.[0]?.cache_control ? prompt.tools : withLastMarked(prompt.tools) }),
    messages: isLoop ? withLastTurnMarked(prompt.messages) : prompt.messages,
  };
}

/** How many messages of instructions the conversation begins with. */
function headLength(messages: readonly ChatMessage[]): number {
  const found = messages.findIndex(({ role }) => role !== "system");
  return found === -1 ? messages.length : found;
}

/** What stands at the head of the conversation, marked, then the instructions that come later. */
function markedSystem(messages: readonly ChatMessage[]): Anthropic.TextBlockParam[] | undefined {
  const length = headLength(messages);
  const head = systemText(messages.slice(0, length));
  const later = systemText(messages.slice(length));
  const blocks: Anthropic.TextBlockParam[] = [];
  if (head !== undefined) blocks.push({ type: "text", text: head, ...MARK });
  if (later !== undefined) blocks.push({ type: "text", text: later });
  return blocks.length > 0 ? blocks : undefined;
}

/** The last block is of the caller's: text, an image or the result of a tool, each of which takes a mark. */
function withLastTurnMarked(turns: readonly Turn[]): Turn[] {
  const last = turns.at(-1);
  if (last === undefined) return [];
  return [...turns.slice(0, -1), { ...last, content: withLastMarked(last.content) }];
}

const withLastMarked = <Block extends object>(blocks: readonly Block[]): Block[] =>
  blocks.map((block, index) => (index === blocks.length - 1 ? { ...block, ...MARK } : block));
