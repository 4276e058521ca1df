/** L04: the soak in its shortest form, for what it counts; how memory goes takes an hour to see (`npm run soak`). */
import { expect, it } from "vitest";
import { FAULTS } from "../../scripts/soak/faults.ts";
import { soak } from "../../scripts/soak/soak.ts";

it("L04 under every fault of a provider each call is recorded once with each of its attempts, and nothing stays under way", {
  timeout: 120_000,
}, async () => {
  let calls = 0;
  // Every fault in turn, and as many calls without one.
  const random = () => {
    calls += 1;
    return calls % 2 === 0 ? 0.999 : ((Math.floor(calls / 2) % FAULTS.length) + 0.5) * 0.05;
  };
  const said: string[] = [];
  const report = await soak({ minutes: 0.1, perSecond: 30, random, say: (text) => said.push(text) });
  expect(report.calls).toBe(180);
  expect(report.rows).toEqual({ executions: 180, attempts: report.attempts });
  expect(report.left).toEqual({ calls: 0, bytes: 0, records: 0 });
  expect(report.heard.ok).toBeGreaterThan(120);
  expect(said.length).toBeGreaterThanOrEqual(4);
  expect(report.heap.mbPerHour).not.toBeNaN();
});
