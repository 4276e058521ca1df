/** The real service as a process of its own, on free ports, against its own sandbox: what tests call as users would. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyCluster } from "./embedded-folder.ts";
import { readStartCommand } from "./start-command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export type RunningService = Readonly<{
  pid: number;
  /** "127.0.0.1:50051" */
  grpcAddress: string;
  /** "http://127.0.0.1:8080" */
  httpUrl: string;
  /** Where operators and metrics have ports of their own; "" where they do not. */
  adminUrl: string;
  metricsUrl: string;
  /** The sandbox's address; "" when it does not play. */
  sandboxUrl: string;
  dataDir: string;
  /** All that it printed so far. */
  output(): Readonly<{ stdout: string; stderr: string }>;
  /**
   * Sends the signal and gives the exit code; kills it when it has not gone after 40 s.
   * @throws AssertionError when the word CANARY, which stands in the keys and prompts of tests, is in what it printed
   */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}>;

export type ServiceOptions = Readonly<{
  /** Added to an environment that has no provider key and free ports. */
  env?: Readonly<Record<string, string>>;
  /** Kept after the stop, for a second start; absent: a new folder, removed at the stop. */
  dataDir?: string;
  /** Runs in its data folder, where it finds `.env` files of its own. */
  inOwnFolder?: boolean;
  /** Runs the sources and not the bundle of them that ships: for what reaches into single modules. */
  fromSources?: boolean;
  /** A command that ends by executing its last arguments, which are the service's. */
  under?: readonly string[];
}>;

/** Starts the service and waits until it says where to call. @throws with its output when it exits before */
export async function startService({
  env = {},
  dataDir,
  inOwnFolder,
  fromSources,
  under = [],
}: ServiceOptions = {}): Promise<RunningService> {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), "mt-"));
  if (dataDir === undefined && env.DATABASE_URL === undefined) await copyCluster(folder);
  const { nodeOptions, program } = readStartCommand();
  const [command, ...parameters] = [
    ...under,
    process.execPath,
    ...nodeOptions,
    join(ROOT, fromSources ? "src/main.ts" : program),
  ];
  const child = spawn(command ?? "", parameters, {
    cwd: inOwnFolder ? folder : ROOT,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/node"), // as `npm start` has it
      MODELTIER_GRPC_PORT: "0",
      MODELTIER_HTTP_PORT: "0",
      MODELTIER_SANDBOX_PORT: "0",
      MODELTIER_SANDBOX_TOKENS_PER_SECOND: "2000",
      MODELTIER_DATA_DIR: folder,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await untilReady(child, output);
  return {
    pid: child.pid as number,
    grpcAddress: addressIn(output.stdout, /gRPC\s+(\S+)/),
    httpUrl: addressIn(output.stdout, /HTTP\s+(\S+)/),
    adminUrl: addressIn(output.stdout, /Admin\s+(http\S+)/),
    metricsUrl: addressIn(output.stdout, /Metrics\s+(http\S+)/),
    sandboxUrl: addressIn(output.stdout, /Sandbox\s+(http\S+?)\/ledger/),
    dataDir: folder,
    output: () => ({ ...output }),
    stop: async (signal = "SIGTERM") => {
      const timer = setTimeout(() => child.kill("SIGKILL"), 40_000);
      child.kill(signal);
      const code = await exited;
      clearTimeout(timer);
      process.off("exit", killWithUs);
      if (dataDir === undefined) rmSync(folder, { recursive: true, force: true });
      for (const [stream, text] of Object.entries(output)) checkCanaries(stream, text);
      return code;
    },
  };
}

function untilReady(child: ChildProcess, output: { stdout: string; stderr: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (/^ready/m.test(output.stdout)) resolve();
    };
    child.stdout?.on("data", check);
    child.once("exit", (code) =>
      reject(new Error(`the service ended with ${code}:\n${output.stdout}${output.stderr}`)),
    );
  });
}

const addressIn = (text: string, pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";

/** The line itself is not shown: it may hold a key that is no canary. */
function checkCanaries(stream: string, text: string): void {
  const line = text.split("\n").findIndex((one) => one.includes("CANARY"));
  assert.equal(line, -1, `a canary is in line ${line + 1} of ${stream}`);
}
