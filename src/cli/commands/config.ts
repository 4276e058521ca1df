/** `modeltier config export|validate|import`: the configuration in a repository. */
import { readFile, writeFile } from "node:fs/promises";
import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type ConfigChange,
  type ConfigWarning,
  GetConfigResponseSchema,
  PublishConfigResponseSchema,
  ValidateConfigResponseSchema,
} from "../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../gen/modeltier/v1/config_service_pb.js";
import { type Command, type CommandContext, EXIT, UsageError } from "../cli.ts";
import { type ConfigFile, ConfigFileError, fromYaml, toYaml } from "../config-yaml.ts";

export const exportCommand: Command = {
  usage: "config export [file]",
  summary:
    "Writes the configuration in force as YAML, to a file or to standard output; with --json, all of GetConfig.",
  options: { version: "a version in place of the one in force" },
  async run({ operands, options, transport, terminal, json }) {
    const [path] = operandsOf(operands, 0, 1);
    const version = options.version === undefined ? undefined : versionOf(options.version);
    const response = await createClient(ConfigService, transport).getConfig({ version });
    const { config, versionInForce } = response;
    if (config === undefined) throw new Error("the service has no configuration");
    const text = json
      ? `${JSON.stringify(toJson(GetConfigResponseSchema, response))}\n`
      : toYaml({ config, basedOn: versionInForce });
    if (path === undefined) terminal.print(text.trimEnd());
    else await writeFile(path, text);
    return EXIT.done;
  },
};

export const validateCommand: Command = {
  usage: "config validate <file>",
  summary: "Says what is wrong with a YAML configuration and what it would change; publishes nothing.",
  options: {},
  async run(context) {
    const [path = "-"] = operandsOf(context.operands, 1, 1);
    return withFile(path, context, async (file) =>
      (await isValid(file, context)) ? EXIT.done : EXIT.invalid,
    );
  },
};

export const importCommand: Command = {
  usage: "config import <file>",
  summary:
    "Validates a YAML configuration and publishes it. Refused when a newer version than based_on is there.",
  options: { comment: "why", author: "who" },
  async run(context) {
    const { operands, options, transport, terminal, json } = context;
    const [path = "-"] = operandsOf(operands, 1, 1);
    return withFile(path, context, async (file) => {
      if (!(await isValid(file, { ...context, json: false }))) return EXIT.invalid;
      const { comment = "", author = "" } = options;
      const response = await createClient(ConfigService, transport).publishConfig({
        ...file,
        comment,
        author,
      });
      if (json) terminal.print(JSON.stringify(toJson(PublishConfigResponseSchema, response)));
      else terminal.print(`version ${response.version?.version} is published`);
      return EXIT.done;
    });
  },
};

/** @param path "-": standard input */
export async function withFile<T>(
  path: string,
  { terminal }: CommandContext,
  use: (file: ConfigFile) => Promise<T>,
): Promise<T | typeof EXIT.invalid> {
  const text = path === "-" ? await terminal.read() : await readFile(path, "utf8");
  try {
    return await use(fromYaml(text));
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    terminal.say(`${path}: ${error.message}`);
    return EXIT.invalid;
  }
}

async function isValid(
  { config, basedOn }: ConfigFile,
  { transport, terminal, json }: CommandContext,
): Promise<boolean> {
  const client = createClient(ConfigService, transport);
  const response = await client.validateConfig({ config, compareWith: basedOn });
  const { violations, warnings, changes } = response;
  if (json) terminal.print(JSON.stringify(toJson(ValidateConfigResponseSchema, response) as JsonObject));
  else {
    for (const change of changes) terminal.print(changeLine(change));
    for (const warning of warnings) terminal.say(warningLine(warning));
    for (const { field, description } of violations) terminal.say(`wrong: ${field} ${description}`);
    if (violations.length === 0) terminal.say(`valid; ${changes.length} changes since version ${basedOn}`);
  }
  return violations.length === 0;
}

const changeLine = ({ field, beforeJson, afterJson }: ConfigChange): string =>
  `${field}: ${beforeJson === "" ? "(none)" : beforeJson} -> ${afterJson === "" ? "(none)" : afterJson}`;

const warningLine = ({ field, description }: ConfigWarning): string => `warning: ${field}: ${description}`;

/** @throws UsageError */
export function operandsOf(operands: readonly string[], least: number, most: number): readonly string[] {
  if (operands.length < least) throw new UsageError("a file is missing");
  if (operands.length > most) throw new UsageError(`${operands[most]} is one word too many`);
  return operands;
}

function versionOf(text: string): bigint {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${text} is no version`);
  return BigInt(text);
}
