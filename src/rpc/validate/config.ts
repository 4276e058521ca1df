/** What is wrong with a configuration as it was sent, by the contract's field names. */
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { protoSnakeCase } from "@bufbuild/protobuf/reflect";
import { type RoutingConfig, RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { ConfigDocument } from "../../config/document.ts";
import type { ConfigProblem } from "../../routing/validate-config.ts";
import { configFromProto } from "../convert/routing-config.ts";
import type { FieldPath, Violation } from "./violations.ts";

export type CheckedConfig = Readonly<
  | { document: ConfigDocument; violations: readonly Violation[] }
  | { document?: undefined; violations: readonly Violation[] }
>;

/**
 * The document of a message and all that is wrong with it; no document when parts of it are missing.
 * @param validate what a whole document is held against
 * @param at where the configuration stands in the request
 */
export function readConfig(
  message: RoutingConfig | undefined,
  validate: (document: ConfigDocument) => readonly ConfigProblem[],
  at: FieldPath,
): CheckedConfig {
  if (message === undefined) return { violations: [{ path: at, description: "is required" }] };
  const missing = listMissing(RoutingConfigSchema, message, at);
  if (missing.length > 0) return { violations: missing };
  const document = configFromProto(message);
  const violations = validate(document).map(({ path, message: description }) => ({
    path: [...at, ...protoPathOf(path)],
    description,
  }));
  return { document, violations };
}

/** May be absent; every other message and enum of a configuration is required. */
const OPTIONAL = new Set([
  "modeltier.v1.RoutingConfig.agent_score",
  "modeltier.v1.RoutingConfig.calibration",
  "modeltier.v1.AgentScoreConfig.explore",
  "modeltier.v1.ModelOverride.successor",
  "modeltier.v1.TierConfig.delivery",
  "modeltier.v1.TierConfig.limits",
  "modeltier.v1.CallLimits.call_timeout",
]);

function listMissing(desc: DescMessage, message: Message, at: FieldPath): Violation[] {
  return desc.fields.flatMap((field): Violation[] => {
    const path = [...at, field.name];
    const value = (message as unknown as Record<string, unknown>)[field.localName];
    if (field.fieldKind === "message") {
      if (value !== undefined) return listMissing(field.message, value as Message, path);
      return isOptional(desc, field.name, at) ? [] : [{ path, description: "is required" }];
    }
    if (field.fieldKind === "enum")
      return checkEnum(`${desc.typeName}.${field.name}`, value, field.enum, path);
    if (field.fieldKind !== "list" || field.listKind !== "message") return [];
    const { message: element } = field;
    return (value as Message[]).flatMap((item, index) => listMissing(element, item, [...path, index]));
  });
}

/** A model's own timers may be some of them. */
const isOptional = ({ typeName }: DescMessage, field: string, at: FieldPath): boolean =>
  OPTIONAL.has(`${typeName}.${field}`) ||
  (typeName === "modeltier.v1.AttemptTimers" && at.includes("model_timers")) ||
  typeName === "google.protobuf.Duration";

function checkEnum(
  name: string,
  value: unknown,
  { values }: Readonly<{ values: readonly Readonly<{ name: string; number: number }>[] }>,
  path: FieldPath,
): Violation[] {
  if (values.some(({ number }) => number === value && (number !== 0 || OPTIONAL.has(name)))) return [];
  const known = values.filter(({ number }) => number !== 0).map((one) => one.name);
  return [{ path, description: `is required: use ${known.join(", ")}` }];
}

/** "tiers.fast.timers.headersMs" is ["tiers", "fast", "timers", "headers"] in the contract, which has durations for ms. */
export function protoPathOf(path: string): FieldPath {
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== "")
    .map((part) => (/^\d+$/.test(part) ? Number(part) : protoSnakeCase(part.replace(/Ms$/, ""))));
}
