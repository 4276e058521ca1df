/** The configuration of an experiment's arm: the one in force, with what the arm has of its own. */
import { type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { ConfigDocument } from "../../config/document.ts";
import { findFieldProblem, type JsonObject, WHOLE, withFields } from "../../experiments/arm-fields.ts";
import type { ExperimentArm } from "../../experiments/types.ts";
import type { ConfigProblem } from "../../routing/validate-config.ts";
import { readConfig } from "../validate/config.ts";
import type { FieldPath, Violation } from "../validate/violations.ts";
import { documentJson } from "./config-codec.ts";

export type ArmDocument = Readonly<
  | { document: ConfigDocument; violations?: undefined }
  | { document?: undefined; violations: readonly Violation[] }
>;

/**
 * @param validate what a whole document is held against
 * @param at where the arm stands in the request
 */
export function armDocument(
  inForce: ConfigDocument,
  { fields, own }: Pick<ExperimentArm, "fields" | "own">,
  validate: (document: ConfigDocument) => readonly ConfigProblem[],
  at: FieldPath,
): ArmDocument {
  const wrong = listWrongFields(fields, [...at, "fields"]);
  if (wrong.length > 0) return { violations: wrong };
  const merged = withFields(documentJson(inForce) as JsonObject, own, fields);
  if (merged === undefined) {
    const description = "lacks what `fields` names: fill it in, or name less";
    return { violations: [{ path: [...at, "config"], description }] };
  }
  const message = fromJson(RoutingConfigSchema, merged as JsonValue, { ignoreUnknownFields: true });
  const { document, violations } = readConfig(message, validate, [...at, "config"]);
  return document === undefined || violations.length > 0 ? { violations } : { document };
}

function listWrongFields(fields: readonly string[], at: FieldPath): Violation[] {
  return fields.flatMap((field, index): Violation[] => {
    const description = findProblem(field, fields, index);
    return description === undefined ? [] : [{ path: [...at, index], description }];
  });
}

function findProblem(field: string, fields: readonly string[], index: number): string | undefined {
  if (field === WHOLE) {
    return fields.length === 1 ? undefined : 'stands for all fields: leave the others out, or "*"';
  }
  if (fields.indexOf(field) !== index) return "is there twice";
  if (!isField(RoutingConfigSchema, field.split("."))) {
    return "is no field of a routing configuration: write it as in the contract, tiers.balanced.targets";
  }
  return findFieldProblem(field);
}

/** Through messages, and not into a list. */
function isField(desc: DescMessage, [name, ...below]: readonly string[]): boolean {
  const field = desc.fields.find((one) => one.name === name);
  if (field === undefined) return false;
  if (below.length === 0) return true;
  return (
    field.fieldKind === "message" &&
    field.message.file.proto.package === desc.file.proto.package &&
    isField(field.message, below)
  );
}
