/** What an exchange sends, in order. Dialects make frames, faults rearrange them, the encoder turns them into bytes. */
import type { JsonRecord } from "../json.ts";

/** What a frame is for; faults find their place by it. */
export type FramePart =
  | "start"
  | "token"
  | "block"
  | "ping"
  | "finish"
  | "usage"
  | "done"
  | "error"
  /** Not part of a sound answer. */
  | "odd"
  /** A whole answer. */
  | "body";

/** What playing an item means for the bill. */
export type Effect = Readonly<{
  /** Tokens the model has generated with this item; the pace counts them. */
  generated: number;
  /** How many of these are reasoning tokens. */
  reasoning: number;
  /** Tokens that reach the client with this item. */
  sent: number;
  /** Which usage the client is told with this item. */
  reports?: "input" | "final";
  /** The client is told that the exchange failed. */
  failed: boolean;
}>;

export type Frame = Effect &
  Readonly<{
    kind: "frame";
    part: FramePart;
    /** The SSE event name; absent: no `event:` line. */
    event?: string;
    /** JSON, or text that is sent as it is: "[DONE]". */
    data: JsonRecord | string;
    /** An SSE comment in place of an event. */
    comment?: true;
  }>;
export type Bytes = Effect & Readonly<{ kind: "bytes"; bytes: string | Uint8Array }>;
/** A token is generated and nothing is sent. */
export type Silent = Effect & Readonly<{ kind: "silent" }>;
export type Control = Readonly<
  | { kind: "headers" }
  | { kind: "pause"; ms: number }
  /** Nothing more, with the socket open. */
  | { kind: "hang" }
  | { kind: "reset" }
  /** The body ends here, cleanly and too early. */
  | { kind: "truncate" }
>;

export type Item = Frame | Silent | Control;
/** What the player plays. */
export type Playable = Bytes | Silent | Control;

export const NO_EFFECT: Effect = { generated: 0, reasoning: 0, sent: 0, failed: false };

export const frame = (
  part: FramePart,
  data: JsonRecord | string,
  more: Partial<Omit<Frame, "kind" | "part" | "data">> = {},
): Frame => ({ ...NO_EFFECT, kind: "frame", part, data, ...more });

export function* startingWith<T>(first: T, rest: Iterable<T>): Generator<T> {
  yield first;
  yield* rest;
}

/** A frame that carries one generated token. */
export const tokenFrame = (data: JsonRecord, more: Partial<Pick<Frame, "event" | "reasoning">> = {}): Frame =>
  frame("token", data, { generated: 1, sent: 1, ...more });

export const silentToken = (isReasoning: boolean): Silent => ({
  ...NO_EFFECT,
  kind: "silent",
  generated: 1,
  reasoning: isReasoning ? 1 : 0,
});
