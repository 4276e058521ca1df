/** Standard output and error into real pipes that nobody reads, or whose reader is gone. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLog, inBackground } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask, overGrpc, overHttp, readMetrics } from "../support/workers.ts";
import { holdsWithin } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { isThorough } from "./rig/thorough.ts";

const LOG = new URL("../../src/telemetry/log.ts", import.meta.url).href;
const SHORT_BUFFER = new URL("../support/short-log-buffer.ts", import.meta.url).href;
const DROPPED = "modeltier_log_lines_dropped_total";
const MIB = 1024 * 1024;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mt-pipe-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A pipe with a name, and its end for reading. */
function makePipe(name: string): Readonly<{ path: string; reader: number }> {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  return { path, reader: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) };
}

/** What is in the pipe now. */
function drain(reader: number): string {
  const chunk = Buffer.alloc(MIB);
  let text = "";
  try {
    for (let bytes = readSync(reader, chunk); bytes > 0; bytes = readSync(reader, chunk))
      text += chunk.toString("latin1", 0, bytes);
  } catch {
    // it is empty, and its writer is still there
  }
  return text;
}

it("lines that nobody reads are dropped and counted beyond 4 MiB, and those after them reach a reader who is back", async () => {
  const { path, reader } = makePipe("library");
  const writer = openSync(path, constants.O_WRONLY); // as a shell opens it: writing to it waits
  const destination = inBackground(writer);
  const log = createLog("info", { destination });
  const metrics = createMetrics();
  log.onDrop?.(() => metrics.logLinesDropped.inc());
  const dropped = async () => sumOf(await metrics.registry.metrics(), DROPPED);

  const lines = 40_000;
  const filler = "x".repeat(200);
  for (let line = 0; line < lines; line += 1) {
    log.info("an execution ended", { line, filler });
    if (line % 1_000 === 0) await turn();
  }
  const lost = await dropped();
  const kept = lines - lost;
  expect(lost).toBeGreaterThan(0);
  expect(kept * filler.length).toBeLessThan(5 * MIB);

  let heard = "";
  const areAllHere = async () => {
    heard += drain(reader);
    return heard.split("\n").length - 1 === kept;
  };
  expect(await holdsWithin(20_000, areAllHere)).toBe(true);
  log.warn("the reader is back");
  const isHeard = async () => drain(reader).includes("the reader is back");
  expect(await holdsWithin(20_000, isHeard)).toBe(true);
  expect(await dropped()).toBe(lost);
  for (const end of [reader, writer]) closeSync(end);
});

it("a process ends although its log is a full pipe that has its writers wait", async () => {
  const { path, reader } = makePipe("waits");
  const writer = openSync(path, constants.O_WRONLY);
  const program = `
    const { createLog, inBackground } = await import(${JSON.stringify(LOG)});
    const log = createLog("info", { destination: inBackground(3) });
    for (let line = 0; line < 2_000; line += 1) log.info("an execution ended", { filler: "x".repeat(200) });
    setTimeout(() => process.exit(0), 300);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "inherit", "inherit", writer],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const [code] = await once(child, "exit");
  clearTimeout(timer);
  expect(code).toBe(0);
  for (const end of [reader, writer]) closeSync(end);
});

/** Only standard error goes to the pipe: what the service says first is read as always. */
const loggingTo = (path: string, env: Readonly<Record<string, string>> = {}): Promise<RunningService> =>
  startService({ env, fromSources: true, under: ["sh", "-c", 'exec "$@" 2> "$0"', path] });

const CALLS_THAT_FILL_A_PIPE = 400;

async function callAll(service: RunningService): Promise<void> {
  const router = overGrpc(service);
  for (let call = 0; call < CALLS_THAT_FILL_A_PIPE; call += 20) {
    await Promise.all(Array.from({ length: 20 }, () => router.completeOnce({ request: ask("Say hello") })));
  }
}

it("the service answers and ends while a full pipe is its standard error, and loses and counts the lines alone", async () => {
  const { path, reader } = makePipe("unread");
  const service = await loggingTo(path, { NODE_OPTIONS: `--import=${SHORT_BUFFER}` });
  await callAll(service);
  await overHttp(service).route({ agentId: "still there" });
  expect(sumOf(await readMetrics(service), DROPPED)).toBeGreaterThan(0);
  expect(await service.stop()).toBe(0);
  // The pipe was full, or this shows nothing: lines are missing.
  const lines = drain(reader).split("an execution ended").length - 1;
  expect(lines).toBeGreaterThan(0);
  expect(lines).toBeLessThan(CALLS_THAT_FILL_A_PIPE);
  closeSync(reader);
});

it.runIf(isThorough)(
  "the service answers and ends well when the reader of its standard error is gone",
  async () => {
    const { path, reader } = makePipe("left");
    const service = await loggingTo(path);
    closeSync(reader); // every further line is an EPIPE
    await callAll(service);
    expect(await service.stop()).toBe(0);
  },
);
