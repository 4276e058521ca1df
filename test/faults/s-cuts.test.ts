/** S: answers that end before their end, in whatever way. */
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WireFault } from "../support/tcp-proxy.ts";
import type { Ask, Heard } from "./rig/call.ts";
import { latenessMs } from "./rig/lateness.ts";
import { FALLBACK, type Rig, SECOND_FALLBACK, startRig } from "./rig/rig.ts";
import { attemptsAt, trial } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

const PROMPT = "Say hello [tokens=60]";
/** So that every model says the same. */
const SAME_FOR_ALL = `${PROMPT} [seed=same]`;
const LOST = { ledger: "usage lost" } as const;

/** What the target says when nothing goes wrong. */
async function wholeAnswer(target: string, prompt = PROMPT): Promise<string> {
  const { completed, text } = await rig.call("whole", { model: target.split("!", 1)[0] ?? "", prompt });
  expect(completed).toBeDefined();
  return text;
}

/** The error of an answer that broke after some of it had been delivered. */
function expectCut({ error, text, failures, deltas }: Heard, whole: string): void {
  expect(error).toMatchObject({ code: Code.Unavailable, reason: "STREAM_TRUNCATED", pushback: "-1" });
  expect(error?.facts).toMatchObject({ partial: "true", attempt_1: expect.stringContaining(": truncated") });
  expect(failures[0]?.failure).toBe("truncated");
  expect(deltas).toBeGreaterThan(0);
  expect(Number(error?.facts.delivered_tokens)).toBeGreaterThanOrEqual(deltas);
  expect(whole.startsWith(text) && text.length < whole.length).toBe(true);
}

/** About forty of sixty tokens in OpenAI's dialect, headers included. */
const BYTES_OF_40_TOKENS = 16_000;
/** What ends an answer on the wire, behind its usage. */
const END_BYTES = "data: [DONE]\n\n\r\n0\r\n\r\n".length;

const CUTS: readonly (readonly [string, string, WireFault | undefined])[] = [
  ["S01 reset after 40 of 60 tokens", "cut=40", undefined],
  ["S01 reset by the network", "", { kind: "cut_after", bytes: BYTES_OF_40_TOKENS, by: "reset" }],
  ["S02 a clean end without a finish reason", "cut-clean=40", undefined],
  ["S02 a FIN in the middle", "", { kind: "cut_after", bytes: BYTES_OF_40_TOKENS, by: "end" }],
];

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  describe.each(CUTS)("%s", (_, faults, onTheWire) => {
    const target = (): string => (onTheWire === undefined ? rig.primary(faults) : rig.proxied());
    const plan = (times: number): void =>
      rig.proxy.plan(({ nth }) => (onTheWire !== undefined && nth <= times ? onTheWire : { kind: "pass" }));
    const targets = (): readonly string[] => Array.from({ length: concurrency }, target);
    const run = (all: readonly string[], ask: Ask) =>
      trial(rig, concurrency, (index) => ({ prompt: PROMPT, ...ask, model: all[index] }), LOST);

    it("ends as a clear error with what was delivered, never as OK", async () => {
      const all = targets();
      plan(0);
      const wholes = await Promise.all(all.map((one) => wholeAnswer(one)));
      plan(9);
      const { heard } = await run(all, {});
      heard.forEach((one, index) => {
        expectCut(one, wholes[index] ?? "");
      });
    });

    it("is followed by a reset and the whole answer of another, for a caller that accepts it", async () => {
      plan(9);
      const whole = await wholeAnswer(FALLBACK);
      const { heard } = await run(targets(), { acceptRestart: true });
      for (const { served, resets, text } of heard) {
        expect([served, resets, text]).toEqual([FALLBACK, 1, whole]);
      }
    });

    it("goes unnoticed when the next attempt says the same", async () => {
      plan(9);
      const whole = await wholeAnswer(FALLBACK, SAME_FOR_ALL);
      const { heard } = await run(targets(), { prompt: SAME_FOR_ALL });
      for (const { served, resets, text } of heard) {
        expect([served, resets, text]).toEqual([FALLBACK, 0, whole]);
      }
    });

    it("goes unnoticed under ASSURED delivery, which held everything back", async () => {
      plan(9);
      const whole = await wholeAnswer(FALLBACK);
      const { heard } = await run(targets(), { assured: true });
      for (const { served, resets, text } of heard) {
        expect([served, resets, text]).toEqual([FALLBACK, 0, whole]);
      }
    });
  });

  it("S03 a finish reason and no [DONE]: a whole answer with its usage", async () => {
    const all = Array.from({ length: concurrency }, () => rig.primary("no-done"));
    const { rows, heard } = await trial(rig, concurrency, (index) => ({ model: all[index] }));
    heard.forEach(({ served, elapsedMs }, index) => {
      expect(served).toBe(all[index]);
      expect(elapsedMs).toBeLessThanOrEqual(1_000 + latenessMs(concurrency));
    });
    for (const { usageSource, tokens } of rows) {
      expect([usageSource, tokens.output > 0]).toEqual(["REPORTED", true]);
    }
  });

  it("S03 a finish reason, usage and then silence: two seconds are left, then it is whole", async () => {
    const model = rig.proxied();
    rig.proxy.plan(() => ({ kind: "pass" }));
    const whole = await wholeAnswer(model);
    const bytes = rig.proxy.answer().length - END_BYTES;
    rig.proxy.plan(() => ({ kind: "cut_after", bytes, by: "silence" }));
    const { heard, rows } = await trial(rig, concurrency, () => ({ model, prompt: PROMPT }));
    for (const { completed, text, elapsedMs } of heard) {
      expect([completed !== undefined, text]).toEqual([true, whole]);
      expect(elapsedMs).toBeLessThanOrEqual(2_000 + latenessMs(concurrency));
    }
    for (const { usageSource } of rows) expect(usageSource).toBe("REPORTED");
  });

  it("S04 [DONE] and no finish reason: never OK", async () => {
    const all = Array.from({ length: concurrency }, () => rig.primary("no-finish"));
    const wholes = await Promise.all(all.map((one) => wholeAnswer(one)));
    const ask = (index: number) => ({ model: all[index], prompt: PROMPT });
    const { heard } = await trial(rig, concurrency, ask, LOST);
    heard.forEach(({ error, text, served }, index) => {
      expect(served).toBeUndefined();
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "STREAM_TRUNCATED" });
      expect(wholes[index]).toContain(text);
    });
  });

  it.each([
    ["rate-limit", "rate_limited", "RATE_LIMITED"],
    ["overloaded", "overloaded", "PROVIDER_OVERLOADED"],
  ])("S15 an error event (%s): before content the next provider answers", async (word, failure) => {
    const { heard } = await trial(rig, concurrency, () => ({
      model: rig.primary(`error-first-event=${word}`),
    }));
    for (const { served, failureClasses } of heard)
      expect([served, failureClasses]).toEqual([FALLBACK, [failure]]);
  });

  it.each([
    ["rate-limit", "rate_limited", "RATE_LIMITED"],
    ["overloaded", "overloaded", "PROVIDER_OVERLOADED"],
  ])("S15 an error event (%s): after content an error of its class", async (word, failure, reason) => {
    const ask = () => ({ model: rig.primary(`error-midstream=20:${word}`) });
    const { heard } = await trial(rig, concurrency, ask, LOST);
    for (const { error, failureClasses, deltas } of heard) {
      expect(failureClasses[0]).toBe(failure);
      expect(error).toMatchObject({ code: Code.Unavailable, reason });
      expect(error?.facts.partial).toBe("true");
      expect(deltas).toBeGreaterThan(0);
    }
  });

  it("S24 a cut with fallbacks that refuse prefill: none is sent, and the error is the cut", async () => {
    for (const provider of ["anthropic", "kimi"] as const) {
      rig.sandbox.setFaults({ provider, faults: [{ fault: "refuses-prefill" }] });
    }
    const all = Array.from({ length: concurrency }, () => rig.primary("cut=40"));
    const wholes = await Promise.all(all.map((one) => wholeAnswer(one)));
    const cut = await trial(rig, concurrency, (index) => ({ model: all[index], prompt: PROMPT }), LOST);
    cut.heard.forEach((one, index) => {
      expectCut(one, wholes[index] ?? "");
    });
    const restarted = await trial(
      rig,
      concurrency,
      () => ({ model: rig.primary("cut=40"), prompt: PROMPT, acceptRestart: true }),
      LOST,
    );
    rig.sandbox.clearFaults();
    for (const { served, resets } of restarted.heard) expect([served, resets]).toEqual([FALLBACK, 1]);
    for (const seen of [cut, restarted]) {
      expect(seen.ledger.filter(({ status }) => status === 400)).toEqual([]);
      expect(attemptsAt(seen, FALLBACK).length).toBeGreaterThan(0);
      expect(attemptsAt(seen, SECOND_FALLBACK)).toEqual([]);
    }
  });
});

describe("S01 S02 a cut at any byte of the answer, headers included", () => {
  it("is never taken for an end before the end, and what was delivered is a beginning", async () => {
    const fallbackAnswer = await wholeAnswer(FALLBACK);
    rig.proxy.plan(() => ({ kind: "pass" }));
    await wholeAnswer(rig.proxied());
    const cuts = fc.record({
      bytes: fc.integer({ min: 0, max: rig.proxy.answer().length }),
      by: fc.constantFrom("reset" as const, "end" as const),
    });
    await fc.assert(
      fc.asyncProperty(cuts, async ({ bytes, by }) => {
        const model = rig.proxied();
        rig.proxy.plan(() => ({ kind: "pass" }));
        const whole = await wholeAnswer(model);
        rig.proxy.plan(() => ({ kind: "cut_after", bytes, by }));
        const { heard } = await trial(rig, 1, () => ({ model, prompt: PROMPT }), LOST);
        for (const { completed, text, error } of heard) {
          if (completed !== undefined) expect([whole, fallbackAnswer]).toContain(text);
          else expect([error?.facts.partial, whole.startsWith(text)]).toEqual(["true", true]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
