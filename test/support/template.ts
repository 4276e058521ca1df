/** Folders that take seconds to make, made once for all runs and copied. */
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export type Template = Readonly<{
  /** Says all that it depends on: another name is another folder. */
  name: string;
  /** Into a folder that is there and empty. */
  make(folder: string): Promise<void>;
}>;

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

export async function copyTemplate(template: Template, folder: string): Promise<void> {
  if (canWrite(MODULES)) cpSync(await findOrMake(template), folder, { recursive: true });
  else await template.make(folder);
}

/** Makes what will be copied, so that test files that run at once need not each do so. */
export async function prepareTemplate(template: Template): Promise<void> {
  if (canWrite(MODULES)) await findOrMake(template);
}

/** Several processes may make it at once; the first to finish wins. */
async function findOrMake({ name, make }: Template): Promise<string> {
  const cache = join(MODULES, ".cache", "modeltier");
  const template = join(cache, name);
  if (existsSync(template)) return template;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, "unfinished-"));
  await make(unfinished);
  try {
    renameSync(unfinished, template);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
