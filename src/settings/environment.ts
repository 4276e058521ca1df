import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment with `.env.local` and `.env` of a folder under it: a variable of the process wins over `.env.local`,
 * and that over `.env`. An empty value counts as not set, wherever it stands.
 */
export function readEnvironment(processEnv: Environment, folder: string): Environment {
  return {
    ...readFile(join(folder, ".env")),
    ...readFile(join(folder, ".env.local")),
    ...withoutEmpty(processEnv),
  };
}

function readFile(path: string): Environment {
  return existsSync(path) ? withoutEmpty(parseEnv(readFileSync(path, "utf8"))) : {};
}

const withoutEmpty = (variables: Environment): Environment =>
  Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ""),
  );
