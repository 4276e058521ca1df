import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const KEYS = fileURLToPath(new URL("../../src/cli/keys-main.ts", import.meta.url));

/** Runs `npm run keys` as a person would, without npm. */
export async function keys(words: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [KEYS, ...words], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, ...env },
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await exited, out: out.trim(), err };
}
