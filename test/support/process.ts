import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type StartedProcess = Readonly<{
  pid: number;
  /** The first line it wrote. */
  firstLine: string;
  /** As `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
}>;

/** Runs a TypeScript file as a process of its own and waits for its first line. */
export async function startProcess(file: URL, ...parameters: string[]): Promise<StartedProcess> {
  const child = spawn(process.execPath, [fileURLToPath(file), ...parameters], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = once(createInterface(child.stdout), "line").then(([text]) => String(text));
  const firstLine = await Promise.race([line, once(child, "exit").then(() => undefined)]);
  if (firstLine === undefined || child.pid === undefined)
    throw new Error(`${file} ended before its first line`);
  return { pid: child.pid, firstLine, kill: () => kill(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
