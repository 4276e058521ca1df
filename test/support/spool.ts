/** Spools for tests, in folders that go away when the process ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSpool, type Spool, type SpoolOptions } from "../../src/store/spool/spool.ts";
import { silentLog } from "./memory-log.ts";

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function makeSpoolFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "modeltier-spool-"));
  folders.push(folder);
  return folder;
}

/** As the service has it, but small; in a folder of its own unless told otherwise. */
export const aSpool = (options: Partial<SpoolOptions> = {}): Promise<Spool> =>
  openSpool({
    root: options.root ?? makeSpoolFolder(),
    durability: "os",
    capBytes: 64 * 1024 * 1024,
    log: silentLog,
    ...options,
  });
