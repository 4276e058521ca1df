import { describe, expect, it } from "vitest";
import { anAttempt } from "../../test/support/executions.ts";
import type { AttemptRecord } from "../store/records.ts";
import { WarmSessions } from "./warm-sessions.ts";

const KIMI = { provider: "kimi", model: "kimi-k2.6" };
const HAIKU = { provider: "anthropic", model: "claude-haiku-5-5" };

const used = (cachedInputTokens: number, cacheWriteTokens: number, over: Partial<AttemptRecord> = {}) =>
  anAttempt("one", {
    target: KIMI,
    latencyMs: 0,
    tokens: { freshInputTokens: 10, cachedInputTokens, cacheWriteTokens, outputTokens: 5 },
    ...over,
  });

function setUp() {
  const clock = { nowMs: 0 };
  const sessions = new WarmSessions(() => clock.nowMs);
  const note = (sessionId: string, ...attempts: AttemptRecord[]) => sessions.note({ sessionId, attempts });
  return { clock, sessions, note };
}

describe("a session is warm", () => {
  it("with what was read from the cache and what was written to it, target by target", () => {
    const { sessions, note } = setUp();
    note("s", used(900, 100));
    note("s", used(0, 50, { target: HAIKU, tier: "fast" }));
    expect(Object.fromEntries(sessions.find("s") ?? [])).toEqual({
      "kimi/kimi-k2.6": { tokens: 1_000, tier: "balanced" },
      "anthropic/claude-haiku-5-5": { tokens: 50, tier: "fast" },
    });
  });

  it("by its last call at a target, and no more when that found nothing", () => {
    const { sessions, note } = setUp();
    note("s", used(900, 0));
    note("s", used(1_200, 0, { tier: "powerful" }));
    expect(sessions.find("s")?.get("kimi/kimi-k2.6")).toEqual({ tokens: 1_200, tier: "powerful" });
    note("s", used(0, 0));
    expect(sessions.find("s")).toBeUndefined();
  });

  it("for five minutes from the start of that call", () => {
    const { clock, sessions, note } = setUp();
    clock.nowMs = 20_000;
    note("s", used(900, 0, { latencyMs: 20_000 }));
    clock.nowMs = 299_999;
    expect(sessions.find("s")?.size).toBe(1);
    clock.nowMs = 300_000;
    expect(sessions.find("s")).toBeUndefined();
  });

  it("alone: no other session and no call without one knows of it", () => {
    const { sessions, note } = setUp();
    note("", used(900, 0));
    note("s", used(900, 0));
    expect([sessions.find(""), sessions.find("t")]).toEqual([undefined, undefined]);
  });

  it("by what providers reported of answers that were whole", () => {
    const { sessions, note } = setUp();
    const partial = used(900, 0, { outcome: "cancelled", usageSource: "PARTIAL" });
    note("s", partial, used(900, 0, { outcome: "truncated" }), used(900, 0, { usageSource: "ESTIMATED" }));
    expect(sessions.find("s")).toBeUndefined();
  });
});

describe("what is remembered", () => {
  it("is ten thousand sessions; the one that was longest without a call goes", () => {
    const { sessions, note } = setUp();
    for (let session = 0; session < 10_000; session += 1) note(`s${session}`, used(900, 0));
    note("s0", used(901, 0));
    note("one more", used(900, 0));
    expect(sessions.find("s0")).toBeDefined();
    expect(sessions.find("s1")).toBeUndefined();
    expect(sessions.find("s2")).toBeDefined();
    expect(sessions.find("one more")).toBeDefined();
  });

  it("is eight targets of each", () => {
    const { sessions, note } = setUp();
    for (let model = 0; model < 9; model += 1) {
      note("s", used(900, 0, { target: { provider: "own", model: `m${model}` } }));
    }
    expect(sessions.find("s")?.size).toBe(8);
    expect(sessions.find("s")?.has("own/m0")).toBe(false);
  });
});
