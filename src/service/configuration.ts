/** The routing configuration of this process: where it begins, who is told of a new one, and how it follows the others. */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Active, ActiveConfig } from "../config/active-config.ts";
import { type ConfigCodec, ConfigVersions } from "../config/config-versions.ts";
import { type ConfigDocument, documentOf, resolveDocument } from "../config/document.ts";
import { ConfigFollower } from "../config/follower.ts";
import { readSnapshot, snapshotPath, writeSnapshot } from "../config/snapshot-file.ts";
import { validateDocument } from "../config/validate-document.ts";
import type { EnvironmentFacts } from "../config/warnings.ts";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { publicAnd } from "../providers/outbound.ts";
import type { RoutingConfig } from "../routing/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import { variablesByField } from "../settings/routing-variables.ts";
import type { Settings } from "../settings/settings.ts";
import { CONFIG_CHANNEL } from "../store/config-versions.ts";
import type { OpenDatabase } from "../store/database.ts";
import { startListener } from "../store/listener.ts";
import { connect, WATCHING_LIMITS } from "../store/pool.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { routingConfigOf } from "./routing-config.ts";
import { withFaultNames } from "./sandbox-catalogue.ts";

export type ConfigurationOptions = Readonly<{
  settings: Settings;
  database: Pick<OpenDatabase, "db">;
  codec: ConfigCodec;
  log: Log;
  /** Resolves when the tables are there; absent: others see to that. */
  migrated?: Promise<void>;
}>;

export type Configuration = Readonly<{
  active: ActiveConfig;
  versions: ConfigVersions;
  /** As the router reads it. */
  resolve(document: ConfigDocument, version: number): RoutingConfig;
  validate(document: ConfigDocument): readonly ConfigProblem[];
  /** What it would be if nothing were published. */
  environment: EnvironmentFacts;
  close(): Promise<void>;
}>;

/** For the database to say what is published before the service starts without its word. */
const FIRST_WORD_MS = 2_000;

/** @throws SettingsError when preset and environment make no valid configuration */
export async function openConfiguration(options: ConfigurationOptions): Promise<Configuration> {
  const { settings, database, codec, log, migrated } = options;
  const base = documentOf(routingConfigOf(settings));
  const resolve = (document: ConfigDocument, version: number): RoutingConfig => {
    const config = resolveDocument(document, version, CATALOGUE);
    return settings.sandbox ? { ...config, catalogue: withFaultNames(config.catalogue) } : config;
  };
  const begin: Active = { config: resolve(base, 0), document: base, fromSnapshot: false };
  const { catalogue } = begin.config;
  const isAllowed = publicAnd(settings.privateUpstreams);
  const validate = (document: ConfigDocument) =>
    validateDocument(document, { catalogue, providers: settings.providers.map(({ id }) => id), isAllowed });
  const kept = keeper(snapshotPath(settings.dataDir), codec, log);
  const active = new ActiveConfig(begin);
  active.follow((next) => {
    if (next === begin) return;
    log.info("a configuration is in force", {
      config_version: next.config.version,
      author: next.info?.author,
    });
    if (!next.fromSnapshot) kept.keep(next);
  });
  const watch = openWatch(database, settings, log);
  const versions = new ConfigVersions({
    watchDb: watch.db,
    db: database.db,
    active,
    codec,
    base,
    resolve,
    validate,
  });
  const follower = new ConfigFollower({ versions, active, log });

  const firstWord = (migrated ?? Promise.resolve()).then(() => follower.refresh());
  await Promise.race([firstWord, sleep(FIRST_WORD_MS, undefined, { ref: false })]);
  if (!follower.hasHeard) {
    const last = await readKept(options, { base, resolve, validate });
    if (last !== undefined && !follower.hasHeard) active.replace(last);
  }
  // The one process of an embedded database publishes itself.
  if (settings.databaseUrl !== undefined || !follower.hasHeard) follower.poll();
  sayWhatIsOverridden(active.current, settings, log);
  const listener = listenFor(() => void follower.refresh(), settings, log);
  return {
    active,
    versions,
    resolve,
    validate,
    environment: {
      base,
      variables: variablesByField(settings.routingVariables),
      providers: settings.providers.map(({ id }) => id),
    },
    close: async () => {
      await Promise.all([listener?.close(), follower.stop()]);
      await Promise.all([watch.close(), kept.written()]);
    },
  };
}

function sayWhatIsOverridden({ info }: Active, { routingVariables }: Settings, log: Log): void {
  if (info === undefined || routingVariables.length === 0) return;
  log.warn("a published configuration overrides the environment", {
    config_version: info.version,
    variables: routingVariables.join(" "),
  });
}

/** Keeps on disk what is in force, one write after the other; when nothing is published any more, nothing is kept. */
function keeper(path: string, codec: ConfigCodec, log: Log) {
  let last: Promise<void> = Promise.resolve();
  const keep = ({ info, document }: Active): void => {
    last = last
      .then(() =>
        info === undefined
          ? rm(path, { force: true })
          : writeSnapshot(path, { ...info, document: codec.encode(document) }),
      )
      .catch((error: unknown) =>
        log.warn("the configuration could not be kept on disk", { failure: nameOf(error) }),
      );
  };
  return { keep, written: () => last };
}

/** What was kept on disk; undefined when there is nothing, or nothing that can be run. */
async function readKept(
  { settings, codec, log }: ConfigurationOptions,
  {
    base,
    resolve,
    validate,
  }: Pick<Configuration, "resolve" | "validate"> & Readonly<{ base: ConfigDocument }>,
): Promise<Active | undefined> {
  const say = (failure: string) =>
    log.error("the configuration kept on disk cannot be used; preset and environment are in force", {
      failure,
    });
  try {
    const snapshot = await readSnapshot(snapshotPath(settings.dataDir));
    if (snapshot === undefined) return undefined;
    const { document: stored, ...info } = snapshot;
    const document = codec.decode(stored, base);
    const problems = validate(document).map(({ path, message }) => `${path} ${message}`);
    if (problems.length > 0) {
      say(problems.join("; "));
      return undefined;
    }
    log.warn("the database does not answer; the last good configuration on disk is in force", {
      config_version: info.version,
    });
    return { config: resolve(document, info.version), document, info, fromSnapshot: true };
  } catch (error) {
    say(nameOf(error));
    return undefined;
  }
}

/** A connection of its own to Postgres; the embedded database has one session for all. */
function openWatch({ db }: Pick<OpenDatabase, "db">, { databaseUrl }: Settings, log: Log) {
  if (databaseUrl === undefined) return { db, close: async () => undefined };
  const own = connect<Database>({ url: databaseUrl }, WATCHING_LIMITS, log);
  return { db: own, close: () => own.destroy() };
}

/** Nothing is said on the channel of an embedded database, whose one process publishes itself. */
const listenFor = (onNews: () => void, { databaseUrl }: Settings, log: Log) =>
  databaseUrl === undefined
    ? undefined
    : startListener({ url: databaseUrl, channel: CONFIG_CHANNEL, onNews, log });

const nameOf = (error: unknown): string => (error instanceof Error ? error.message : typeof error);
