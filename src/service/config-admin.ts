/** ConfigService over the configuration of this process. */
import { performance } from "node:perf_hooks";
import { runBacktest } from "../backtest/run.ts";
import type { ConfigDocument } from "../config/document.ts";
import { ConfigStoreUnavailableError } from "../config/errors.ts";
import type { SeenOutcomes } from "../config/outperformed.ts";
import { listOverridden, listWarnings } from "../config/warnings.ts";
import type { ProviderState } from "../routing/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import { configService } from "../rpc/config-service.ts";
import type { ServiceEntry } from "../rpc/service-entry.ts";
import type { Settings } from "../settings/settings.ts";
import { listAuditEntries } from "../store/audit-log.ts";
import type { OpenDatabase } from "../store/database.ts";
import { countRecorded, listRecorded } from "../store/recorded-executions.ts";
import type { Configuration } from "./configuration.ts";
import { customAvailability } from "./custom-providers.ts";

export type ConfigAdminDeps = Readonly<{
  configuration: Configuration;
  settings: () => Settings;
  database: Pick<OpenDatabase, "db">;
  state: () => ProviderState;
  /** What outcomes have taught of everyone's calls; undefined: nothing. */
  seen: () => SeenOutcomes | undefined;
  /** Why a document cannot be published while an experiment runs. */
  listConflicts: (document: ConfigDocument) => readonly ConfigProblem[];
}>;

export function configAdmin({
  configuration,
  settings,
  database,
  state,
  seen: seenNow,
  listConflicts,
}: ConfigAdminDeps): ServiceEntry {
  const { active, versions, resolve, validate, environment } = configuration;
  /** What is known of the providers once the document's own are among them. */
  const availability = (document: Parameters<typeof validate>[0]) =>
    customAvailability(state().providers, document.customProviders, settings(), state().sandbox);
  const seen = () => {
    const seen = seenNow();
    return seen === undefined ? {} : { seen };
  };
  return configService({
    active,
    versions,
    validate,
    validateToPublish: (document) => {
      const problems = validate(document);
      return problems.length > 0 ? problems : listConflicts(document);
    },
    warn: (document) => [
      ...listWarnings(resolve(document, 0), { ...state(), providers: availability(document), ...seen() }),
      ...listOverridden(document, environment, state()),
    ],
    listAudit: (limit, filter) => asked(listAuditEntries(database.db, limit, filter)),
    variables: environment.variables,
    backtest: {
      slot: { isTaken: false },
      wallMs: Date.now,
      run: (document, filter, options) =>
        runBacktest({
          ...options,
          source: {
            count: (most) => asked(countRecorded(database.db, filter, most)),
            page: (limit, after) => asked(listRecorded(database.db, filter, limit, after)),
          },
          candidate: {
            config: resolve(document, 0),
            state: { ...state(), providers: availability(document), targets: new Map() },
            billedBy: active.current.config.catalogue,
          },
          nowMs: () => performance.now(),
        }),
    },
  });
}

const asked = <T>(answer: Promise<T>): Promise<T> =>
  answer.catch((error: unknown) => {
    throw new ConfigStoreUnavailableError({ cause: error });
  });
