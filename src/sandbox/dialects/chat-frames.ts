/** What the chunks of OpenAI and Kimi have in common. */
import type { Finish, Piece } from "../answer/answer.ts";
import type { JsonRecord } from "../json.ts";
import type { CollectedCall } from "./collect.ts";

/** A piece that the client sees. */
export type VisiblePiece = Exclude<Piece, { kind: "hidden" }>;

/** The key of a chunk's delta, or of a message, under which each kind of text stands. */
export type TextKeys = Readonly<Record<"text" | "reasoning" | "refusal", string>>;
export type CallId = (name: string, ordinal: number) => string;

/** The finish reason of a chat completion; Kimi's refusals are filtered, OpenAI's are ordinary stops. */
export const chatFinish = (finish: Finish, refusal: "stop" | "content_filter"): string => {
  if (finish === "refusal") return refusal;
  return finish === "stop_sequence" ? "stop" : finish;
};

export function deltaOf(piece: VisiblePiece, keys: TextKeys, idOf: CallId): JsonRecord {
  switch (piece.kind) {
    case "call":
      return {
        tool_calls: [
          {
            index: piece.ordinal,
            id: idOf(piece.name, piece.ordinal),
            type: "function",
            function: { name: piece.name, arguments: "" },
          },
        ],
      };
    case "arguments":
      return { tool_calls: [{ index: piece.ordinal, function: { arguments: piece.text } }] };
    default:
      return { [keys[piece.kind]]: piece.text };
  }
}

export const wholeCall = (call: CollectedCall, id: string): JsonRecord => ({
  id,
  type: "function",
  function: { name: call.name, arguments: call.argumentsJson },
});

/** Indexes that no array should be asked for. */
export const STRAY_INDEXES: readonly unknown[] = [-1, 4_294_967_296, "__proto__", null];
