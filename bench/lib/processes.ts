/** Programs that the bench starts: each ends with the bench at the latest, and temporary folders go with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onCore } from "./machine.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The Node that runs the bench runs everything else. */
export const NODE = process.execPath;

export type Program = Readonly<{
  pid: number;
  /** What it has written to standard output so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when it is still there after `STOP_MS`. Safe to call twice. */
  stop(): Promise<void>;
}>;

export type ProgramOptions = Readonly<{
  core: number;
  command: readonly string[];
  /** What standard output shows once the program is ready; `AT_ONCE` where it says nothing. */
  ready: RegExp;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  readyWithinMs?: number;
  /** Where its standard error goes, when there is much of it; absent: its end is kept for the error message. */
  log?: string;
}>;

export const AT_ONCE = /^/;

const STOP_MS = 15_000;
const READY_MS = 30_000;
const children = new Set<ChildProcess>();
const folders = new Set<string>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** A folder that is removed when the bench ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "modeltier-bench-"));
  folders.add(folder);
  return folder;
}

/** @throws Error with its last output when it ends, or is not ready in time */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { core, ready, env = {}, cwd = ROOT, readyWithinMs = READY_MS, log } = options;
  const [command = "", ...args] = onCore(core, options.command);
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", log === undefined ? "pipe" : openSync(log, "w")],
  });
  children.add(child);
  const exited = once(child, "exit").finally(() => children.delete(child));
  let output = "";
  let complaints = "";
  const isReady = new Promise<void>((resolve) => {
    if (ready.test(output)) resolve();
    child.stdout?.on("data", (text: Buffer) => {
      output += text;
      if (ready.test(output)) resolve();
    });
  });
  child.stderr?.on("data", (text: Buffer) => {
    complaints = (complaints + text).slice(-2_000);
  });
  await winner(isReady, exited, readyWithinMs).catch((error: Error) => {
    child.kill("SIGKILL");
    throw new Error(`${options.command.join(" ")}: ${error.message}\n${output.slice(-1_000)}${complaints}`);
  });
  return {
    pid: child.pid as number,
    output: () => output,
    signal: (name) => child.kill(name),
    stop: async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function winner(ready: Promise<void>, exited: Promise<unknown>, limitMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not ready after ${limitMs} ms`)), limitMs);
  try {
    await Promise.race([ready, exited.then(() => Promise.reject(new Error("ended at once"))), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command to its end. @throws Error with its output when it fails or takes too long */
export async function run(
  command: readonly string[],
  { core, limitMs, cwd = ROOT }: { core: number; limitMs: number; cwd?: string },
): Promise<string> {
  const [name = "", ...args] = onCore(core, command);
  const child = spawn(name, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  try {
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${output.slice(-2_000)}`);
    return output;
  } finally {
    clearTimeout(timer);
    children.delete(child);
  }
}

/** One of the bench's own programs; its first line is `port 12345`. */
export async function startOwnProgram(
  name: string,
  core: number,
  args: readonly string[] = [],
): Promise<Program & Readonly<{ port: number }>> {
  const file = fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));
  const program = await startProgram({ core, command: [NODE, file, ...args], ready: /^port \d+\n/ });
  return { ...program, port: Number(/^port (\d+)/.exec(program.output())?.[1]) };
}
