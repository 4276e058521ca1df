/** What the sandbox's tests share: plain requests in each dialect, and what came back on the wire. */
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "undici";
import type { Dialect } from "../providers/provider.ts";
import { COMPLETION_PATHS } from "./http-api.ts";
import { type JsonRecord, listOf, parseJson, recordOf, stringOf } from "./json.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { Sandbox } from "./sandbox.ts";

export const MODELS: Readonly<Record<Dialect, string>> = {
  openai: "gpt-4o-mini",
  anthropic: "claude-haiku-4-5-20251001",
  kimi: "kimi-k2-0905-preview",
};

export type CallOptions = Readonly<{
  model?: string;
  /** Put behind the model's name. */
  faults?: string;
  prompt?: string;
  stream?: boolean;
  /** Added to the body, or in place of what is there. */
  body?: JsonRecord;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** The client leaves as soon as this holds for what it has seen; asked at the headers and at every part of the body. */
  leavesWhen?: (text: string) => boolean;
}>;

/** What a client saw. `failure` is set when the exchange broke before the body's end. */
export type Seen = Readonly<{
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  failure?: string;
}>;

export const HEADERS: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  openai: { authorization: "Bearer test-key" },
  anthropic: { authorization: "Bearer test-key", "anthropic-version": "2023-06-01" },
  kimi: { authorization: "Bearer test-key" },
};

export const bodyFor = (dialect: Dialect, options: CallOptions): JsonRecord => {
  const { prompt = "Say hello", stream = true, faults, model = MODELS[dialect] } = options;
  return {
    model: faults === undefined ? model : `${model}!${faults}`,
    messages: [{ role: "user", content: prompt }],
    stream,
    max_tokens: 4096,
    ...(dialect === "openai" && stream ? { stream_options: { include_usage: true } } : {}),
    ...options.body,
  };
};

/** One exchange on a connection of its own, to its end. A broken one gives what came before. */
export async function call(sandbox: Sandbox, dialect: Dialect, options: CallOptions = {}): Promise<Seen> {
  const dispatcher = new Agent();
  const leaving = new AbortController();
  let status = 0;
  let headers: IncomingHttpHeaders = {};
  const parts: Buffer[] = [];
  let failure: string | undefined;
  const look = (): void => {
    if (options.leavesWhen?.(Buffer.concat(parts).toString("utf8")) === true) leaving.abort();
  };
  try {
    const answer = await request(`${sandbox.url}${COMPLETION_PATHS[dialect]}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...HEADERS[dialect], ...options.headers },
      body: JSON.stringify(bodyFor(dialect, options)),
      signal: options.signal ?? leaving.signal,
      dispatcher,
    });
    status = answer.statusCode;
    headers = answer.headers;
    look();
    for await (const part of answer.body) {
      parts.push(part as Buffer);
      look();
    }
  } catch (error) {
    failure = error instanceof Error ? `${error.name} ${"code" in error ? error.code : ""}` : String(error);
  }
  await dispatcher.destroy();
  const bytes = Buffer.concat(parts);
  return { status, headers, bytes, text: bytes.toString("utf8"), failure };
}

export type SseEvent = Readonly<{ event: string; data: string; json: JsonRecord }>;

/** The events of a stream whose lines end in LF. */
export const eventsOf = (text: string): readonly SseEvent[] =>
  text
    .split("\n\n")
    .map((block) => block.split("\n"))
    .map((lines) => ({
      event: fieldOf(lines, "event"),
      data: fieldOf(lines, "data"),
      json: recordOf(parseJson(fieldOf(lines, "data"))),
    }))
    .filter(({ data }) => data !== "");

const fieldOf = (lines: readonly string[], name: string): string =>
  lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";

/** The text deltas of a stream, one per token. */
export function textTokens(dialect: Dialect, text: string): readonly string[] {
  const deltas = eventsOf(text).map(({ json }) =>
    dialect === "anthropic"
      ? stringOf(recordOf(json.delta).text)
      : stringOf(recordOf(recordOf(listOf(json.choices)[0]).delta).content),
  );
  return deltas.filter((delta) => delta !== "");
}

/** The finish reasons and the terminator of a stream: ["stop", "[DONE]"]. */
export function endOf(dialect: Dialect, text: string): readonly string[] {
  return eventsOf(text).flatMap(({ data, json }) => {
    if (data === "[DONE]" || json.type === "message_stop") return [data === "[DONE]" ? data : "message_stop"];
    const reason =
      dialect === "anthropic"
        ? recordOf(json.delta).stop_reason
        : recordOf(listOf(json.choices)[0]).finish_reason;
    return typeof reason === "string" ? [reason] : [];
  });
}

/** The last entry, once it has ended: what the client saw may be ahead of it by a moment. */
export async function lastEntry(sandbox: Sandbox): Promise<LedgerEntry> {
  for (;;) {
    const entry = sandbox.ledger.entries().at(-1);
    if (entry !== undefined && entry.end !== "open") return entry;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Aborts once the sandbox has an exchange under way. */
export function onceUnderWay(sandbox: Sandbox): AbortSignal {
  const controller = new AbortController();
  const look = (): void => {
    if (sandbox.ledger.openExchanges > 0) controller.abort();
    else setImmediate(look);
  };
  look();
  return controller.signal;
}
