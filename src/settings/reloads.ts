/** What a reload of the providers takes of the environment, and what it leaves for the next start. */
import type { Settings } from "./settings.ts";

const isTaken = (name: string): boolean =>
  name.endsWith("_API_KEY") || name.endsWith("_BASE_URL") || name === "MODELTIER_PROVIDERS";

type Read = Pick<Settings, "variables" | "tracing" | "sandbox">;

/**
 * Names of variables that differ from when the service started and that a reload does not take.
 * @param sandboxAnswers whether it does after the reload: it can be left, and begins only at a start
 */
export function listNotReloaded(started: Read, latest: Read, sandboxAnswers: boolean): readonly string[] {
  const [before, now] = [variablesOf(started), variablesOf(latest)];
  return [...new Set([...before.keys(), ...now.keys()])]
    .filter((name) => before.get(name) !== now.get(name) && !isTaken(name))
    .filter((name) => name !== "MODELTIER_SANDBOX" || latest.sandbox !== sandboxAnswers)
    .sort();
}

const variablesOf = ({ variables, tracing }: Read): ReadonlyMap<string, string | undefined> =>
  new Map([...variables, ...Object.entries(tracing?.variables ?? {})]);
