/** Answers that real servers sent, for the fault `recorded`: a folder per dialect with bodies and a manifest.json. */
import { readFile } from "node:fs/promises";
import type { Dialect } from "../providers/provider.ts";
import { NO_USAGE, type Usage } from "./answer/tokens.ts";
import type { Playable } from "./exchange/items.ts";
import type { Reply } from "./exchange/reply.ts";
import { type JsonRecord, listOf, numberOf, parseJson, recordOf, stringOf } from "./json.ts";

type Recording = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** What the answer said of its usage; undefined when it said nothing. */
  usage?: Usage;
}>;

/** The times and lengths of then would be wrong now. */
const HEADERS_OF_THE_MOMENT: ReadonlySet<string> = new Set(["date", "content-length", "content-encoding"]);

/** Where this repository keeps them. */
export const RECORDINGS_FOLDER = new URL("../../test/fixtures/providers/", import.meta.url);

export class Recordings {
  readonly #folder: URL;
  readonly #known = new Map<string, Promise<Recording | undefined>>();

  constructor(folder: URL) {
    this.#folder = folder;
  }

  /**
   * A recorded answer, event by event at the token rate, by its file name in the manifest; undefined when there is none.
   * It bills the usage that was recorded; where none was, one token per event.
   */
  async replyFor(dialect: Dialect, file: string): Promise<Reply | undefined> {
    const key = `${dialect}/${file}`;
    const reading = this.#known.get(key) ?? this.#read(dialect, file);
    this.#known.set(key, reading);
    const recording = await reading;
    return recording === undefined ? undefined : toReply(recording);
  }

  /** Only files that the manifest names are read, so a name cannot lead out of the folder. */
  async #read(dialect: Dialect, file: string): Promise<Recording | undefined> {
    const manifest = await readFile(new URL(`${dialect}/manifest.json`, this.#folder), "utf8").catch(
      () => "",
    );
    const parsed = parseJson(manifest);
    const entries = Array.isArray(parsed) ? parsed : listOf(recordOf(parsed).files);
    const entry = entries.map(recordOf).find((one) => one.file === file);
    return entry === undefined
      ? undefined
      : recordingFrom(entry, await readFile(new URL(`${dialect}/${file}`, this.#folder), "utf8"));
  }
}

function recordingFrom(entry: JsonRecord, body: string): Recording {
  const headers = Object.entries(recordOf(entry.response_headers))
    .filter(([name]) => !HEADERS_OF_THE_MOMENT.has(name.toLowerCase()))
    .map(([name, value]) => [name, stringOf(value)]);
  const usage = recordOf(entry.expect).usage;
  return {
    status: numberOf(entry.status) ?? 200,
    headers: Object.fromEntries(headers),
    body,
    ...(usage === null || usage === undefined ? {} : { usage: usageFrom(recordOf(usage)) }),
  };
}

const usageFrom = (usage: JsonRecord): Usage => ({
  ...NO_USAGE,
  inputTokens: numberOf(usage.input) ?? 0,
  cachedInputTokens: numberOf(usage.cached) ?? 0,
  cacheWriteTokens: numberOf(usage.cache_write) ?? 0,
  outputTokens: numberOf(usage.output) ?? 0,
  reasoningTokens: numberOf(usage.reasoning) ?? 0,
});

function toReply({ status, headers, body, usage }: Recording): Reply {
  const events = body.match(/[\s\S]+?(?:\r?\n\r?\n|$)/g) ?? [];
  const failed = status >= 400;
  const items = events.map((bytes, index): Playable => {
    const isLast = index === events.length - 1;
    const left = failed ? 0 : Math.max(0, (usage?.outputTokens ?? events.length) - index);
    const generated = isLast ? left : Math.min(1, left);
    const reports = isLast && usage !== undefined ? ({ reports: "final" } as const) : {};
    const reasoning = isLast ? (usage?.reasoningTokens ?? 0) : 0;
    return { kind: "bytes", bytes, generated, reasoning, sent: generated, failed, ...reports };
  });
  return failed ? { status, headers, items } : { status, headers, items, prompt: usage ?? NO_USAGE };
}
