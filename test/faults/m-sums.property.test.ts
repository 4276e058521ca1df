/** R11: over any mix of successes, retries, fallbacks, restarts, hedges and cancels the four books agree to the nano-USD. */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Ask, Heard } from "./rig/call.ts";
import { type Rig, startRig } from "./rig/rig.ts";
import { observe } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ env: { MODELTIER_HEDGING: "true" } });
});
afterAll(() => rig?.stop());

/** What an attempt at one of the priced targets may meet, in the order in which they are made. */
const FAULTS = [
  "none",
  "none",
  "500",
  "503",
  "529",
  "429-retry-after-ms=20",
  "reset",
  "html-200",
  "cut=12",
  // Later than any p95 here, by so much that the hedge has ended before.
  "slow-first-token=600",
] as const;
const SCRIPTED = ["openai/gpt-4o-mini", "kimi/kimi-k3", "anthropic/claude-haiku-5-5"] as const;
/** Of each target, so that its p95 is known and there is room for hedges: they are few of all calls. */
const CALLS_BEFORE = 60;
/** How far behind the newest first tokens the p95 may be. */
const P95_LAG_MS = 1_000;
/** Never ends by itself, so that a cancel is sure to come before the end. */
const ENDLESS = "openai/gpt-4o";

const script = fc.array(fc.constantFrom(...FAULTS), { maxLength: 30 });
const call: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      model: fc.constantFrom(...SCRIPTED),
      assured: fc.boolean(),
      acceptRestart: fc.constant(true),
      prompt: fc.constantFrom("Say hello", "[tokens=30]", "[seed=one] [tokens=40]"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 6 }).map((pieces) => ({
      model: ENDLESS,
      leavesWhen: ({ deltas }: Heard) => deltas >= pieces,
    })),
  },
);

describe("R11 money", () => {
  it("is the same in the attempts, the executions, the metric and the providers' ledger", async () => {
    rig.sandbox.setFaults({ provider: "openai", model: "gpt-4o", faults: [{ fault: "stall=6" }] });
    for (let calls = 0; calls < CALLS_BEFORE; calls += 1) {
      await Promise.all(SCRIPTED.map((model) => rig.call("before", { model })));
    }
    await sleep(P95_LAG_MS);
    const seenStatuses = new Set<string>();
    const seenOutcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(script, script, script),
        fc.array(call, { minLength: 5, maxLength: 30 }),
        async (scripts, calls) => {
          SCRIPTED.forEach((target, index) => {
            const [provider, model] = target.split("/") as ["openai", string];
            const faults = (scripts[index] ?? []).map((fault) => ({ fault, times: 1 }));
            rig.sandbox.setFaults({ provider, model, faults });
          });
          const { rows } = await observe(rig, (make) => Promise.all(calls.map(make)), { ledger: "hedged" });
          for (const { status, attempts } of rows) {
            seenStatuses.add(`${status} after ${attempts.length}`);
            for (const { outcome } of attempts) seenOutcomes.add(outcome);
          }
        },
      ),
      { numRuns: 25 },
    );
    expect(seenOutcomes).toContain("hedged_out");
    // The mix was one: answers at once, after a second and a third attempt, and cancels.
    for (const kind of ["ok after 1", "ok after 2", "ok after 3", "cancelled after 1"]) {
      expect(seenStatuses).toContain(kind);
    }
  });
});
