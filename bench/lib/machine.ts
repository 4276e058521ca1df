/** Which core does what, and what the machine is. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

/** The measured server alone. */
export const SERVER_CORE = 0;
/** Load, upstreams, Postgres and the bench itself. */
export const LOAD_CORE = 1;

export const canPin = (): boolean =>
  availableParallelism() >= 2 && spawnSync("taskset", ["--version"]).status === 0;

/** Keeps this process, and with it every child that is not put elsewhere, off the server's core. */
export function pinBench(): boolean {
  const pinned = spawnSync("taskset", ["-acp", String(LOAD_CORE), String(process.pid)]);
  return pinned.status === 0;
}

/** The command that runs another on one core; the process id is the inner command's. */
export const onCore = (core: number, command: readonly string[]): readonly string[] =>
  spawnSync("taskset", ["--version"]).status === 0 ? ["taskset", "-c", String(core), ...command] : command;

/** Clock ticks in one second, as Linux reports them to every program. */
const TICKS_PER_SECOND = 100;

/** CPU time that a process has used since it began, in seconds; all its threads, user and system. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The same with all that it started and that has ended, and with its children that run. */
export function cpuSecondsOfFamily(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ofEnded = (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const ofChildren = children.filter((child) => child !== "").map((child) => cpuSeconds(Number(child)));
  return ofChildren.reduce((sum, one) => sum + one, cpuSeconds(pid) + ofEnded);
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}

export type Machine = Readonly<{
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  arch: string;
  node: string;
  /** Of the last minute when the run began; above 0.5 the figures are not to be trusted. */
  loadAverage: number;
}>;

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  kernel: release(),
  arch: arch(),
  node: process.version,
  loadAverage: loadavg()[0] ?? Number.NaN,
});
