/** Gateways to compare with, installed on demand into `bench/.peers/` at the versions that `bench/peers/` locks. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOAD_CORE, SERVER_CORE } from "./machine.ts";
import { AT_ONCE, NODE, ROOT, run, startProgram, temporaryFolder } from "./processes.ts";
import { packageVersion } from "./results.ts";
import { freePort } from "./upstream.ts";

export type Peer = Readonly<{
  name: string;
  version: string;
  pid: number;
  /** "http://127.0.0.1:8787/v1" */
  url: string;
  /** Headers that lead to the upstream's answer of this kind. */
  headersFor(upstream: string): Readonly<Record<string, string>>;
  /** The model to ask for the upstream's answer of this kind. */
  modelFor(upstream: string): string;
  stop(): Promise<void>;
}>;

const LOCKS = join(ROOT, "bench/peers");
const PEERS = join(ROOT, "bench/.peers");
const LOOPBACK_ONLY = join(ROOT, "bench/programs/loopback-only.ts");
const INSTALL_MS = 600_000;
const START_MS = 120_000;

/** It starts without a key only when told so; checking one would cost it time. */
const WITHOUT_LOGIN = { LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true" };

/** Where oha was built; see the README. */
export const OHA = join(PEERS, "bin/oha");

/** Runs the installation unless it ran to its end before, for the same lock. @throws Error with the installer's words */
async function installed(
  name: string,
  lock: string,
  install: (folder: string) => Promise<unknown>,
): Promise<string> {
  const folder = join(PEERS, name);
  const stamp = join(folder, ".installed");
  const wanted = readFileSync(join(LOCKS, lock), "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return folder;
  process.stderr.write(`Installing ${name} into bench/.peers, once …\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await install(folder);
  writeFileSync(stamp, wanted);
  return folder;
}

/** @throws Error when it cannot be installed or does not start */
export async function startPortkey(): Promise<Peer> {
  const folder = await installed("portkey", "package-lock.json", (into) => {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(LOCKS, file), join(into, file));
    const command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    return run(command, { core: LOAD_CORE, limitMs: INSTALL_MS, cwd: into });
  });
  const port = await freePort();
  const gateway = join(folder, "node_modules/@portkey-ai/gateway");
  const program = await startProgram({
    core: SERVER_CORE,
    command: [
      NODE,
      "--import",
      LOOPBACK_ONLY,
      join(gateway, "build/start-server.js"),
      `--port=${port}`,
      "--headless",
    ],
    ready: /Ready for connections/,
    env: { NODE_ENV: "production" },
  });
  return {
    name: "Portkey",
    version: packageVersion("@portkey-ai/gateway", join(folder, "node_modules")),
    pid: program.pid,
    url: `http://127.0.0.1:${port}/v1`,
    headersFor: (upstream) => ({ "x-portkey-provider": "openai", "x-portkey-custom-host": upstream }),
    modelFor: () => "gpt-4o-mini",
    stop: program.stop,
  };
}

/** @param upstreams base URLs that it may be asked for, "http://127.0.0.1:1234/whole/v1" */
export async function startLiteLlm(upstreams: readonly string[]): Promise<Peer> {
  const folder = await installed("litellm", "requirements.txt", async (into) => {
    const options = { core: LOAD_CORE, limitMs: INSTALL_MS };
    await run(["python3", "-m", "venv", into], options);
    const pip = [join(into, "bin/pip"), "install", "-q", "-r", join(LOCKS, "requirements.txt")];
    await run(pip, options);
  });
  const port = await freePort();
  const config = join(temporaryFolder(), "config.yaml");
  writeFileSync(config, liteLlmConfig(upstreams));
  const program = await startProgram({
    core: SERVER_CORE,
    command: [
      ...[join(folder, "bin/litellm"), "--config", config, "--host", "127.0.0.1", "--port", String(port)],
      ...["--num_workers", "1", "--telemetry", "False"],
    ],
    ready: AT_ONCE,
    env: { LITELLM_LOCAL_MODEL_COST_MAP: "True", LITELLM_LOG: "ERROR", ...WITHOUT_LOGIN },
    readyWithinMs: START_MS,
  });
  const url = `http://127.0.0.1:${port}`;
  await untilLive(`${url}/health/liveliness`);
  const locked = readFileSync(join(LOCKS, "requirements.txt"), "utf8");
  return {
    name: "LiteLLM",
    version: /^litellm==(\S+)/m.exec(locked)?.[1] ?? "unknown",
    pid: program.pid,
    url: `${url}/v1`,
    headersFor: () => ({}),
    modelFor: (upstream) => `model-${upstreams.indexOf(upstream)}`,
    stop: program.stop,
  };
}

const liteLlmConfig = (upstreams: readonly string[]): string =>
  JSON.stringify({
    model_list: upstreams.map((upstream, index) => ({
      model_name: `model-${index}`,
      litellm_params: { model: "openai/gpt-4o-mini", api_base: upstream, api_key: "bench-key" },
    })),
  });

async function untilLive(url: string): Promise<void> {
  const untilMs = performance.now() + START_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    if (performance.now() > untilMs) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
