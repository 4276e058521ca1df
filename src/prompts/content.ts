/** What is stored of a call: the conversation and the answer, as JSON, with what looks like a secret masked. */
import type { Gathered } from "../completion/gathered.ts";
import type { ChatMessage, ToolCall } from "../providers/provider.ts";
import { maskSecrets } from "./mask.ts";

/** Of a picture only its kind: the bytes would be most of what is stored. */
export type StoredPart =
  | Readonly<{ kind: "text"; text: string }>
  | Readonly<{ kind: "image"; mediaType: string }>
  | Readonly<{ kind: "image_url"; url: string }>;

/** As it was sent, but for the bytes of pictures and for the seals of reasoning, which only a provider can read. */
export type StoredMessage =
  | Readonly<{ role: "system"; text: string }>
  | Readonly<{ role: "user"; parts: readonly StoredPart[] }>
  | Readonly<{ role: "assistant"; text: string; toolCalls: readonly ToolCall[]; reasoning: string }>
  | Readonly<{ role: "tool"; toolCallId: string; text: string; isError: boolean }>;

export type StoredAnswer = Readonly<{
  text: string;
  reasoning: string;
  refusal: string;
  toolCalls: readonly ToolCall[];
  /** False: the call ended before the answer did. */
  isWhole: boolean;
}>;

export type PromptContent = Readonly<{
  messages: readonly StoredMessage[];
  /** Absent: nothing of one came. */
  answer?: StoredAnswer;
}>;

export function contentOf(messages: readonly ChatMessage[], answer: StoredAnswer | undefined): PromptContent {
  return { messages: messages.map(messageOf), ...(answer !== undefined && { answer }) };
}

/** What the caller was given; undefined: nothing. */
export function answerOf(
  { text, reasoning, refusal, toolCalls }: Gathered["answer"],
  isWhole: boolean,
): StoredAnswer | undefined {
  const isEmpty = text === "" && reasoning === "" && refusal === "" && toolCalls.length === 0;
  return isEmpty && !isWhole ? undefined : { text, reasoning, refusal, toolCalls, isWhole };
}

function messageOf(message: ChatMessage): StoredMessage {
  switch (message.role) {
    case "user":
      return {
        role: "user",
        parts: message.parts.map((part) =>
          part.kind === "image" ? { kind: "image", mediaType: part.mediaType } : part,
        ),
      };
    case "assistant": {
      const { text, toolCalls, reasoning = [] } = message;
      return { role: "assistant", text, toolCalls, reasoning: reasoning.map((block) => block.text).join("") };
    }
    default:
      return message;
  }
}

/** Masks text by text: in the JSON a line's end before a key would be a letter. */
export const writeContent = (content: PromptContent): string =>
  JSON.stringify(content, (_, value: unknown) => (typeof value === "string" ? maskSecrets(value) : value));

/** @param json as `writeContent` made it; what a seal has kept is what was put there */
export const readContent = (json: string): PromptContent => JSON.parse(json) as PromptContent;
