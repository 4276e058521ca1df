import { expect, it } from "vitest";
import { usualRequestBytes } from "./admission.ts";

const MIB = 1024 * 1024;

it("takes as many bytes of requests as the heap has room for: not above 512 MiB, and one request in any case", () => {
  expect(usualRequestBytes(4_096 * MIB)).toBe(512 * MIB);
  expect(usualRequestBytes(600 * MIB)).toBe(100 * MIB);
  expect(usualRequestBytes(10 * MIB)).toBe(4 * MIB);
});
