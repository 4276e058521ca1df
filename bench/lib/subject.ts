/** The service as it ships: a process of its own with recording, metrics and validation, on a real Postgres. */
import { join } from "node:path";
import { readStartCommand } from "../../test/support/start-command.ts";
import { SERVER_CORE } from "./machine.ts";
import { NODE, type Program, ROOT, startProgram, temporaryFolder } from "./processes.ts";

export type Subject = Program &
  Readonly<{
    /** "http://127.0.0.1:50051" */
    grpcUrl: string;
    /** "http://127.0.0.1:8080" */
    httpUrl: string;
  }>;

export type SubjectOptions = Readonly<{
  /** Base URL of the one provider, "http://127.0.0.1:1234/short/v1". */
  upstream: string;
  databaseUrl?: string;
  dataDir?: string;
  /** Options of Node, beside those of `npm start`. */
  nodeArgs?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What is started instead of `dist/main.mjs`. */
  entry?: string;
}>;

const START = readStartCommand();

/** What every tier asks. */
export const TARGET = "openai/gpt-4o-mini";

export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const {
    upstream,
    databaseUrl,
    dataDir,
    nodeArgs = [],
    env = {},
    entry = join(ROOT, START.program),
  } = options;
  const program = await startProgram({
    core: SERVER_CORE,
    command: [NODE, ...START.nodeOptions, ...nodeArgs, entry],
    ready: /^ready/m,
    log: join(temporaryFolder(), "log"),
    env: {
      MODELTIER_GRPC_PORT: "0",
      MODELTIER_HTTP_PORT: "0",
      MODELTIER_SANDBOX: "false",
      MODELTIER_GRACE_SECONDS: "2",
      MODELTIER_RETIRED_MODELS: "try",
      MODELTIER_TIER_FAST: TARGET,
      MODELTIER_TIER_BALANCED: TARGET,
      MODELTIER_TIER_POWERFUL: TARGET,
      OPENAI_API_KEY: "bench-key",
      OPENAI_BASE_URL: upstream,
      NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/node"), // as `npm start` has it
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
      ...(dataDir === undefined ? {} : { MODELTIER_DATA_DIR: dataDir }),
      ...env,
    },
  });
  const find = (pattern: RegExp): string => pattern.exec(program.output())?.[1] ?? "";
  return { ...program, grpcUrl: `http://${find(/gRPC\s+(\S+)/)}`, httpUrl: find(/HTTP\s+(\S+)/) };
}
