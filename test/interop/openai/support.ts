/** What the tests of OpenAI's clients have in common: services, a ledger, things to ask, and Python. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { type RunningService, startService } from "../../support/service.ts";

export const run = promisify(execFile);

export const KIMI = "kimi/kimi-k2-0905-preview";
export const MINI = "openai/gpt-4o-mini";
export const HAIKU = "anthropic/claude-haiku-4-5-20251001";

export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

export const WEATHER = {
  type: "function" as const,
  function: { name: "get_weather", description: "The weather of a city", parameters: SCHEMA },
};

/** A picture of one pixel. */
export const PNG_URL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** A service before servers that fail by the names of their models: "alpha/model-1!cut=5". */
export type FaultyService = Readonly<{
  service: RunningService;
  sandbox: Sandbox;
  /** Of OpenAI's clients. */
  baseUrl: string;
  /** A model that nobody has asked before, so that no breaker knows it. */
  model(provider: "alpha" | "beta" | "gamma", faults?: string): string;
  /** What was asked so far, by name and without the faults. */
  asked(): readonly string[];
  stop(): Promise<void>;
}>;

export async function startFaultyService(env: Readonly<Record<string, string>> = {}): Promise<FaultyService> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  const url = sandbox.baseUrls.openai;
  const service = await startService({
    env: {
      MODELTIER_SANDBOX: "false",
      MODELTIER_PROVIDERS: "alpha,beta,gamma",
      ...Object.fromEntries(
        ["ALPHA", "BETA", "GAMMA"].flatMap((name) => [
          [`${name}_BASE_URL`, url],
          [`${name}_API_KEY`, "sk-canary"],
        ]),
      ),
      MODELTIER_TIER_FAST: "gamma/plain",
      MODELTIER_TIER_BALANCED: "gamma/plain",
      MODELTIER_TIER_POWERFUL: "gamma/plain",
      ...env,
    },
  });
  let models = 0;
  return {
    service,
    sandbox,
    baseUrl: `${service.httpUrl}/v1`,
    model: (provider, faults = "") => {
      models += 1;
      return `${provider}/model-${models}${faults === "" ? "" : `!${faults}`}`;
    },
    asked: () => sandbox.ledger.entries().map(({ model }) => model),
    stop: async () => {
      await service.stop();
      await sandbox.close();
    },
  };
}

export type LedgerEntry = Readonly<{ end: string; cost_nano_usd: string }>;

/** The attempts that a service's own sandbox saw since the ledger was emptied, once all of them have ended. */
export async function endedAttempts({ sandboxUrl }: RunningService): Promise<readonly LedgerEntry[]> {
  for (;;) {
    const { entries } = (await (await fetch(`${sandboxUrl}/ledger`)).json()) as { entries: LedgerEntry[] };
    if (entries.length > 0 && entries.every(({ end }) => end !== "open")) return entries;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const emptyLedger = ({ sandboxUrl }: RunningService): Promise<unknown> =>
  fetch(`${sandboxUrl}/ledger`, { method: "DELETE" });

const PYTHON = fileURLToPath(
  new URL("../../../node_modules/.cache/modeltier-python/bin/python", import.meta.url),
);

/** Whether a package is installed for Python; when it is not, one line says what is skipped. */
export async function hasPythonPackage(name: string, what: string): Promise<boolean> {
  const found =
    existsSync(PYTHON) &&
    (await run(PYTHON, ["-c", `import importlib.util as u; assert u.find_spec("${name}")`]).then(
      () => true,
      () => false,
    ));
  if (!found) console.warn(`SKIPPED: ${what}. \`.ci/run\` installs its packages.`);
  return found;
}

/** Runs a script of this folder; what it prints is JSON. */
export async function runPython(script: string, ...args: readonly string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await run(PYTHON, [path, ...args], { env: { LANGSMITH_TRACING: "false" } });
  return JSON.parse(stdout);
}
