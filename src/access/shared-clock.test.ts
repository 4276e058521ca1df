import { expect, it } from "vitest";
import { SharedClock } from "./shared-clock.ts";

it("goes by this machine's clock until the database is heard, and then by the database's, however this one jumps", async () => {
  let wallMs = 1_000_000;
  let monotonicMs = 50;
  const clock = new SharedClock(
    () => wallMs,
    () => monotonicMs,
  );
  expect(clock.nowMs()).toBe(1_000_000);
  await clock.hear(async () => {
    monotonicMs += 20; // on the way, half of it back
    return new Date(700_000);
  });
  expect(clock.nowMs()).toBe(700_010);
  wallMs += 600_000;
  monotonicMs += 5_000;
  expect(clock.nowMs()).toBe(705_010);
});

it("keeps what it heard last when the database is away", async () => {
  const clock = new SharedClock(
    () => 9,
    () => 0,
  );
  await clock.hear(async () => new Date(500));
  await expect(clock.hear(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
  expect(clock.nowMs()).toBe(500);
});
