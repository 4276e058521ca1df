/** P and S once more, in the two dialects that the other tests do not speak: the words differ, what they lead to does not. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ProviderFailure } from "../../src/providers/provider-error.ts";
import { type Rig, startRig } from "./rig/rig.ts";
import { trial } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

const TARGETS = { anthropic: "claude-haiku-4-5-20251001", kimi: "kimi-k2.6" } as const;

type Row = Readonly<{
  id: string;
  fault: string;
  /** What the first attempt ends as. */
  first: ProviderFailure | "ok";
  /** How the call ends: with an answer of somebody's, or an error. */
  end: "served" | Code;
}>;

const SAME_IN_BOTH: readonly Row[] = [
  { id: "P05 429 without Retry-After", fault: "429-retry-after-ms=10", first: "rate_limited", end: "served" },
  { id: "P07 500", fault: "500", first: "server_error", end: "served" },
  { id: "P08 503", fault: "503", first: "server_error", end: "served" },
  { id: "P09 529", fault: "529", first: "overloaded", end: "served" },
  { id: "P09 overloaded in the dialect's own way", fault: "overloaded", first: "overloaded", end: "served" },
  { id: "P19 200 with an HTML page", fault: "html-200", first: "protocol", end: "served" },
  { id: "S01 a reset", fault: "cut=40", first: "truncated", end: Code.Unavailable },
  { id: "S02 a clean end", fault: "cut-clean=40", first: "truncated", end: Code.Unavailable },
  { id: "S04 no finish reason", fault: "no-finish", first: "truncated", end: Code.Unavailable },
  { id: "S10 a malformed chunk", fault: "malformed", first: "ok", end: "served" },
  { id: "S12 a byte that is not UTF-8", fault: "bad-utf8", first: "ok", end: "served" },
  { id: "S13 CRLF", fault: "crlf=crlf", first: "ok", end: "served" },
  {
    id: "S15 an error before content",
    fault: "error-first-event=overloaded",
    first: "overloaded",
    end: "served",
  },
  {
    id: "S15 an error after content",
    fault: "error-midstream=30",
    first: "overloaded",
    end: Code.Unavailable,
  },
  { id: "S18 __proto__ everywhere", fault: "proto-keys", first: "ok", end: "served" },
  { id: "S19 unknown events", fault: "unknown-events", first: "ok", end: "served" },
];

const ROWS: Readonly<Record<keyof typeof TARGETS, readonly Row[]>> = {
  anthropic: [
    ...SAME_IN_BOTH,
    {
      id: "P20 context length, and a larger window",
      fault: "context-length",
      first: "context_length",
      end: "served",
    },
    { id: "S17 stray indexes", fault: "dup-index", first: "ok", end: "served" },
    { id: "S03 no message_stop", fault: "no-done", first: "truncated", end: Code.Unavailable },
  ],
  kimi: [
    ...SAME_IN_BOTH,
    { id: "P20 context length", fault: "context-length", first: "context_length", end: Code.InvalidArgument },
    { id: "S17 stray indexes of nameless calls", fault: "dup-index", first: "protocol", end: "served" },
    { id: "S03 no [DONE]", fault: "no-done", first: "ok", end: "served" },
    {
      id: "P21 content filter",
      fault: "content-filter",
      first: "content_filtered",
      end: Code.FailedPrecondition,
    },
  ],
};

describe.each(["anthropic", "kimi"] as const)("in the dialect of %s", (provider) => {
  const model = TARGETS[provider];
  const target = `${provider}/${model}`;
  const ask = { model: target, prompt: "Say hello [tokens=60]" };

  it.each(ROWS[provider])("$id", async ({ fault, first, end }) => {
    rig.sandbox.setFaults({ provider, model, faults: [{ fault }] });
    const { heard, rows } = await trial(rig, 1, () => ask, { ledger: "usage lost" });
    rig.sandbox.setFaults({ provider, model, faults: [] });
    expect(rows[0]?.attempts[0]).toMatchObject({ target, outcome: first });
    if (end === "served") expect(heard[0]?.completed).toBeDefined();
    else expect(heard[0]?.error?.code).toBe(end);
    // So many successes keep the breaker closed for the next test.
    for (let calls = 0; calls < 3; calls += 1) {
      expect((await rig.call("closing", ask)).served).toBe(target);
    }
  });
});
