/** Where the service's own files are, whether it runs from its sources or from dist/, which `scripts/bundle.mjs` makes of them. */
import { findPackageJSON } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = pathToFileURL(findPackageJSON(import.meta.url) as string);
const EXTENSION = extname(fileURLToPath(import.meta.url));
const CODE = EXTENSION === ".ts" ? "src" : "dist";

/** @param path from the folder of package.json, "gen/modeltier.binpb" */
export const fileOf = (path: string): URL => new URL(path, ROOT);

/** A program that a process or a thread of its own runs. @param name its source from src/, without its extension */
export const programOf = (name: "workers/worker" | "store/embedded/worker"): URL =>
  fileOf(`${CODE}/${name}${EXTENSION}`);
