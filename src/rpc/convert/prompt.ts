/** Stored texts as the contract gives them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type MessageSchema, type PartSchema, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import type { StoredPromptSchema } from "../../../gen/modeltier/v1/prompt_pb.js";
import type { PromptContent, StoredMessage, StoredPart } from "../../prompts/content.ts";
import type { StoredPromptRow } from "../../store/stored-prompts.ts";

type ProtoMessage = MessageInitShape<typeof MessageSchema>;
type ProtoPart = MessageInitShape<typeof PartSchema>;

export function promptToProto(
  row: StoredPromptRow,
  { messages, answer }: PromptContent,
): MessageInitShape<typeof StoredPromptSchema> {
  return {
    executionId: row.execution_id,
    agentId: row.agent_id,
    keyId: row.key_id,
    messages: messages.map(messageToProto),
    createdAt: timestampFromDate(row.created_at),
    expiresAt: timestampFromDate(row.expires_at),
    ...(answer && {
      answer: {
        text: answer.text,
        reasoning: answer.reasoning,
        refusal: answer.refusal,
        toolCalls: answer.toolCalls.map((call) => ({ ...call })),
        whole: answer.isWhole,
      },
    }),
  };
}

const text = (value: string): ProtoPart => ({ content: { case: "text", value } });

function messageToProto(message: StoredMessage): ProtoMessage {
  switch (message.role) {
    case "system":
      return { role: Role.SYSTEM, parts: [text(message.text)] };
    case "user":
      return { role: Role.USER, parts: message.parts.map(partToProto) };
    case "assistant":
      return { role: Role.ASSISTANT, parts: assistantParts(message) };
    case "tool": {
      const { toolCallId, text: said, isError } = message;
      return {
        role: Role.TOOL,
        parts: [{ content: { case: "toolResult", value: { toolCallId, text: said, isError } } }],
      };
    }
  }
}

function partToProto(part: StoredPart): ProtoPart {
  switch (part.kind) {
    case "text":
      return text(part.text);
    case "image":
      return { content: { case: "image", value: { mediaType: part.mediaType } } };
    case "image_url":
      return { content: { case: "image", value: { source: { case: "url", value: part.url } } } };
  }
}

type AssistantMessage = Extract<StoredMessage, { role: "assistant" }>;

function assistantParts({ text: said, toolCalls, reasoning }: AssistantMessage): ProtoPart[] {
  return [
    ...(reasoning === "" ? [] : [{ content: { case: "reasoning" as const, value: { text: reasoning } } }]),
    ...(said === "" ? [] : [text(said)]),
    ...toolCalls.map((call) => ({ content: { case: "toolCall" as const, value: { ...call } } })),
  ];
}
