import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["bench/**/*.test.ts", "src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    // Real processes, a real Postgres: a hang ends here, a slow machine does not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
