import { describe, expect, it } from "vitest";
import { backOff, isWorthALine } from "./retry.ts";

describe("an outage of an hour", () => {
  it("is told in a dozen lines, the first at once", () => {
    const failures = Array.from({ length: 3_600 }, (_, index) => index + 1);
    expect(failures.filter(isWorthALine)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]);
  });
});

describe("backing off", () => {
  it("ends when the service does", async () => {
    const stopping = new AbortController();
    const waiting = backOff(1_000, 0.5, stopping.signal);
    stopping.abort();
    await expect(waiting).resolves.toBeUndefined();
    await expect(backOff(1_000, 0.5, stopping.signal)).resolves.toBeUndefined();
  });
});
