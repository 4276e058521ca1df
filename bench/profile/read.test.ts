import { expect, it } from "vitest";
import { byPart, topAllocators, topSelfTime } from "./read.ts";

const frame = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber });

it("sums the time on top of the stack by function, idle time and the profiler left out", () => {
  const top = topSelfTime({
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("route", "file:///repo/src/routing/router.ts", 44) },
      { id: 3, callFrame: frame("", "file:///repo/node_modules/@scope/name/index.js", 9) },
      { id: 4, callFrame: frame("route", "file:///repo/src/routing/router.ts", 44) },
      { id: 5, callFrame: frame("post", "node:inspector", 1) },
    ],
    samples: [1, 2, 3, 4, 5],
    timeDeltas: [1_000, 30, 40, 30, 5_000],
  });
  expect(top).toEqual([
    { name: "route /repo/src/routing/router.ts:45", amount: 60, share: 0.6 },
    { name: "(anonymous) /repo/node_modules/@scope/name/index.js:10", amount: 40, share: 0.4 },
  ]);
});

it("sums allocated bytes over the whole tree", () => {
  const leaf = (name: string, selfSize: number) => ({ callFrame: frame(name), selfSize, children: [] });
  const head = {
    ...leaf("(root)", 0),
    children: [leaf("a", 10), { ...leaf("b", 5), children: [leaf("a", 25)] }],
  };
  expect(topAllocators({ head })).toEqual([
    { name: "a", amount: 35, share: 0.875 },
    { name: "b", amount: 5, share: 0.125 },
  ]);
});

it("groups functions by package, by folder of the source, and by Node", () => {
  const entry = (name: string) => ({ name, amount: 1, share: 0.2 });
  const parts = byPart([
    entry("f /repo/node_modules/@grpc/grpc-js/build/server.js:1"),
    entry("f /repo/node_modules/undici/lib/a.js:1"),
    entry("f /repo/src/routing/router.ts:1"),
    entry("f node:net:1"),
    entry("(garbage collector)"),
  ]);
  expect(parts.map(({ name }) => name).toSorted()).toEqual([
    "(garbage collector)",
    "@grpc/grpc-js",
    "node",
    "src/routing",
    "undici",
  ]);
});

it("gives no share of nothing", () => {
  expect(topAllocators({ head: { callFrame: frame("(root)"), selfSize: 0, children: [] } })).toEqual([]);
});
