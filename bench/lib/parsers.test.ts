import { expect, it } from "vitest";
import { parseH2load } from "./h2load.ts";
import { parseFlood, parseOha } from "./oha.ts";
import { areWhole } from "./rounds.ts";

const H2LOAD = `finished in 2.00s, 1841.50 req/s, 1.55MB/s
requests: 3690 total, 3746 started, 3690 done, 3683 succeeded, 4 failed, 3 errored, 2 timeout
status codes: 3683 2xx, 0 3xx, 4 4xx, 0 5xx
traffic: 1.15MB (1201107) total, 8.39KB (8593) headers (space savings 95.44%), 1.10MB (1151593) data
                     min         max         mean         sd        +/- sd
time for request:    11.61ms       1.04s     34.44ms     25.69ms    90.93%
`;

it("reads the report of h2load", () => {
  expect(parseH2load(H2LOAD)).toEqual({
    requestsPerSecond: 1841.5,
    succeeded: 3683,
    failed: 6,
    dataBytes: 1_151_593,
    meanMs: 34.44,
  });
});

it("reads times in every unit h2load writes", () => {
  expect(parseH2load(H2LOAD.replace("34.44ms", "940us")).meanMs).toBeCloseTo(0.94);
  expect(parseH2load(H2LOAD.replace("34.44ms", "1.20s")).meanMs).toBeCloseTo(1_200);
});

it("does not take something else for a report", () => {
  expect(() => parseH2load("Could not resolve host")).toThrow("h2load said something else");
});

it("tells answers from failures that look like them", () => {
  expect(areWhole({ succeeded: 100, dataBytes: 84_700 }, 850)).toBe(true);
  expect(areWhole({ succeeded: 100, dataBytes: 42_000 }, 850)).toBe(false);
});

const oha = (changes: object = {}) =>
  JSON.stringify({
    summary: { successRate: 1 },
    latencyPercentiles: { p50: 0.0512, p99: 0.0601 },
    statusCodeDistribution: { "200": 500 },
    ...changes,
  });

it("reads percentiles from oha in milliseconds", () => {
  const { p50Ms, p99Ms } = parseOha(oha());
  expect([p50Ms, p99Ms]).toEqual([expect.closeTo(51.2), expect.closeTo(60.1)]);
});

it("refuses latencies of answers that were no answers", () => {
  expect(() => parseOha(oha({ statusCodeDistribution: { "200": 499, "503": 1 } }))).toThrow("503");
  expect(() => parseOha(oha({ summary: { successRate: 0.99 } }))).toThrow("not every request");
  expect(() => parseOha(oha({ latencyPercentiles: { p50: null, p99: null } }))).toThrow("no latency");
});

it("counts what a flood was answered and refused, and takes nothing else for either", () => {
  const flood = (statuses: object) =>
    JSON.stringify({ summary: { total: 2 }, statusCodeDistribution: statuses });
  expect(parseFlood(flood({ "200": 7, "503": 20 }))).toEqual({ answered: 7, refused: 20, seconds: 2 });
  expect(() => parseFlood(flood({ "200": 7, "500": 1 }))).toThrow("neither answered nor refused: 500");
});
