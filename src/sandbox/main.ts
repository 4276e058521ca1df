/** `npm run sandbox`: the sandbox alone, until SIGINT or SIGTERM. */
import { startSandbox } from "./sandbox.ts";

const PORT = 8090;
const TOKENS_PER_SECOND = 200;

/** A variable as a number in range, or the usual value when it is not set. @throws RangeError naming the variable */
function numberFrom(name: string, usual: number, isRight: (value: number) => boolean, range: string): number {
  const text = process.env[name]?.trim() ?? "";
  const value = text === "" ? usual : Number(text);
  if (!isRight(value)) throw new RangeError(`${name} must be ${range}, not "${text}".`);
  return value;
}

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65_535;

async function run(): Promise<void> {
  const sandbox = await startSandbox({
    port: numberFrom("MODELTIER_SANDBOX_PORT", PORT, isPort, "a port from 0 to 65535"),
    tokensPerSecond: numberFrom(
      "MODELTIER_SANDBOX_TOKENS_PER_SECOND",
      TOKENS_PER_SECOND,
      (value) => value > 0,
      "a number greater than 0, or Infinity",
    ),
  });
  const { baseUrls, url } = sandbox;
  process.stdout.write(`The Modeltier sandbox answers. Any key will do; no provider is called.

OPENAI_BASE_URL     ${baseUrls.openai}
ANTHROPIC_BASE_URL  ${baseUrls.anthropic}
KIMI_BASE_URL       ${baseUrls.kimi}
Ledger              ${url}/ledger and ${url}/ledger/summary
Faults              ${url}/control/faults

curl -sN ${baseUrls.openai}/chat/completions -H 'authorization: Bearer sandbox' -H 'content-type: application/json' -d '{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Say hello"}]}'
`);
  const stop = (): void => void sandbox.close();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

run().catch((error: unknown) => {
  const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  const said = isTaken ? "The sandbox's port is taken: set MODELTIER_SANDBOX_PORT." : String(error);
  process.stderr.write(`${said}\n`);
  process.exitCode = 1;
});
