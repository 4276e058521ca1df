import { describe, expect, it } from "vitest";
import { PRESETS } from "../routing/presets.ts";
import { completionRequest } from "./completion-request.ts";
import { CALL } from "./testing/harness.ts";

const target = { provider: "a", model: "one", tier: "fast", maxOutputTokens: 10, dropped: [] } as const;

function keyOf(sessionId: string, promptCache: "sessions" | "off" = "sessions"): string | undefined {
  const call = { ...CALL, request: { ...CALL.request, sessionId } };
  return completionRequest(call, target, { ...PRESETS.classic, promptCache }).cacheKey;
}

describe("the prompt of a call is cached", () => {
  it("under a key of its session, always the same, in which nobody reads the session's id", () => {
    const key = keyOf("claims of ann@example.com");
    expect(key).toBe(keyOf("claims of ann@example.com"));
    expect(key).toMatch(/^[\w-]{43}$/); // OpenAI takes at most 64 characters
    expect(key).not.toBe(keyOf("claims of bob@example.com"));
    expect(key).not.toContain("ann");
  });

  it("not outside a session, and not where the operator has switched it off", () => {
    expect(keyOf("")).toBeUndefined();
    expect(keyOf("session", "off")).toBeUndefined();
  });
});
