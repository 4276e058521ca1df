/** Calls whose first token is late, for tests of what is done about it. Needs vitest's fake timers. */
import { expect, vi } from "vitest";
import type { HedgingConfig } from "../../routing/types.ts";
import type { CompletionCall } from "../call.ts";
import { type Harness, harness, knowsFirstTokens, settle, start } from "./harness.ts";
import { finish, headers, type Move, type Script, send, text, wait } from "./scripted-provider.ts";

export const P95_MS = 200;
export const ON: HedgingConfig = { enabled: true, shareOfCalls: 0.05 };

export const silent = (ms: number, ...moves: readonly Move[]): Script => [headers, wait(ms), ...moves];
export const answers = (ms: number, content: string): Script =>
  silent(ms, send(text(content)), send(finish()));

/** An engine that hedges, and knows that first tokens take 200 ms at most. */
export function hedging(
  scripts: Readonly<Record<string, readonly Script[]>>,
  config: Partial<Harness["config"]> = {},
) {
  const engine = harness(scripts, { config: { hedging: ON, ...config } });
  knowsFirstTokens(engine, P95_MS);
  return engine;
}

/** Runs a call to a moment at which several things happen before the engine hears of any of them. */
export async function startToTick(engine: Harness, tickMs: number, over: Partial<CompletionCall> = {}) {
  const running = start(engine, over);
  await vi.advanceTimersByTimeAsync(tickMs - 1);
  vi.advanceTimersByTime(1);
  return settle(running);
}

/** Every target can be asked again, sooner or later: no permit was lost. */
export async function expectPermitsBack({ health, targets }: Harness) {
  await vi.advanceTimersByTimeAsync(7_200_000);
  for (const target of targets) {
    const permit = health.acquire(target);
    expect(permit).toBeDefined();
    permit?.release();
  }
}
