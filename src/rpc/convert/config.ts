/** Versions, changes and warnings in the contract's words. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ConfigChange,
  ConfigChangeSchema,
  type ConfigPart,
  ConfigPartSchema,
  ConfigSource,
  type ConfigVersion,
  ConfigVersionSchema,
  ConfigViolationSchema,
  ConfigWarningKind,
  ConfigWarningSchema,
} from "../../../gen/modeltier/v1/config_pb.js";
import { RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import { diffJson, type Json } from "../../config/diff.ts";
import type { ConfigDocument } from "../../config/document.ts";
import type { ConfigWarning } from "../../config/warnings.ts";
import type { VersionInfo } from "../../store/config-versions.ts";
import { protoPathOf } from "../validate/config.ts";
import { type FieldStyle, fieldName, type Violation } from "../validate/violations.ts";
import { documentJson } from "./config-codec.ts";

/** Absent: nothing is published. */
export const versionToProto = (info: VersionInfo | undefined): ConfigVersion =>
  info === undefined
    ? create(ConfigVersionSchema)
    : create(ConfigVersionSchema, {
        version: BigInt(info.version),
        author: info.author,
        comment: info.comment,
        createdAt: timestampFromDate(info.createdAt),
        basedOn: BigInt(info.basedOn),
        rolledBackTo: BigInt(info.rolledBackTo ?? 0),
      });

export const changesToProto = (before: ConfigDocument, after: ConfigDocument): ConfigChange[] =>
  diffJson(documentJson(before) as Json, documentJson(after) as Json).map((change) =>
    create(ConfigChangeSchema, {
      field: change.path,
      beforeJson: change.before === undefined ? "" : JSON.stringify(change.before),
      afterJson: change.after === undefined ? "" : JSON.stringify(change.after),
    }),
  );

export const violationsToProto = (violations: readonly Violation[], style: FieldStyle) =>
  violations.map(({ path, description }) =>
    create(ConfigViolationSchema, { field: fieldName(path, style), description }),
  );

const WARNING_KIND: Readonly<Record<ConfigWarning["kind"], ConfigWarningKind>> = {
  retired_target: ConfigWarningKind.RETIRED_TARGET,
  dominated_target: ConfigWarningKind.DOMINATED_TARGET,
  dominated_tier: ConfigWarningKind.DOMINATED_TIER,
  outperformed_tier: ConfigWarningKind.OUTPERFORMED_TIER,
  missing_key: ConfigWarningKind.MISSING_KEY,
  unknown_price: ConfigWarningKind.UNKNOWN_PRICE,
  overridden_variable: ConfigWarningKind.OVERRIDDEN_VARIABLE,
  no_effect: ConfigWarningKind.NO_EFFECT,
};

export const warningsToProto = (warnings: readonly ConfigWarning[], style: FieldStyle) =>
  warnings.map(
    ({ path, kind, message }): MessageInitShape<typeof ConfigWarningSchema> =>
      create(ConfigWarningSchema, {
        field: fieldName(protoPathOf(path), style),
        kind: WARNING_KIND[kind],
        description: message,
      }),
  );

/** Where each field of the configuration in force comes from. */
export type PartSources = Readonly<{
  isPublished: boolean;
  /** Variables that are set, by field. */
  variables: ReadonlyMap<string, readonly string[]>;
}>;

export function partsToProto({ isPublished, variables }: PartSources): ConfigPart[] {
  return RoutingConfigSchema.fields.map(({ name }) => {
    const set = variables.get(name) ?? [];
    const unpublished = set.length > 0 ? ConfigSource.ENVIRONMENT : ConfigSource.PRESET;
    return create(ConfigPartSchema, {
      field: name,
      source: isPublished ? ConfigSource.DATABASE : unpublished,
      overriddenVariables: isPublished ? [...set] : [],
    });
  });
}
