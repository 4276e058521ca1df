import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  DiffConfigResponseSchema,
  GetConfigResponseSchema,
  ListConfigVersionsResponseSchema,
  PublishConfigResponseSchema,
  RollbackConfigResponseSchema,
  ValidateConfigResponseSchema,
} from "../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import type { RoutingConfig } from "../../gen/modeltier/v1/routing_config_pb.js";
import type { Active, ActiveConfig } from "../config/active-config.ts";
import type { ConfigVersions, Published } from "../config/config-versions.ts";
import type { ConfigDocument } from "../config/document.ts";
import type { ConfigWarning } from "../config/warnings.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import { auditPage, type ListAudit } from "./audit-list.ts";
import { type BacktestDeps, backtestStream } from "./backtest-stream.ts";
import { withConfigErrors } from "./config-errors.ts";
import {
  changesToProto,
  partsToProto,
  versionToProto,
  violationsToProto,
  warningsToProto,
} from "./convert/config.ts";
import { configToProto } from "./convert/routing-config.ts";
import { fieldStyleOf } from "./guard.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { readConfig } from "./validate/config.ts";
import { findVersionNumber, pageSizeOf, publicationOf, versionNumber } from "./validate/config-requests.ts";
import { InvalidRequestError } from "./validate/violations.ts";

export type ConfigServiceDeps = Readonly<{
  active: ActiveConfig;
  versions: ConfigVersions;
  validate(document: ConfigDocument): readonly ConfigProblem[];
  /** And whether an experiment that runs lets it be published. */
  validateToPublish(document: ConfigDocument): readonly ConfigProblem[];
  /** What an operator should know of a valid document today, where it is published or is going to be. */
  warn(document: ConfigDocument): readonly ConfigWarning[];
  /** Variables that were set at the start, by the top-level field they speak of. */
  variables: ReadonlyMap<string, readonly string[]>;
  backtest: BacktestDeps;
  /** @throws ConfigStoreUnavailableError */
  listAudit: ListAudit;
}>;

export function configService(deps: ConfigServiceDeps): ServiceEntry {
  const { active, versions, validate, validateToPublish, warn } = deps;
  /** The version asked for, else the one in force. */
  const find = async (version: number | undefined): Promise<Active> =>
    version === undefined ? active.current : versions.get(version);
  /** @throws InvalidRequestError */
  const validDocument = (config: RoutingConfig | undefined, check: typeof validate): ConfigDocument => {
    const { document, violations } = readConfig(config, check, ["config"]);
    if (document === undefined || violations.length > 0) throw new InvalidRequestError(violations);
    return document;
  };
  const published = ({ next: { document, info }, before }: Published, context: HandlerContext) => ({
    version: versionToProto(info),
    warnings: warningsToProto(warn(document), fieldStyleOf(context)),
    changes: changesToProto(before.document, document),
  });

  return serviceEntry(ConfigService, {
    getConfig: ({ version }, context) =>
      withConfigErrors(async () => {
        const { document, info, fromSnapshot } = await find(findVersionNumber(version, ["version"]));
        const isInForce = (info?.version ?? 0) === active.version;
        const sources = { isPublished: info !== undefined, variables: deps.variables };
        return create(GetConfigResponseSchema, {
          version: versionToProto(info),
          config: configToProto(document),
          parts: isInForce ? partsToProto(sources) : [],
          warnings: warningsToProto(warn(document), fieldStyleOf(context)),
          versionInForce: BigInt(active.version),
          fromSnapshot: isInForce && fromSnapshot,
        });
      }),
    listConfigVersions: (request) =>
      withConfigErrors(async () => {
        const limit = pageSizeOf(request);
        const before = versionNumber(request.beforeVersion, ["before_version"]);
        const page = await versions.list(limit + 1, before === 0 ? undefined : before);
        const shown = page.slice(0, limit);
        const next = page.length > limit ? (shown.at(-1)?.version ?? 0) : 0;
        return create(ListConfigVersionsResponseSchema, {
          versions: shown.map(versionToProto),
          nextBeforeVersion: BigInt(next),
        });
      }),
    diffConfig: (request) =>
      withConfigErrors(async () => {
        const before = await versions.get(versionNumber(request.fromVersion, ["from_version"]));
        const after = await find(findVersionNumber(request.toVersion, ["to_version"]));
        return create(DiffConfigResponseSchema, {
          changes: changesToProto(before.document, after.document),
        });
      }),
    validateConfig: ({ config, compareWith }, context) =>
      withConfigErrors(async () => {
        const style = fieldStyleOf(context);
        const { document, violations } = readConfig(config, validateToPublish, []);
        const before = await find(findVersionNumber(compareWith, ["compare_with"]));
        return create(ValidateConfigResponseSchema, {
          violations: violationsToProto(violations, style),
          warnings: document && violations.length === 0 ? warningsToProto(warn(document), style) : [],
          changes: document === undefined ? [] : changesToProto(before.document, document),
        });
      }),
    publishConfig: (request, context) =>
      withConfigErrors(async () => {
        const document = validDocument(request.config, validateToPublish);
        const basedOn = versionNumber(request.basedOn, ["based_on"]);
        const added = await versions.publish(document, basedOn, publicationOf(request, "", context));
        return create(PublishConfigResponseSchema, published(added, context));
      }),
    rollbackConfig: (request, context) =>
      withConfigErrors(async () => {
        const version = versionNumber(request.version, ["version"]);
        const basedOn = findVersionNumber(request.basedOn, ["based_on"]);
        const by = publicationOf(request, `Roll back to version ${version}`, context);
        const added = await versions.rollBack(version, basedOn, by);
        return create(RollbackConfigResponseSchema, published(added, context));
      }),
    backtestConfig: (request, context) =>
      backtestStream(request, validDocument(request.config, validate), deps.backtest, context.signal),
    listAuditEntries: (request) => withConfigErrors(() => auditPage(request, deps.listAudit)),
  });
}
