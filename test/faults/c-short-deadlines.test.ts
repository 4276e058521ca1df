/** C09: a deadline shorter than any attempt ends the call and the provider's exchange, and says nothing about the provider. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Ask, Heard } from "./rig/call.ts";
import { type Rig, startRig } from "./rig/rig.ts";
import { attemptsAt, observe, trial } from "./rig/trial.ts";

const DEADLINE_MS = 50;
const ENDED_WITHIN_MS = 250;
/** More than the failures in a row that open a breaker. */
const CALLS = 8;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

it("C09 calls of 50 ms end in time, their provider is let go, and its breaker counts none of them", async () => {
  await trial(rig, 1, () => ({ model: rig.primary() })); // what only a first call waits for is not C09
  const target = rig.primary("silence");
  const runAll = async (call: (ask: Ask) => Promise<Heard>) => {
    const heard: Heard[] = [];
    for (let calls = 0; calls < CALLS; calls += 1) {
      heard.push(await call({ model: target, timeoutMs: DEADLINE_MS }));
    }
    return heard;
  };
  const seen = await observe(rig, runAll, { ledger: "usage lost" });
  for (const { error, elapsedMs } of seen.heard) {
    expect(error?.code).toBe(Code.DeadlineExceeded);
    expect(elapsedMs).toBeLessThanOrEqual(DEADLINE_MS + ENDED_WITHIN_MS);
  }
  // A breaker that counted them would have kept the last ones from the provider.
  const exchanges = attemptsAt(seen, target);
  expect(exchanges).toHaveLength(CALLS);
  for (const { end } of exchanges) expect(end).toBe("aborted_by_client");
});
