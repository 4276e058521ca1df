/** P and S: providers that fall silent. The limits are those of production, divided by ten or so. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { latenessMs } from "./rig/lateness.ts";
import { FALLBACK, holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { attemptsAt, trial } from "./rig/trial.ts";

const LIMITS = { headersMs: 1_000, firstTokenMs: 1_500, byteSilenceMs: 1_000, contentSilenceMs: 2_000 };

/** About as much of an answer in OpenAI's dialect, headers included. */
const BYTES_OF_20_TOKENS = 9_000;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    env: {
      MODELTIER_HEADERS_TIMEOUT_MS: String(LIMITS.headersMs),
      MODELTIER_FIRST_TOKEN_TIMEOUT_MS: String(LIMITS.firstTokenMs),
      MODELTIER_BYTE_SILENCE_MS: String(LIMITS.byteSilenceMs),
      MODELTIER_CONTENT_SILENCE_MS: String(LIMITS.contentSilenceMs),
    },
  });
});
afterAll(() => rig?.stop());

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  const expectDuration = (elapsedMs: number, limitMs: number): void => {
    expect(elapsedMs).toBeGreaterThanOrEqual(limitMs);
    expect(elapsedMs).toBeLessThanOrEqual(limitMs + latenessMs(concurrency));
  };

  it("P12 a host that accepts and never answers: the header limit, the next provider, no second try", async () => {
    rig.proxy.plan(() => ({ kind: "black_hole" }));
    const { heard } = await trial(rig, concurrency, () => ({ model: rig.proxied() }), { ledger: "fewer" });
    for (const { served, asked, failureClasses, elapsedMs } of heard) {
      expect([served, asked.length, failureClasses]).toEqual([FALLBACK, 2, ["header_timeout"]]);
      expectDuration(elapsedMs, LIMITS.headersMs);
    }
  });

  it("P16 headers at once and no first token: the first-token limit, the next provider", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("slow-first-token=20000"));
    const seen = await trial(rig, concurrency, (index) => ({ model: targets[index] }));
    for (const { served, asked, failureClasses, elapsedMs } of seen.heard) {
      expect([served, asked.length, failureClasses]).toEqual([FALLBACK, 2, ["first_token_timeout"]]);
      expectDuration(elapsedMs, LIMITS.firstTokenMs);
    }
    for (const target of targets) {
      const [entry, ...others] = attemptsAt(seen, target);
      expect([entry?.end, others]).toEqual(["aborted_by_client", []]);
      // The provider hears of an attempt when it gets round to it: later the more share the cores.
      const lateMs = concurrency === 1 ? 300 : 800;
      expectDuration((entry?.endedAtMs ?? 0) - (entry?.startedAtMs ?? 0), LIMITS.firstTokenMs - lateMs);
    }
  });

  it.each([
    ["the socket stays open", "silence"],
    ["the provider stalls", "stall"],
  ])("S07 twenty tokens and then silence (%s): the byte limit, a clear error", async (_, by) => {
    rig.proxy.plan(() => ({ kind: "cut_after", bytes: BYTES_OF_20_TOKENS, by: "silence" }));
    const model = () => (by === "silence" ? rig.proxied() : rig.primary("stall=20"));
    const ask = () => ({ model: model(), prompt: "Say hello [tokens=60]" });
    const { heard } = await trial(rig, concurrency, ask, { ledger: "usage lost" });
    for (const { error, failureClasses, deltas, elapsedMs } of heard) {
      expect(failureClasses[0]).toBe("byte_silence");
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "STREAM_SILENT" });
      expect(error?.facts).toMatchObject({ partial: "true" });
      expect(deltas).toBeGreaterThanOrEqual(15);
      expectDuration(elapsedMs, LIMITS.byteSilenceMs);
    }
  });

  it("S07 twenty tokens and then silence: a caller that accepts it gets the whole answer of another", async () => {
    const ask = () => ({ model: rig.primary("stall=20"), acceptRestart: true });
    const { heard } = await trial(rig, concurrency, ask);
    for (const { served, resets, text } of heard) {
      expect([served, resets]).toEqual([FALLBACK, 1]);
      expect(text).toContain("standing in for claude-3-haiku");
    }
  });

  it("S08 nothing but comments: bytes alone do not keep a stream alive", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("ping-only=20"));
    const { heard } = await trial(rig, concurrency, (index) => ({ model: targets[index] }), {
      ledger: "usage lost",
    });
    for (const { error, failureClasses, elapsedMs } of heard) {
      expect(failureClasses[0]).toBe("content_silence");
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "CONTENT_SILENT" });
      expectDuration(elapsedMs, LIMITS.contentSilenceMs);
    }
  });

  it("S08 nothing but Anthropic's ping events: they do not keep a stream alive either", async () => {
    const model = concurrency === 1 ? "claude-haiku-4-5-20251001" : "claude-sonnet-5-5";
    rig.sandbox.setFaults({ provider: "anthropic", model, faults: [{ fault: "ping-only=20" }] });
    const ask = () => ({ model: `anthropic/${model}` });
    const { heard } = await trial(rig, concurrency, ask, { ledger: "usage lost" });
    for (const { error, failureClasses, elapsedMs, deltas } of heard) {
      expect([failureClasses[0], deltas]).toEqual(["content_silence", 20]);
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "CONTENT_SILENT" });
      expectDuration(elapsedMs, LIMITS.contentSilenceMs);
    }
  });

  it("S08 nothing but comments before the first token: the first-token limit, the next provider", async () => {
    const { heard } = await trial(rig, concurrency, () => ({ model: rig.primary("ping-only=0") }));
    for (const { served, failureClasses, elapsedMs } of heard) {
      expect([served, failureClasses]).toEqual([FALLBACK, ["first_token_timeout"]]);
      expectDuration(elapsedMs, LIMITS.firstTokenMs);
    }
  });
});

describe("a service that stood still itself, as on a machine that was suspended", () => {
  const FROZEN_MS = LIMITS.contentSilenceMs + 500;

  it.each([
    ["P12 P16 the headers and the first token", "slow-headers=300", 0],
    ["S07 S08 the rest of the answer", "", 5],
  ])("%s came meanwhile: they are read before anybody is called silent", async (_, fault, tokensSent) => {
    const model = rig.primary(fault);
    const calls = rig.sandbox.ledger.entries().length;
    const asking = trial(rig, 1, () => ({ model, prompt: "Say hello [tokens=2000]" }));
    const isOnItsWay = () => (rig.sandbox.ledger.entries()[calls]?.tokensSent ?? -1) >= tokensSent;
    expect(await holdsWithin(5_000, isOnItsWay)).toBe(true);
    process.kill(rig.service.pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, FROZEN_MS));
    process.kill(rig.service.pid, "SIGCONT");
    const { heard } = await asking;
    for (const { served, failureClasses } of heard) expect([served, failureClasses]).toEqual([model, []]);
  });
});
