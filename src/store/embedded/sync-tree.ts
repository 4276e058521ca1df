/** Brings a folder with all that is in it to the disk. Node has no sync(2), and a file that is clean costs microseconds. */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const within = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  for (const entry of within) await sync(join(entry.parentPath, entry.name));
  await sync(folder);
}

/** What went away meanwhile was temporary. */
async function sync(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    await file.sync().finally(() => file.close());
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
  }
}
