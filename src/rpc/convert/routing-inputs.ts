/** What the router reads of a conversation, whichever door it came through. */
import type { ChatMessage, ResponseFormat, ToolChoice, ToolDefinition } from "../../providers/provider.ts";
import type { ChatInput, Needs, ReasoningInput } from "../../routing/types.ts";

/** What scoring reads of the conversation: its text, the size of everything attached, and the tools offered. */
export function chatInputOf(messages: readonly ChatMessage[], tools: readonly ToolDefinition[]): ChatInput {
  const texts: string[] = [];
  let attachmentBytes = 0;
  let attachments = 0;
  for (const message of messages) {
    if (message.role === "tool") attachmentBytes += Buffer.byteLength(message.text);
    else if (message.role !== "user") texts.push(message.text);
    else {
      for (const part of message.parts) {
        if (part.kind === "text") texts.push(part.text);
        else {
          attachments++;
          if (part.kind === "image") attachmentBytes += part.data.length;
        }
      }
    }
  }
  const reasoning = reasoningInputOf(messages);
  return {
    texts,
    attachmentBytes,
    attachments,
    messages: messages.length,
    tools,
    ...(reasoning !== undefined && { reasoning }),
  };
}

function reasoningInputOf(messages: readonly ChatMessage[]): ReasoningInput | undefined {
  const blocks = messages.flatMap((message) =>
    message.role === "assistant" ? (message.reasoning ?? []) : [],
  );
  if (blocks.length === 0) return undefined;
  return {
    texts: blocks.map(({ text }) => text),
    hasUnsigned: blocks.some(
      ({ signature, encrypted }) => signature === undefined && encrypted === undefined,
    ),
    hasEncrypted: blocks.some(({ encrypted }) => encrypted !== undefined),
  };
}

/** What a target has to be able to take. */
export function needsOf(
  call: Readonly<{
    messages: readonly ChatMessage[];
    tools: readonly ToolDefinition[];
    toolChoice?: ToolChoice;
    responseFormat: ResponseFormat;
  }>,
): Needs {
  const { messages, tools, toolChoice, responseFormat } = call;
  return {
    tools: tools.length > 0,
    forcedTools: toolChoice?.kind === "required" || toolChoice?.kind === "tool",
    images: messages.some(
      (message) => message.role === "user" && message.parts.some(({ kind }) => kind !== "text"),
    ),
    jsonObject: responseFormat.kind === "json",
    jsonSchema: responseFormat.kind === "json_schema",
  };
}
