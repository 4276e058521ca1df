import { expect, it } from "vitest";
import { openLoop } from "./open-loop.ts";

/** A clock that moves only when it is slept on. */
function manualClock() {
  let now = 0;
  return {
    nowMs: () => now,
    sleepMs: async (ms: number) => {
      now += ms;
    },
    advance: (ms: number) => {
      now += ms;
    },
  };
}

it("counts from the scheduled time, so that one stall shows in every request it held up", async () => {
  const clock = manualClock();
  let calls = 0;
  const ask = () => {
    calls += 1;
    if (calls === 1) clock.advance(35); // the whole process stalls
    return Promise.resolve();
  };
  const latencies = await openLoop({ perSecond: 100, requests: 4, ask }, clock);
  expect(latencies.slice(0, 3).every((latency) => latency >= 15)).toBe(true);
  expect(calls).toBe(4);
});

it("starts requests while earlier ones are still under way", async () => {
  const clock = manualClock();
  const waiting: (() => void)[] = [];
  const ask = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    if (waiting.length === 3) for (const end of waiting) end();
    return promise;
  };
  await expect(openLoop({ perSecond: 10, requests: 3, ask }, clock)).resolves.toHaveLength(3);
});

it("fails when a request fails", async () => {
  const failing = { perSecond: 10, requests: 2, ask: () => Promise.reject(new Error("no answer")) };
  await expect(openLoop(failing, manualClock())).rejects.toThrow("no answer");
});
