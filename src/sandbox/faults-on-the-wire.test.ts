import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIALECTS, type Dialect } from "../providers/provider.ts";
import { KEY_CANARY } from "./dialects/canaries.ts";
import { FAULTS, type FaultName } from "./faults/table.ts";
import { isRecord, listOf, parseJson, recordOf } from "./json.ts";
import type { LedgerEntry } from "./ledger.ts";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import {
  all,
  brokenAfter,
  type Exchange,
  endedCleanly,
  errorOf,
  FINISH,
  failed,
  halfABody,
  header,
  isHtml,
  isJsonAnswer,
  isWholeAnswer,
  jsonError,
  noHint,
  oddFrames,
  status,
  TERMINATOR,
  typed,
  unreadable,
  usageIn,
  WALL_MS,
  type WireCheck,
  wasReset,
} from "./test-expectations.ts";
import { call, endOf, eventsOf, lastEntry, MODELS, onceUnderWay, textTokens } from "./test-support.ts";

const LINE_ENDS = /\r\n|\r|\n/g;

const CHECKS: Readonly<Record<FaultName, WireCheck>> = {
  none: { stream: isWholeAnswer, whole: isJsonAnswer },
  "429": { stream: all(status(429), noHint) },
  "429-retry-after": { faults: "429-retry-after=7", stream: all(status(429), header("retry-after", "7")) },
  "429-retry-after-date": {
    faults: "429-retry-after-date=90",
    stream: all(
      status(429),
      header("date", "Sat, 01 May 2027 12:00:00 GMT"),
      header("retry-after", "Sat, 01 May 2027 12:01:30 GMT"),
    ),
  },
  "429-retry-after-ms": {
    faults: "429-retry-after-ms=350,429-retry-after=9",
    stream: all(status(429), header("retry-after-ms", "350"), header("retry-after", "9")),
  },
  "429-ratelimit-reset": {
    faults: "429-ratelimit-reset=2000",
    stream: all(status(429), ({ dialect, seen }) => {
      const name =
        dialect === "anthropic" ? "anthropic-ratelimit-requests-reset" : "x-ratelimit-reset-requests";
      const value = { openai: "2s", anthropic: "2027-05-01T12:00:02Z", kimi: "2000ms" }[dialect];
      expect(seen.headers[name]).toBe(value);
      expect(seen.headers["retry-after"]).toBeUndefined();
    }),
  },
  quota: {
    stream: all(
      status({ openai: 429, anthropic: 402, kimi: 403 }),
      typed({
        openai: "insufficient_quota",
        anthropic: "billing_error",
        kimi: "exceeded_current_quota_error",
      }),
    ),
  },
  "500": {
    stream: all(status(500), typed({ openai: "server_error", anthropic: "api_error", kimi: "server_error" })),
  },
  "503": { stream: all(status(503), ({ seen }) => expect(seen.text).not.toMatch(/overload/i)) },
  "529": { stream: status(529) },
  overloaded: {
    stream: all(
      status({ openai: 503, anthropic: 529, kimi: 429 }),
      typed({
        openai: "server_is_overloaded",
        anthropic: "overloaded_error",
        kimi: "engine_overloaded_error",
      }),
    ),
  },
  "502-html": { stream: all(isHtml, ({ seen }) => expect(seen.status).toBe(502)) },
  "html-200": { stream: all(isHtml, ({ seen }) => expect(seen.status).toBe(200)) },
  "error-in-200": { stream: jsonError },
  "context-length": {
    stream: all(status(400), ({ seen }) => expect(seen.text).toMatch(/context_length|too long|token limit/)),
  },
  "content-filter": {
    stream: ({ dialect, seen, entry }) => {
      if (dialect === "anthropic") expect(endOf(dialect, seen.text)).toEqual(["refusal", "message_stop"]);
      else status(400)({ dialect, seen, entry });
    },
    whole: ({ seen }) => expect(seen.text).toMatch(/"refusal"|content_policy_violation|"content_filter"/),
  },
  auth: { stream: all(status(401), ({ seen }) => expect(seen.text).toContain(KEY_CANARY)) },
  forbidden: { stream: status(403) },
  "model-404": {
    stream: all(status(404), ({ dialect, seen }) => expect(seen.text).toContain(MODELS[dialect])),
  },
  "refuses-prefill": {
    options: {
      body: {
        messages: [
          { role: "user", content: "Go on" },
          { role: "assistant", content: "The answer is" },
        ],
      },
    },
    stream: all(status(400), ({ seen }) => expect(seen.text).toContain("prefill")),
  },
  reset: {
    stream: all(wasReset, ({ seen, entry }) => {
      expect(seen.status).toBe(0);
      expect(entry).toMatchObject({ end: "cut", costNanoUsd: 0n });
      expect(entry.status).toBeUndefined();
    }),
  },
  silence: {
    leaves: "under way",
    stream: all(failed, ({ seen, entry }) => {
      expect(seen.status).toBe(0);
      expect(entry).toMatchObject({ end: "aborted_by_client", tokensSent: 0 });
      expect(entry.status).toBeUndefined();
    }),
  },
  recorded: {
    faults: "recorded=text-stream.sse",
    dialects: ["openai", "anthropic"],
    stream: ({ dialect, seen, entry }) => {
      expect(endOf(dialect, seen.text)).toEqual([FINISH[dialect], TERMINATOR[dialect]]);
      expect(entry).toMatchObject({ end: "completed", usageReported: "final" });
      expect(entry.usage.outputTokens).toBe({ openai: 2, anthropic: 10, kimi: 0 }[dialect]);
    },
  },
  refusal: {
    stream: ({ dialect, seen }) => {
      const reason = { openai: "stop", anthropic: "refusal", kimi: "content_filter" }[dialect];
      expect(endOf(dialect, seen.text)).toEqual([reason, TERMINATOR[dialect]]);
      expect(textTokens(dialect, seen.text).length > 0).toBe(dialect === "kimi");
      expect(seen.text.includes('"delta":{"refusal":')).toBe(dialect === "openai");
    },
    whole: ({ dialect, seen }) => {
      const choice = recordOf(listOf(recordOf(parseJson(seen.text)).choices)[0]);
      if (dialect === "openai") expect(recordOf(choice.message)).toMatchObject({ content: null });
      else expect(seen.text).toMatch(/"(?:stop|finish)_reason":"(?:refusal|content_filter)"/);
    },
  },
  endless: {
    options: { body: { max_tokens: 50 } },
    leaves: (dialect, text) => textTokens(dialect, text).length > 100,
    stream: all(failed, ({ dialect, seen, entry }) => {
      expect(new Set(textTokens(dialect, seen.text))).toEqual(new Set([" again"]));
      expect(entry.tokensSent).toBeGreaterThan(100);
      expect(entry).toMatchObject({ end: "aborted_by_client", usage: { outputTokens: entry.tokensSent } });
    }),
    whole: ({ seen, entry }) => {
      expect(seen.text.match(/ again/g)).toHaveLength(100);
      expect(entry.usage.outputTokens).toBe(100);
    },
  },
  "no-finish": {
    stream: ({ dialect, seen }) => expect(endOf(dialect, seen.text)).toEqual([TERMINATOR[dialect]]),
    whole: ({ seen }) => expect(seen.text).toMatch(/"(?:finish|stop)_reason":null/),
  },
  "no-usage": {
    stream: all(isWholeAnswer, ({ seen, entry }) => {
      expect(usageIn(seen.text)).toEqual([]);
      expect(entry).toMatchObject({ usageReported: "none", end: "completed" });
      expect(entry.costNanoUsd).toBeGreaterThan(0n);
    }),
    whole: all(isJsonAnswer, ({ seen }) => expect(recordOf(parseJson(seen.text)).usage).toBeUndefined()),
  },
  "usage-null": {
    stream: all(isWholeAnswer, ({ seen }) => expect(new Set(usageIn(seen.text))).toEqual(new Set([null]))),
    whole: all(isJsonAnswer, ({ seen }) => expect(recordOf(parseJson(seen.text)).usage).toBeNull()),
  },
  "usage-zero": {
    stream: all(isWholeAnswer, ({ seen, entry }) => {
      expect(seen.text).toMatch(/"(?:prompt|input)_tokens":0,.*"(?:completion|output)_tokens":0/);
      expect(entry.usageReported).not.toBe("final");
      expect(entry.usage.outputTokens).toBeGreaterThan(0);
    }),
    whole: all(isJsonAnswer, ({ seen }) => expect(seen.text).toMatch(/"(?:completion|output)_tokens":0/)),
  },
  "usage-mismatch": {
    stream: all(isWholeAnswer, ({ dialect, seen, entry }) => {
      const key = dialect === "anthropic" ? "input_tokens" : "prompt_tokens";
      const told = usageIn(seen.text).flatMap((usage) => (isRecord(usage) ? [usage[key]] : []));
      expect(told).toEqual([entry.usage.inputTokens + 1, entry.usage.inputTokens]);
    }),
    whole: isJsonAnswer,
  },
  "slow-headers": {
    faults: "slow-headers=30",
    stream: all(isWholeAnswer, ({ entry }) => expect(lengthMs(entry)).toBeGreaterThanOrEqual(29)),
    whole: all(isJsonAnswer, ({ entry }) => expect(lengthMs(entry)).toBeGreaterThanOrEqual(29)),
  },
  "slow-first-token": {
    faults: "slow-first-token=60000",
    leaves: () => true,
    stream: ({ dialect, seen, entry }) => {
      expect(seen.status).toBe(200);
      expect(textTokens(dialect, seen.text)).toEqual([]);
      expect(entry).toMatchObject({ end: "aborted_by_client", tokensSent: 0 });
    },
    whole: ({ seen, entry }) => {
      expect(seen.status).toBe(200);
      expect(seen.text).toBe("");
      expect(entry).toMatchObject({ end: "aborted_by_client", usageReported: "none" });
    },
  },
  cut: {
    faults: "cut=90",
    stream: all(wasReset, brokenAfter(90, "cut")),
    whole: all(wasReset, halfABody),
  },
  "cut-clean": {
    faults: "cut-clean=3",
    stream: all(endedCleanly, brokenAfter(3, "cut")),
    whole: all(endedCleanly, halfABody),
  },
  stall: {
    faults: "stall=20",
    leaves: (dialect, text) => textTokens(dialect, text).length >= 20 || text.startsWith("{"),
    stream: all(failed, brokenAfter(20, "aborted_by_client")),
    whole: halfABody,
  },
  "ping-only": {
    faults: "ping-only=2",
    leaves: (_dialect, text) => (text.match(/ping\n/g)?.length ?? 0) > 3 || /^ {3}/.test(text),
    stream: all(failed, brokenAfter(2, "aborted_by_client"), ({ seen }) => {
      expect(seen.text.match(/^(?:: ping|event: ping)$/gm)?.length).toBeGreaterThan(3);
    }),
    whole: ({ seen }) => {
      expect(seen.status).toBe(200);
      expect(seen.text).toMatch(/^ +$/);
    },
  },
  malformed: {
    stream: all(isWholeAnswer, oddFrames(1)),
    whole: all(endedCleanly, unreadable),
  },
  "malformed-twice": {
    stream: all(isWholeAnswer, oddFrames(2)),
    whole: all(endedCleanly, unreadable),
  },
  "no-done": {
    stream: ({ dialect, seen, entry }) => {
      expect(endOf(dialect, seen.text)).toEqual([FINISH[dialect]]);
      expect(entry.usageReported).toBe("final");
    },
    whole: isJsonAnswer,
  },
  "error-first-event": {
    faults: "error-first-event=rate-limit",
    stream: ({ dialect, seen, entry }) => {
      const [first, ...rest] = eventsOf(seen.text);
      expect(first?.event).toBe(dialect === "anthropic" ? "error" : "");
      expect(recordOf(first?.json.error).type).toMatch(/requests|rate_limit/);
      expect(rest).toEqual([]);
      expect(entry).toMatchObject({ status: 200, end: "failed", usage: { inputTokens: 0, outputTokens: 0 } });
    },
    whole: ({ seen, entry }) => {
      expect(errorOf(seen.text).type).toMatch(/requests|rate_limit/);
      expect(entry).toMatchObject({ status: 200, end: "failed" });
    },
  },
  "error-midstream": {
    faults: "error-midstream=4",
    stream: all(endedCleanly, brokenAfter(4, "failed"), ({ seen }) => {
      expect(recordOf(eventsOf(seen.text).at(-1)?.json.error).type).toMatch(/overloaded|unavailable/);
    }),
    whole: jsonError,
  },
  "unknown-events": {
    stream: all(isWholeAnswer, ({ seen }) => expect(seen.text).toContain("event: sandbox_note")),
    whole: all(isJsonAnswer, ({ seen }) => expect(seen.text).toContain("sandbox_note")),
  },
  "dup-index": {
    stream: all(isWholeAnswer, ({ seen }) => {
      for (const index of ["-1", "4294967296", '"__proto__"', "null"]) {
        expect(seen.text).toContain(`"index":${index}`);
      }
    }),
    whole: isJsonAnswer,
  },
  "bad-utf8": {
    stream: ({ dialect, seen }) => {
      expect(seen.bytes.filter((byte) => byte === 0xff)).toHaveLength(1);
      expect(textTokens(dialect, seen.text)[1]).toMatch(/\uFFFD$/);
      expect(endOf(dialect, seen.text)).toHaveLength(2);
    },
    whole: ({ seen }) => expect(seen.bytes.filter((byte) => byte === 0xff)).toHaveLength(1),
  },
  crlf: {
    stream: ({ dialect, seen }) => {
      expect(new Set(seen.text.match(LINE_ENDS))).toEqual(new Set(["\r\n"]));
      expect(endOf(dialect, seen.text.replaceAll("\r\n", "\n"))).toHaveLength(2);
    },
    whole: isJsonAnswer,
  },
  bom: {
    stream: ({ seen }) => expect([...seen.bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]),
    whole: isJsonAnswer,
  },
  "no-final-blank": {
    stream: ({ seen }) => expect(seen.text).toMatch(/[^\n]\n$/),
    whole: isJsonAnswer,
  },
  "proto-keys": {
    stream: all(isWholeAnswer, ({ seen }) => {
      const withoutKeys = eventsOf(seen.text).filter(
        ({ data }) => data !== "[DONE]" && !data.includes('"__proto__":{"polluted":true}'),
      );
      expect(withoutKeys).toEqual([]);
    }),
    whole: all(isJsonAnswer, ({ seen }) =>
      expect(seen.text.match(/"__proto__"/g)?.length).toBeGreaterThan(2),
    ),
  },
  gzip: {
    stream: ({ dialect, seen }) => {
      expect(seen.headers["content-encoding"]).toBe("gzip");
      expect(endOf(dialect, gunzipSync(seen.bytes).toString("utf8"))).toHaveLength(2);
    },
    whole: ({ seen }) => expect(isRecord(parseJson(gunzipSync(seen.bytes).toString("utf8")))).toBe(true),
  },
};

const lengthMs = ({ startedAtMs, endedAtMs = 0 }: LedgerEntry): number => endedAtMs - startedAtMs;

describe("a fault named in the model shows on the wire", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({
      tokensPerSecond: 20_000,
      pingIntervalMs: 2,
      wallClock: () => WALL_MS,
    });
  });
  afterAll(() => sandbox.close());
  beforeEach(() => sandbox.ledger.clear());

  const exchange = async (name: FaultName, dialect: Dialect, stream: boolean): Promise<Exchange> => {
    const { faults = name, options, leaves } = CHECKS[name];
    const leaving =
      leaves === "under way"
        ? { signal: onceUnderWay(sandbox) }
        : { leavesWhen: (text: string) => leaves?.(dialect, text) ?? false };
    const seen = await call(sandbox, dialect, { faults, stream, ...leaving, ...options });
    return { dialect, seen, entry: await lastEntry(sandbox) };
  };

  for (const [name, { sentence }] of Object.entries(FAULTS) as [FaultName, { sentence: string }][]) {
    const { dialects = DIALECTS, stream, whole = stream } = CHECKS[name];
    describe(`${name}: ${sentence}`, () => {
      it.each(dialects)("%s, streamed", async (dialect) => {
        const seen = await exchange(name, dialect, true);
        expect(seen.entry.fault).toContain(name);
        stream(seen);
      });
      it.each(dialects)("%s, whole", async (dialect) => {
        whole(await exchange(name, dialect, false));
      });
    });
  }
});
