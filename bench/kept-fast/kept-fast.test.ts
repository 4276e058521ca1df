/**
 * Regressions that do not depend on the machine's mood: what is allocated and what is kept, never how long it takes. Each limit is
 * a quarter above what was measured; lower it when the figure falls. That what came together leaves in one write is in
 * src/rpc/write-ahead.test.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { startPostgres } from "../../test/support/postgres.ts";
import { openIdleStreams } from "../lib/idle-streams.ts";
import { LOAD_CORE } from "../lib/machine.ts";
import { NODE, type Program, run, startOwnProgram } from "../lib/processes.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOverGrpc } from "../lib/workloads.ts";
import type { InProcessFigures } from "./in-process.ts";

const LIMITS = { decisionBytes: 9_000, routeBytes: 30_500, answerBytes: 84_000, idleStreamBytes: 60_000 };

const fileOf = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

it("a decision, a Route and a streamed answer of 100 tokens allocate no more than they did", async () => {
  const flags = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];
  const output = await run([NODE, ...flags, fileOf("in-process.ts")], { core: LOAD_CORE, limitMs: 60_000 });
  const { decisionBytes, routeBytes, answerBytes }: InProcessFigures = JSON.parse(output);
  expect(decisionBytes).toBeLessThan(LIMITS.decisionBytes);
  expect(routeBytes).toBeLessThan(LIMITS.routeBytes);
  expect(answerBytes).toBeLessThan(LIMITS.answerBytes);
});

it("a stream that waits for its provider keeps no more memory than it did", async () => {
  const STREAMS = 400;
  const patient = ["HEADERS_TIMEOUT_MS", "FIRST_TOKEN_TIMEOUT_MS"].map((name) => [
    `MODELTIER_${name}`,
    "900000",
  ]);
  const postgres = await startPostgres();
  const upstream = await startOwnProgram("paced-upstream", LOAD_CORE);
  const subject = await startSubject({
    upstream: `http://127.0.0.1:${upstream.port}/never/v1`,
    databaseUrl: await postgres.createDatabase(),
    env: Object.fromEntries(patient),
    nodeArgs: ["--expose-gc", `--import=${fileOf("heap-probe.ts")}`],
  });
  const probe = probeOf(subject);
  await probe.next(); // what the start left
  const before = await probe.next();
  const streams = await openIdleStreams(completeOverGrpc(subject.grpcUrl), STREAMS);
  const perStream = ((await probe.next()) - before) / STREAMS;
  expect(streams.ended()).toBe(0);
  streams.close();
  await subject.stop();
  await upstream.stop();
  await postgres.stop();
  expect(perStream).toBeGreaterThan(1_000);
  expect(perStream).toBeLessThan(LIMITS.idleStreamBytes);
});

/** Asks for what is left, once the process has come to rest. */
function probeOf(program: Program) {
  let answers = 0;
  return {
    async next(): Promise<number> {
      await sleep(1_000);
      program.signal("SIGUSR2");
      answers += 1;
      for (;;) {
        const left = [...program.output().matchAll(/^left (\d+)$/gm)];
        if (left.length >= answers) return Number(left.at(-1)?.[1]);
        await sleep(20);
      }
    },
  };
}
