/** What the sandbox decided to do with a request, ready to be played. */

import type { Usage } from "../answer/tokens.ts";
import type { ErrorContext, ErrorReply } from "../dialects/voice.ts";
import { NO_EFFECT, type Playable } from "./items.ts";

export type Reply = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  items: Iterable<Playable>;
  /** Present when an answer is generated: the prompt is billed once the first item is played. */
  prompt?: Pick<Usage, "inputTokens" | "cachedInputTokens" | "cacheWriteTokens">;
}>;

export type ReplyContext = ErrorContext & Readonly<{ wallMs: number }>;

export const JSON_TYPE = { "content-type": "application/json" } as const;

/** One body, sent at once, that tells of a failure. */
export const failure = (status: number, headers: Readonly<Record<string, string>>, body: string): Reply => ({
  status,
  headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
  items: [{ ...NO_EFFECT, kind: "bytes", bytes: body, failed: true }],
});

export const jsonFailure = (error: ErrorReply, headers: Readonly<Record<string, string>>): Reply =>
  failure(error.status, { ...headers, ...JSON_TYPE }, JSON.stringify(error.body));
