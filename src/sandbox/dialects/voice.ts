/** How the sandbox speaks one provider's dialect. The three voices differ in this and in nothing else. */
import type { IncomingHttpHeaders } from "node:http";
import type { Dialect } from "../../providers/provider.ts";
import type { Answer } from "../answer/answer.ts";
import type { Ask } from "../answer/ask.ts";
import type { CachePolicy, PromptReading } from "../answer/prompt-cache.ts";
import type { Frame, Item } from "../exchange/items.ts";
import type { JsonRecord } from "../json.ts";

/** A parsed request whose body is a JSON object. */
export type Incoming = Readonly<{ body: JsonRecord; headers: IncomingHttpHeaders; model: string }>;

export const ERROR_KINDS = [
  "rate-limit",
  "quota",
  "server-error",
  "unavailable",
  "overloaded",
  "context-length",
  "content-filter",
  "auth",
  "no-key",
  "forbidden",
  "model-not-found",
  "too-large",
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];
export const isErrorKind = (word: string): word is ErrorKind => ERROR_KINDS.some((kind) => kind === word);

/** A request the provider would refuse, in its own words. */
export type Problem = Readonly<{ message: string; param?: string; code?: string; type?: string }>;
export type ErrorReply = Readonly<{ status: number; body: JsonRecord }>;
export type ErrorContext = Readonly<{ model: string; requestId: string }>;

export type UsageStyle = "normal" | "absent" | "null" | "zero" | "mismatch";

/** Everything a rendering depends on: the same gives the same bytes. */
export type Rendering = Readonly<{
  ask: Ask;
  answer: Answer;
  prompt: PromptReading;
  /** Letters and digits, at least 64: ids and padding are cut from it. */
  salt: string;
  createdSeconds: number;
  usageStyle: UsageStyle;
  /** False: every finish reason is null. */
  finishes: boolean;
}>;

/** Frames that no sound answer holds, for the faults that slip them in. */
export type OddFrames = Readonly<{
  ping: Frame;
  malformed: Frame;
  unknown: readonly Frame[];
  strayIndexes: readonly Frame[];
}>;

export interface Voice {
  readonly dialect: Dialect;
  /** What the real API would answer with 400; undefined for a good request. */
  findProblem(incoming: Incoming): Problem | undefined;
  readAsk(incoming: Incoming): Ask;
  cachePolicy(model: string): CachePolicy;
  /** Headers of every answer, by status. */
  headers(context: ErrorContext, wallMs: number): Readonly<Record<string, string>>;
  /** Headers that tell when the limit is lifted. */
  resetHeaders(waitMs: number, wallMs: number): Readonly<Record<string, string>>;
  error(kind: ErrorKind, context: ErrorContext): ErrorReply;
  badRequest(problem: Problem, context: ErrorContext): ErrorReply;
  errorFrame(body: JsonRecord): Frame;
  /** A streamed answer. */
  frames(rendering: Rendering): Iterable<Item>;
  /** A whole answer. */
  body(rendering: Rendering): JsonRecord;
  oddFrames(rendering: Rendering): OddFrames;
  models(names: readonly string[]): JsonRecord;
}

/** Whether the request names a key, in either of the two places the APIs take it from. */
export const hasKey = (headers: IncomingHttpHeaders): boolean =>
  /^Bearer\s+\S/i.test(headers.authorization ?? "") || (headers["x-api-key"] ?? "").length > 0;
