/** What the wire tests of the faults expect, in words: each takes an exchange and fails when it was another. */
import { expect } from "vitest";
import type { Dialect } from "../providers/provider.ts";
import { PAYLOAD_CANARY } from "./dialects/canaries.ts";
import { isRecord, listOf, parseJson, recordOf } from "./json.ts";
import type { LedgerEntry } from "./ledger.ts";
import { type CallOptions, endOf, eventsOf, type Seen, textTokens } from "./test-support.ts";

export const FINISH: Readonly<Record<Dialect, string>> = {
  openai: "stop",
  anthropic: "end_turn",
  kimi: "stop",
};

export const TERMINATOR: Readonly<Record<Dialect, string>> = {
  openai: "[DONE]",
  anthropic: "message_stop",
  kimi: "[DONE]",
};
/** Noon of a day far from today: what follows the sandbox's clock shows it. */
export const WALL_MS = Date.UTC(2027, 4, 1, 12);

export type Exchange = Readonly<{ dialect: Dialect; seen: Seen; entry: LedgerEntry }>;

export type WireCheck = Readonly<{
  /** How the fault is written; absent: by its name. */
  faults?: string;
  options?: CallOptions;
  /** When the client leaves an exchange that never ends; `under way`: before it has seen anything. */
  leaves?: "under way" | ((dialect: Dialect, text: string) => boolean);
  dialects?: readonly Dialect[];
  /** What the client sees of a streamed answer. */
  stream: (exchange: Exchange) => void;
  /** What it sees of a whole one; absent: the same. */
  whole?: (exchange: Exchange) => void;
}>;

export const errorOf = (text: string): Record<string, unknown> => ({
  ...recordOf(recordOf(parseJson(text)).error),
});

export const isWholeAnswer = ({ dialect, seen }: Exchange): void => {
  expect(seen.failure).toBeUndefined();
  expect(endOf(dialect, seen.text)).toEqual([FINISH[dialect], TERMINATOR[dialect]]);
};

export const isJsonAnswer = ({ seen }: Exchange): void => {
  expect(seen.status).toBe(200);
  expect(isRecord(parseJson(seen.text))).toBe(true);
  expect(errorOf(seen.text)).toEqual({});
};

export const status =
  (expected: number | Readonly<Record<Dialect, number>>) =>
  ({ dialect, seen, entry }: Exchange): void => {
    const code = typeof expected === "number" ? expected : expected[dialect];
    expect(seen.status).toBe(code);
    expect(errorOf(seen.text).message).toEqual(expect.any(String));
    expect(entry).toMatchObject({ status: code, end: "failed", tokensSent: 0, costNanoUsd: 0n });
  };

export const typed =
  (expected: Readonly<Record<Dialect, string>>) =>
  ({ dialect, seen }: Exchange): void => {
    const { type, code } = errorOf(seen.text);
    expect([type, code]).toContain(expected[dialect]);
  };

export const all =
  (...checks: readonly ((exchange: Exchange) => void)[]) =>
  (exchange: Exchange): void => {
    for (const check of checks) check(exchange);
  };

export const header =
  (name: string, value: string) =>
  ({ seen }: Exchange): void =>
    expect(seen.headers[name]).toBe(value);

export const noHint = ({ seen }: Exchange): void => {
  const hints = Object.keys(seen.headers).filter((name) => /retry-after|ratelimit-reset/.test(name));
  expect(hints).toEqual([]);
};

export const brokenAfter =
  (tokens: number, end: LedgerEntry["end"]) =>
  ({ dialect, seen, entry }: Exchange): void => {
    expect(textTokens(dialect, seen.text)).toHaveLength(tokens);
    expect(endOf(dialect, seen.text)).toEqual([]);
    expect(entry).toMatchObject({ end, tokensSent: tokens, usage: { outputTokens: tokens } });
    expect(entry.usageReported).toBe(dialect === "anthropic" ? "input" : "none");
  };

export const halfABody = ({ seen, entry }: Exchange): void => {
  expect(seen.status).toBe(200);
  expect(seen.text.length).toBeGreaterThan(20);
  expect(parseJson(seen.text)).toBeUndefined();
  expect(entry.usageReported).toBe("none");
};

export const unreadable = ({ seen, entry }: Exchange): void => {
  expect(parseJson(seen.text)).toBeUndefined();
  expect(parseJson(seen.text.slice(1))).toBeDefined();
  expect(entry).toMatchObject({ end: "completed", usageReported: "none" });
};

export const failed = ({ seen }: Exchange): void => expect(seen.failure).toBeDefined();

export const wasReset = ({ seen }: Exchange): void => expect(seen.failure).toContain("ECONNRESET");

export const endedCleanly = ({ seen }: Exchange): void => expect(seen.failure).toBeUndefined();

export const oddFrames =
  (count: number) =>
  ({ seen }: Exchange): void =>
    expect(eventsOf(seen.text).filter(({ data }) => data.includes(PAYLOAD_CANARY))).toHaveLength(count);

export const usageIn = (text: string): readonly unknown[] =>
  eventsOf(text).flatMap(({ json }) => {
    const places = [json.usage, recordOf(json.message).usage, recordOf(listOf(json.choices)[0]).usage];
    return places.filter((usage) => usage !== undefined);
  });

export const isHtml = ({ seen }: Exchange): void => {
  expect(seen.headers["content-type"]).toBe("text/html");
  expect(seen.text).toMatch(/^<!doctype html>/);
  expect(seen.bytes.length).toBeGreaterThan(4096);
};

export const jsonError = ({ dialect, seen, entry }: Exchange): void => {
  expect(seen.status).toBe(200);
  typed({
    openai: "server_is_overloaded",
    anthropic: "overloaded_error",
    kimi: "engine_overloaded_error",
  })({ dialect, seen, entry });
  expect(entry.end).toBe("failed");
};
