/** What a service holds in memory once its garbage is collected: RSS follows the collector's mood, and this does not. */

import type { RunningService } from "../../support/service.ts";
import { holdsWithin } from "./rig.ts";

/** For the environment of a service that is to be asked. */
export const HEAP_PROBE = {
  NODE_OPTIONS: `--expose-gc --import=${new URL("../../../bench/kept-fast/heap-probe.ts", import.meta.url)}`,
};

const PATIENCE_MS = 30_000;

/** In bytes: V8's heap and what hangs on it. @throws when it was started without `HEAP_PROBE` */
export async function heldBytesOf({ pid, output }: RunningService): Promise<number> {
  const said = () => [...output().stdout.matchAll(/^left (\d+)$/gm)];
  const before = said().length;
  process.kill(pid, "SIGUSR2");
  if (!(await holdsWithin(PATIENCE_MS, () => said().length > before))) {
    throw new Error("the service does not say what it holds");
  }
  return Number(said().at(-1)?.[1]);
}
