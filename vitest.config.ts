import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Every test file is a process of its own that reads the same packages; it finds them compiled.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("node_modules/.cache/node", import.meta.url));

/** Whole faults keep the machine busy by themselves, one of them for more than an hour. */
const isThorough = process.env.MODELTIER_FAULTS === "all";
/** Half of its time a test waits, for a limit, a process or a poll: two cores have room for three, and with four services find themselves overloaded. */
const AT_ONCE = isThorough ? 2 : 3;

/** Tests that hold the service to its limits in time have the machine to themselves. */
const TO_THE_CLOCK = [
  "test/faults/{c-short-deadlines,g-replicas,l-limits-of-the-process,p-outages,r-*}.test.ts",
  "test/admin/operator-story.test.ts",
];

/** Tests that start no service, or one inside their own process: a process for each file would cost more than its tests. */
const UNITS = [
  "bench/{lib,profile}/**/*.test.ts",
  "bench/*.test.ts",
  "scripts/**/*.test.ts",
  "src/**/*.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    // Tests start the service as it ships.
    globalSetup: ["bundle", "in-memory", "templates"].map((name) => `test/support/${name}.ts`),
    // Real processes, a real Postgres: a hang ends here, a slow machine does not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    // Where nobody watches, a machine's hiccup is told from a fault by asking again; by hand every failure counts.
    retry: process.env.CI === undefined ? 0 : 1,
    projects: [
      {
        extends: true,
        test: {
          name: "side by side",
          include: ["bench/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...UNITS, ...TO_THE_CLOCK, "bench/.peers/**"],
          maxWorkers: AT_ONCE,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "units",
          include: UNITS,
          isolate: false,
          maxWorkers: AT_ONCE,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "one after the other",
          include: TO_THE_CLOCK,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
