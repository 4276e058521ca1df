/** How `npm start` starts the service, for those who start it otherwise. */
import { readFileSync } from "node:fs";

const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** The options of Node, and the program from the project's folder: "--flag" and "dist/main.mjs". */
export function readStartCommand(): Readonly<{ nodeOptions: readonly string[]; program: string }> {
  const words = String(scripts.start).split(" ");
  const options = words.slice(words.indexOf("node_modules/.bin/node") + 1);
  return { nodeOptions: options.slice(0, -1), program: options.at(-1) ?? "" };
}
