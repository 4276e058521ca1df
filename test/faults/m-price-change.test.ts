/** M07: a price that changes while answers are under way. Prices change with the day, so the service has a calendar of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Heard } from "./rig/call.ts";
import { holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { observe } from "./rig/trial.ts";

/** Its price is known from this day on. */
const TARGET = "anthropic/claude-sonnet-5-5";
const PRICED_FROM = "2026-11-10";
const DAY_BEFORE_MS = Date.parse("2026-11-09T12:00:00Z");
const DAY_MS = 86_400_000;
/** An answer takes a second. */
const PACE = { tokensPerSecond: 200, prompt: "[tokens=200]" };

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  let rig: Rig;
  let providersMs = DAY_BEFORE_MS;
  beforeAll(async () => {
    rig = await startRig({
      sandbox: { wallClock: () => providersMs, tokensPerSecond: PACE.tokensPerSecond },
      env: {
        NODE_OPTIONS: `--import ${new URL("./rig/calendar.ts", import.meta.url)}`,
        CALENDAR_START: new Date(DAY_BEFORE_MS).toISOString(),
      },
    });
  });
  afterAll(() => rig?.stop());

  it("M07 a price that changes in mid-stream: an attempt costs what it did when it began", async () => {
    const { rows } = await observe(rig, async (call) => {
      const speaking = new Set<Heard>();
      const leavesWhen = (heard: Heard): boolean => {
        if (heard.deltas > 0) speaking.add(heard);
        return false;
      };
      const before = Array.from({ length: concurrency }, () =>
        call({ model: TARGET, prompt: PACE.prompt, leavesWhen }),
      );
      expect(await holdsWithin(5_000, () => speaking.size === concurrency)).toBe(true);
      process.kill(rig.service.pid, "SIGUSR2");
      providersMs += DAY_MS;
      await sleep(50);
      expect([...speaking].every(({ completed }) => completed === undefined)).toBe(true);
      return Promise.all([...before, call({ model: TARGET })]);
    });
    const versions = rows.map(({ attempts }) => attempts[0]?.priceVersion ?? "unknown");
    expect(versions.toSorted()).toEqual([PRICED_FROM, ...Array(concurrency).fill("unknown")]);
  });
});
