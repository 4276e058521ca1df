import { expect, it } from "vitest";
import { mayBeOnItsWay, newExecutionId } from "./execution-id.ts";

const HOUR_MS = 3_600_000;

it("takes an id of ours for one that may be on its way for a day", () => {
  const id = newExecutionId();
  const now = Date.now();
  expect(mayBeOnItsWay(id, new Date(now))).toBe(true);
  expect(mayBeOnItsWay(id, new Date(now - 30_000))).toBe(true);
  expect(mayBeOnItsWay(id, new Date(now + 23 * HOUR_MS))).toBe(true);
  expect(mayBeOnItsWay(id, new Date(now + 25 * HOUR_MS))).toBe(false);
  expect(mayBeOnItsWay(id, new Date(now - HOUR_MS))).toBe(false);
});

it.each(["", "exec-1", crypto.randomUUID(), "01a214d2-18d3-7514-bd9e"])(
  "knows that %s is none of ours",
  (id) => {
    expect(mayBeOnItsWay(id, new Date())).toBe(false);
  },
);
