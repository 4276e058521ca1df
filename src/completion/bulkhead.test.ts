import { expect, it } from "vitest";
import { Bulkhead } from "./bulkhead.ts";
import { TargetHealth } from "./target-health.ts";

it("leaves a provider alone that has as many attempts under way as it may, and no other", () => {
  const full: string[] = [];
  const bulkhead = new Bulkhead(2, (provider) => full.push(provider));
  const health = new TargetHealth(() => 0, undefined, undefined, bulkhead);
  const first = health.acquire({ provider: "a", model: "one" });
  health.acquire({ provider: "a", model: "two" });
  expect(health.acquire({ provider: "a", model: "one" })).toBeUndefined();
  expect(full).toEqual(["a"]);
  expect(health.acquire({ provider: "b", model: "one" })).toBeDefined();
  first?.failed("server_error", {});
  first?.release();
  expect(health.acquire({ provider: "a", model: "one" })).toBeDefined();
  expect(health.acquire({ provider: "a", model: "one" })).toBeUndefined();
});
