import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CompletionEvent, ModelProvider } from "../providers/provider.ts";
import { PRESETS } from "../routing/presets.ts";
import { Attempt } from "./attempt.ts";
import { completionRequest } from "./completion-request.ts";
import { CALL } from "./testing/harness.ts";
import { finish, text } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

type Batches = AsyncIterator<readonly CompletionEvent[]>;

function attempt(stream: () => Batches, onFirstToken = () => {}): Attempt {
  const provider: ModelProvider = {
    id: "a",
    dialect: "openai",
    complete: () => Promise.reject(new Error("not asked")),
    stream: () => ({ [Symbol.asyncIterator]: stream }),
  };
  const { tiers } = PRESETS.classic;
  const target = { provider: "a", model: "one", tier: "fast", maxOutputTokens: 10, dropped: [] } as const;
  const request = completionRequest(CALL, target, PRESETS.classic);
  return new Attempt(provider, request, tiers.fast.timers, () => performance.now(), onFirstToken);
}

describe("an attempt with an adapter that does not keep its word", () => {
  it("ends at once when it is stopped, though the adapter never settles", async () => {
    const deaf = attempt(() => ({ next: () => new Promise(() => {}) }));
    const next = deaf.next();
    deaf.stop({ kind: "cancelled" });
    expect(await next).toEqual([]);
    expect(deaf.end).toEqual({ kind: "cancelled" });
  });

  it("ends at its limit, though the adapter never settles", async () => {
    const deaf = attempt(() => ({ next: () => new Promise(() => {}) }));
    const next = deaf.next();
    await vi.advanceTimersByTimeAsync(8_000);
    expect(await next).toEqual([]);
    expect(deaf.end).toMatchObject({ kind: "failed", failure: "header_timeout" });
  });

  it.each<[string, () => Batches]>([
    ["stream", () => bad()],
    ["next", () => ({ next: () => bad() })],
  ])("fails as a protocol failure when %s throws instead of rejecting", async (_, stream) => {
    const broken = attempt(stream);
    expect(await broken.next()).toEqual([]);
    expect(broken.end).toMatchObject({ kind: "failed", failure: "protocol" });
  });

  it("does not leave its reader waiting when what watches the attempt throws", async () => {
    const batch = [text("all"), finish()];
    const watched = attempt(() => ({ next: () => Promise.resolve({ done: false, value: batch }) }), bad);
    expect(await watched.next()).toEqual([]);
    expect(watched.end).toMatchObject({ kind: "failed", failure: "protocol" });
  });

  it("takes nothing of what comes after its end", async () => {
    let answer: (result: IteratorResult<readonly CompletionEvent[]>) => void = () => {};
    const late = attempt(() => ({
      next: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    }));
    const next = late.next();
    late.stop({ kind: "cancelled" });
    answer({ done: false, value: [text("late"), finish()] });
    expect(await next).toEqual([]);
    expect(await late.next()).toEqual([]);
    expect(late.meter.pieces).toBe(0);
    expect(late.end).toEqual({ kind: "cancelled" });
  });
});

function bad(): never {
  throw new RangeError("broken");
}
