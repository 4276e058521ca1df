/** From the words on the line to a command and its exit code. */
import { parseArgs } from "node:util";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Environment } from "../settings/environment.ts";
import { type Command, EXIT, type ExitCode, type Terminal, UsageError } from "./cli.ts";
import { COMMANDS } from "./commands.ts";

export type CliDeps = Readonly<{
  environment: Environment;
  terminal: Terminal;
  connect(to: Readonly<{ address: string; token?: string; isHttp: boolean }>): Transport;
}>;

const COMMON_OPTIONS = {
  address: "where the service listens for gRPC (MODELTIER_ADDRESS, or 127.0.0.1:50051)",
  protocol: "grpc, or connect for an HTTP port such as the admin port; grpc unless it is given",
  token: "a key, or the admin token (MODELTIER_KEY, or MODELTIER_ADMIN_TOKEN)",
};

export async function runCli(words: readonly string[], deps: CliDeps): Promise<ExitCode> {
  const { terminal } = deps;
  const found = findCommand(words);
  if (found === undefined || words.includes("--help")) {
    const isAsked = words.length === 0 || words.includes("--help");
    (isAsked ? terminal.print : terminal.say)(found === undefined ? overview() : help(found.command));
    return isAsked ? EXIT.done : EXIT.usage;
  }
  try {
    return await start(found.command, found.rest, deps);
  } catch (error) {
    if (error instanceof UsageError || isParseError(error)) {
      terminal.say(`${(error as Error).message}\n\n${help(found.command)}`);
      return EXIT.usage;
    }
    terminal.say(failureOf(error));
    return EXIT.failed;
  }
}

function start(command: Command, rest: readonly string[], deps: CliDeps): Promise<ExitCode> {
  const names = [...Object.keys(COMMON_OPTIONS), ...Object.keys(command.options)];
  const { values, positionals } = parseArgs({
    args: [...rest],
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      ...Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
    },
  });
  const options = values as Readonly<Record<string, string | undefined>>;
  const { environment, terminal } = deps;
  const { protocol = "grpc" } = options;
  if (protocol !== "grpc" && protocol !== "connect") {
    throw new UsageError(`--protocol is "${protocol}"; use grpc or connect`);
  }
  const token = options.token ?? environment.MODELTIER_KEY ?? environment.MODELTIER_ADMIN_TOKEN;
  return command.run({
    operands: positionals,
    options,
    json: values.json === true,
    terminal,
    transport: deps.connect({
      address: options.address ?? environment.MODELTIER_ADDRESS ?? "127.0.0.1:50051",
      isHttp: protocol === "connect",
      ...(token !== undefined && { token }),
    }),
  });
}

/** The command whose name the words begin with. */
function findCommand(words: readonly string[]) {
  for (const [name, command] of Object.entries(COMMANDS)) {
    const parts = name.split(" ");
    if (parts.every((part, index) => words[index] === part)) {
      return { command, rest: words.slice(parts.length) };
    }
  }
  return undefined;
}

const overview = (): string =>
  [
    "Usage:",
    ...Object.values(COMMANDS).map(({ usage, summary }) => `  modeltier ${usage}\n      ${summary}`),
  ].join("\n");

function help({ usage, summary, options }: Command): string {
  const all = { ...options, ...COMMON_OPTIONS };
  return [
    `Usage: modeltier ${usage}`,
    summary,
    "",
    ...Object.entries(all).map(([name, what]) => `  --${name.padEnd(12)} ${what}`),
    `  --${"json".padEnd(12)} results as JSON`,
  ].join("\n");
}

const isParseError = (error: unknown): boolean =>
  error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");

/** "Unavailable: …" where the service, or the way there, failed. */
function failureOf(error: unknown): string {
  if (error instanceof ConnectError) return `${Code[error.code]}: ${error.rawMessage}`;
  return error instanceof Error ? error.message : String(error);
}
