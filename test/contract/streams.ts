/** Streams written by hand, and what a provider's adapter hears in them. */
import type { Dialect } from "../../src/providers/provider.ts";
import { type Heard, listen, providerOf, question } from "./ask.ts";
import { bytes, scriptedTransport } from "./scripted-transport.ts";

export const DIALECTS: readonly Dialect[] = ["openai", "anthropic", "kimi"];

type MessageEvent = Readonly<{ type: string }> & Readonly<Record<string, unknown>>;

/** `data:` frames of chat completions. */
export const frames = (...data: readonly (object | string)[]): string =>
  data.map((item) => `data: ${typeof item === "string" ? item : JSON.stringify(item)}\n\n`).join("");

/** Events of Anthropic's messages, named as their type. */
export const messageEvents = (...data: readonly MessageEvent[]): string =>
  data.map((item) => `event: ${item.type}\ndata: ${JSON.stringify(item)}\n\n`).join("");

/** A chunk of chat completions with one delta. */
export const delta = (content: object, more: object = {}) => ({
  choices: [{ index: 0, delta: content, ...more }],
});
export const stop = delta({}, { finish_reason: "stop" });

/** The last two events of a message. */
export const messageEnd = (reason: string | null): MessageEvent[] => [
  { type: "message_delta", delta: { stop_reason: reason } },
  { type: "message_stop" },
];

/** A whole stream with one text, in each dialect. */
export const STREAM_OF: Readonly<Record<Dialect, (text: string) => string>> = {
  openai: (text) => frames(delta({ content: text }), stop, "[DONE]"),
  kimi: (text) => frames(delta({ content: text }), stop, "[DONE]"),
  anthropic: (text) =>
    messageEvents(
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      ...messageEnd("end_turn"),
    ),
};

export const hearBytes = (
  dialect: Dialect,
  pieces: readonly Uint8Array[],
  request = question(),
): Promise<Heard> => listen(providerOf(dialect, scriptedTransport({ pieces })), request);

export const hearFrames = (...data: readonly (object | string)[]): Promise<Heard> =>
  hearBytes("openai", [bytes(frames(...data))]);

export const hearMessage = (...data: readonly MessageEvent[]): Promise<Heard> =>
  hearBytes("anthropic", [bytes(messageEvents(...data))]);
