import { type Sandbox, startSandbox } from "../sandbox/sandbox.ts";
import type { Settings } from "../settings/settings.ts";
import type { Log } from "../telemetry/log.ts";

/** On the configured port, or on any when that one is taken: two services on one machine both want a sandbox. */
export async function openSandbox(
  { sandboxPort, sandboxTokensPerSecond }: Settings,
  log: Log,
): Promise<Sandbox> {
  const options = { tokensPerSecond: sandboxTokensPerSecond };
  try {
    return await startSandbox({ ...options, port: sandboxPort });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    log.warn("the sandbox's port is taken; it uses another", { port: sandboxPort });
    return startSandbox({ ...options, port: 0 });
  }
}
