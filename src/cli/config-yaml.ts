/** A configuration as a YAML file for people and repositories: the message's own fields, in its order, with their units. */
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  YAMLMap,
} from "yaml";
import { type RoutingConfig, RoutingConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { findMisfit } from "./find-misfit.ts";

export type ConfigFile = Readonly<{
  config: RoutingConfig;
  /** The newest version when it was exported. */
  basedOn: bigint;
}>;

/** What a file says that is none. */
export class ConfigFileError extends Error {
  override readonly name = "ConfigFileError";
}

/** By the end of a field's name; the first that fits. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/_micro_usd_per_mtok$/, "micro-USD per million tokens: 150000 is $0.15"],
  [/_tokens$/, "tokens"],
  [/(_weight|_share|share_of_calls|most_loss)$/, "share, from 0 to 1"],
  [/^share$/, "share, from 0 to 0.5"],
  [/_nano_usd$/, "nano-USD: 1000000 is $0.001"],
  [/(_score|balanced_from|balanced_to)$/, "score, from 0 to 10"],
  [/^failure_limit$/, "failures; 0 is never"],
  [/^max_attempts/, "attempts"],
  [/_per_second$/, "per second"],
  [/^effective_from$|^retired_on$/, "UTC day"],
  [/^key_variable$/, "name of the environment variable; never the key"],
];

const HEADER = [
  " Modeltier's routing configuration. Durations are in seconds: 0.25s is 250 milliseconds.",
  " based_on is the newest version when this was exported; an import is refused when there is a newer one.",
].join("\n");

/** The same text for the same configuration. */
export function toYaml({ config, basedOn }: ConfigFile): string {
  const json = toJson(RoutingConfigSchema, config, { useProtoFieldName: true, alwaysEmitImplicit: true });
  const document = new Document({
    based_on: Number(basedOn),
    config: withNumbers(RoutingConfigSchema, json as JsonObject),
  });
  document.commentBefore = HEADER;
  const root = document.getIn(["config"], true);
  if (isMap(root)) nameUnits(root, RoutingConfigSchema);
  return document.toString({ lineWidth: 0 });
}

/** @throws ConfigFileError that names the line or the field */
export function fromYaml(text: string): ConfigFile {
  const lineCounter = new LineCounter();
  // Pretty errors quote their line, each of them: in a long line full of mistakes that is work by the square.
  const document = parseDocument(text, {
    uniqueKeys: true,
    strict: true,
    logLevel: "error",
    prettyErrors: false,
    lineCounter,
  });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new ConfigFileError(`${inOwnWords(problem.message)} at line ${line}, column ${col}`);
  }
  const value = plainValueOf(document);
  if (!isRecord(value) || !isRecord(value.config)) {
    throw new ConfigFileError("the file must hold based_on and config");
  }
  const { based_on: basedOn = 0, config, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new ConfigFileError(`the file holds ${unknown}, which is not known`);
  if (!Number.isSafeInteger(basedOn)) throw new ConfigFileError("based_on must be a version's number");
  try {
    return {
      config: fromJson(RoutingConfigSchema, config as JsonObject),
      basedOn: BigInt(basedOn as number),
    };
  } catch (error) {
    const place = ["config", findMisfit(RoutingConfigSchema, config as JsonObject)].filter(
      (part) => part !== "",
    );
    const reason = error instanceof Error ? error.message : "it cannot be read";
    throw new ConfigFileError(`${place.join(".")}: ${reason}`);
  }
}

/** @throws ConfigFileError when an alias has no anchor, or too many stand for too much */
function plainValueOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it cannot be followed";
    throw new ConfigFileError(`the file holds an alias that cannot be used: ${reason}`);
  }
}

/** The parser's message; what its recursion met is no word for a reader. */
const inOwnWords = (message: string): string =>
  message.replace("Maximum call stack size exceeded", "the file is nested too deeply");

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** JSON writes 64-bit numbers as text; people do not. What is beyond 2^53 stays text, which is read as well. */
function withNumbers(desc: DescMessage, json: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const field = desc.fields.find((one) => one.name === name);
      return [name, field === undefined ? value : numbersIn(field, value)];
    }),
  );
}

function numbersIn(field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind === "scalar" && field.scalar === ScalarType.INT64) {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  const message = messageOf(field);
  if (message === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => withNumbers(message, item as JsonObject));
  return typeof value === "object" && value !== null ? withNumbers(message, value as JsonObject) : value;
}

const messageOf = (field: DescField): DescMessage | undefined =>
  field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message")
    ? field.message
    : undefined;

function nameUnits(map: YAMLMap, desc: DescMessage): void {
  for (const { key, value } of map.items) {
    const name = String(isScalar(key) ? key.value : key);
    const field = desc.fields.find((one) => one.name === name);
    const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1];
    if (value instanceof Scalar && unit !== undefined) value.comment = ` ${unit}`;
    const message = field && messageOf(field);
    if (message !== undefined) nameUnitsBelow(value as Node | null, message);
  }
}

function nameUnitsBelow(node: Node | null, desc: DescMessage): void {
  if (node instanceof YAMLMap) nameUnits(node, desc);
  else if (isSeq(node)) for (const item of node.items) nameUnitsBelow(item as Node, desc);
}
