/** O08: errors that nobody caught, thrown into the running service from a module loaded ahead of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { refusalOf } from "../support/access.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import {
  ask,
  begin,
  isAlive,
  logged,
  overGrpc,
  overHttp,
  untilListened,
  workerPids,
} from "../support/workers.ts";
import { isThorough } from "./rig/thorough.ts";

/** What a caller could have sent; it must not be logged. */
const SECRET = "the-words-of-a-prompt";
const SAID = "an error was caught by nobody: calls in flight may end, and then this process does";

let folder: string;
let postgres: TestPostgres | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mt-hook-"));
  if (isThorough) postgres = await startPostgres();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await postgres?.stop();
});

/** A service that runs the program when it gets SIGUSR2. */
function serviceWith(program: string, env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const hook = join(folder, `hook-${Math.random()}.mjs`);
  writeFileSync(hook, `process.on("SIGUSR2", () => { ${program} });`);
  return startService({
    fromSources: true,
    env: { NODE_OPTIONS: `--import=${hook}`, MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20", ...env },
  });
}

it.each([
  [
    "a rejection that nobody handles",
    `void Promise.reject(new TypeError("${SECRET}"));`,
    "unhandledRejection",
  ],
  [
    "an exception of a timer",
    `setTimeout(() => { throw new RangeError("${SECRET}"); }, 1);`,
    "uncaughtException",
  ],
])(
  "O08 %s is logged, calls in flight end, and the process does with a code of failure",
  async (_, program, origin) => {
    const service = await serviceWith(program);
    const { last } = await begin(service, "Write 30 tokens");
    process.kill(service.pid, "SIGUSR2");
    expect(await last).toBe("completed");
    // Without a further signal: 0 sends none.
    expect(await service.stop(0 as unknown as NodeJS.Signals)).toBe(1);
    expect(isAlive(service.pid)).toBe(false);
    expect(logged(service, SAID)).toMatchObject([{ origin, at: expect.stringContaining("hook-") }]);
    expect(logged(service, "an execution ended")).toHaveLength(1);
    expect(JSON.stringify(service.output())).not.toContain(SECRET);
  },
);

it("O08 what a handler throws is INTERNAL to its caller alone, without the error's words, and the process lives", async () => {
  // From one signal to the next no decision can be computed, and only that.
  const service = await serviceWith(`
    const { round } = globalThis.kept ??= { round: Math.round };
    Math.round = Math.round !== round ? round : (value) => {
      if (new Error().stack.split("\\n")[2].includes("/src/routing/")) throw new TypeError("${SECRET}");
      return round(value);
    };
  `);
  const step = { agentId: "a", agentAis: { creationScore: 4, executionScore: 5 } };
  const routeOver = (over: typeof overGrpc) => over(service).route(step);
  try {
    process.kill(service.pid, "SIGUSR2");
    for (const over of [overGrpc, overHttp]) {
      const failure = await vi.waitFor(() => refusalOf(routeOver(over)), { timeout: 10_000 });
      expect(failure.code).toBe(Code.Internal);
      expect(failure.message).not.toContain(SECRET);
    }
    process.kill(service.pid, "SIGUSR2");
    await vi.waitFor(() => routeOver(overGrpc), { timeout: 10_000 });
    expect(JSON.stringify(service.output())).not.toContain(SECRET);
  } finally {
    expect(await service.stop()).toBe(0);
  }
});

it.runIf(isThorough)(
  "O08 a worker in which nobody caught an error lets its calls end and is replaced; the others are not touched",
  async () => {
    const service = await serviceWith(`if (process.connected) void Promise.reject(new Error("${SECRET}"));`, {
      MODELTIER_WORKERS: "2",
      DATABASE_URL: (await postgres?.createDatabase()) ?? "",
    });
    try {
      await untilListened(service, 2);
      const [victim, other] = workerPids(service) as [number, number];
      const calls = await Promise.all([begin(service, "Write 30 tokens"), begin(service, "Write 30 tokens")]);
      process.kill(victim, "SIGUSR2");
      expect(await Promise.all(calls.map(({ last }) => last))).toEqual(["completed", "completed"]);
      await untilListened(service, 3);
      expect(isAlive(victim)).toBe(false);
      expect(isAlive(other)).toBe(true);
      expect(logged(service, "a worker is gone; another takes its place")).toMatchObject([
        { pid: victim, code: 1 },
      ]);
      for await (const _ of overGrpc(service).complete(ask("Say hello")));
    } finally {
      expect(await service.stop()).toBe(0);
    }
  },
);
