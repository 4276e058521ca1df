/** The composition: settings in, a running service out. Nothing is built or connected anywhere else. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Access } from "../access/access.ts";
import { outcomeWaitMs } from "../agent-score/settings.ts";
import type { CompletionCall } from "../completion/call.ts";
import { decideWithinBudgets } from "../completion/call-funds.ts";
import { complete } from "../completion/complete.ts";
import { completeOnce } from "../completion/complete-once.ts";
import { listMissingKeys } from "../config/warnings.ts";
import { DecisionTokens } from "../decision-token/decision-tokens.ts";
import { createIdempotency } from "../idempotency/idempotency.ts";
import { isRetired } from "../pricing/catalogue.ts";
import { ProviderHub } from "../providers/hub.ts";
import { publicAnd } from "../providers/outbound.ts";
import { createTransport } from "../providers/transport.ts";
import { type RoutingConfig, TIERS, targetKey } from "../routing/types.ts";
import { accessService } from "../rpc/access-service.ts";
import { admitter } from "../rpc/admit.ts";
import { authorizer } from "../rpc/authorize.ts";
import { callersOnly } from "../rpc/callers-only.ts";
import { armDocument } from "../rpc/convert/arm-config.ts";
import { configCodec } from "../rpc/convert/config-codec.ts";
import { experimentService } from "../rpc/experiment-service.ts";
import { listenGrpc } from "../rpc/grpc.ts";
import { guard } from "../rpc/guard.ts";
import { providerService } from "../rpc/provider-service.ts";
import { routerService } from "../rpc/router-service.ts";
import { openTls } from "../rpc/tls.ts";
import { findTrace, traced } from "../rpc/traced.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Settings } from "../settings/settings.ts";
import { openDatabase } from "../store/database.ts";
import { migrateUntilDone } from "../store/migrations/migrate-until-done.ts";
import type { Log } from "../telemetry/log.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { addTargetGauge } from "../telemetry/target-metrics.ts";
import { startAccess } from "./access.ts";
import { startAdmission } from "./admission.ts";
import { startAgentScores } from "./agent-scores.ts";
import { startAnalytics } from "./analytics.ts";
import type { Running } from "./banner.ts";
import { startBudgets } from "./budgets.ts";
import { configAdmin } from "./config-admin.ts";
import { openConfiguration } from "./configuration.ts";
import { engineOf } from "./engine.ts";
import { startExperiments } from "./experiments.ts";
import { followConfig } from "./follow-config.ts";
import { openHttpDoors } from "./http-doors.ts";
import { startLimits } from "./limits.ts";
import { openRecorder } from "./open-recorder.ts";
import { openSandbox } from "./open-sandbox.ts";
import { openTracing } from "./open-tracing.ts";
import { startPrompts } from "./prompts.ts";
import { watchQuality } from "./quality.ts";
import { reloadProviders } from "./reload-providers.ts";
import { startRetention } from "./retention.ts";
import { collectStartupGarbage } from "./startup-garbage.ts";

export type Service = Readonly<{
  running: Running;
  metrics: Metrics;
  /** Takes keys and base URLs from the settings, and nothing else. @returns the ids of the providers that differ */
  reload(settings: Settings): readonly string[];
  /** Reads certificates and revocation lists again, where there are any. */
  reloadCertificates(): void;
  /** Stops taking calls, lets those in flight end within the grace, writes the last records. Safe to call twice. */
  stop(): Promise<void>;
}>;

export type ServiceOptions = Readonly<{
  settings: Settings;
  log: Log;
  /**
   * Reads the settings again and has this process, and every other behind its ports, take keys and base URLs from them.
   * Gives the ids of the providers that differ. Rejects with SettingsError.
   * @param take for this process
   */
  reloadProviders(take: (settings: Settings) => readonly string[]): Promise<readonly string[]>;
  /** Absent: this process serves alone. */
  shared?: Shared;
}>;

/** What several processes behind the same ports have in common, for one of them. The tables are up to date, too. */
export type Shared = Readonly<{
  /** Absent: the real providers answer. */
  sandbox?: Pick<Sandbox, "url" | "baseUrls">;
  /** The metrics of all. */
  renderMetrics(): Promise<string>;
}>;

/** The first calls of a new service are not to be held up by the collector. */
const SETTLED_AFTER_MS = 2_000;
/** For the last statuses to leave once the grace is over. */
const GOODBYE_MS = 500;
/** For the last spans to reach the collector. */
const FLUSH_MS = 5_000;

export async function startService(options: ServiceOptions): Promise<Service> {
  const { settings, log, shared } = options;
  const metrics = createMetrics();
  log.onDrop?.(() => metrics.logLinesDropped.inc());
  const [database, ownSandbox] = await Promise.all([
    openDatabase({ url: settings.databaseUrl, dataDir: settings.dataDir, log }),
    settings.sandbox && shared === undefined ? openSandbox(settings, log) : undefined,
  ]);
  const sandbox = shared?.sandbox ?? ownSandbox;
  const closing = new AbortController();
  const migrated = shared ? undefined : migrateUntilDone(database.migrate, { log, signal: closing.signal });
  // Postgres may be down for a while: records wait for it, and calls do not need it.
  if (database.engine === "pglite") await migrated;
  const { access, keys, ...ofAccess } = startAccess({ settings, database, log });
  const transport = createTransport({ isAllowed: publicAnd(settings.privateUpstreams) });
  const configuration = await openConfiguration({ settings, database, codec: configCodec, log, migrated });
  const { active } = configuration;
  const recorder = await openRecorder({
    settings,
    database,
    outcomeWaitMs: () => outcomeWaitMs(active.current.config),
    log,
    metrics,
  });
  const sandboxBaseUrls = sandbox?.baseUrls;
  const hub = new ProviderHub(transport, settings.providers, settings.sandbox ? sandboxBaseUrls : undefined);
  const config = (): RoutingConfig => active.current.config;
  const tracing = await openTracing(settings, hub, log);
  // Both wait a little for a database that does not answer: at the same time, since the one tells nothing of the other.
  const [{ budgets, admin, ...ofBudgets }] = await Promise.all([
    startBudgets({ settings, database, metrics, log }),
    ofAccess.ready(),
  ]);
  sayOpen(access, log);
  const { attemptsPerProvider } = settings.admission;
  const limits = startLimits({ limitsOf: ofAccess.limitsOf, database, metrics, log });
  const experiments = startExperiments({
    database,
    active,
    documentOf: (inForce, arm) => armDocument(inForce, arm, configuration.validate, []).document,
    resolve: configuration.resolve,
    log,
  });
  await experiments.ready();
  const agentScores = startAgentScores({
    database,
    config,
    isServed: () => [config(), ...experiments.configs()].some(({ agentScore }) => agentScore?.serve === true),
    log,
  });
  const engine = engineOf({
    config,
    draw: experiments.draw,
    configOf: experiments.configOf,
    historyOf: agentScores.historyOf,
    hub,
    budgets,
    recorder,
    metrics,
    attemptsPerProvider,
    observing: limits.counting,
    log,
  });
  const { admission, ...ofAdmission } = startAdmission(settings.admission, metrics);
  const door = limits.before(admission);
  const idempotency = createIdempotency({ db: database.db, log });
  const retention = startRetention({ settings, database, metrics, log });
  const analytics = startAnalytics({ database, config, log });
  const prompts = startPrompts({ settings, database, metrics, log });
  addTargetGauge(metrics.registry, config);
  const quality = watchQuality({
    registry: metrics.registry,
    config,
    fleet: agentScores.fleet,
    today: () => engine.state().today,
  });
  const life = new Lifecycle();

  const following = followConfig({ active, settings, hub, health: engine.health, metrics, sandboxBaseUrls });
  const { reload } = following;

  /** The same behind every door. */
  const calls = {
    ...prompts.follow({
      complete: (call: CompletionCall) => complete(call, engine.deps),
      completeOnce: (call: CompletionCall) => completeOnce(call, engine.deps),
    }),
    rules: { allowImageUrls: settings.allowImageUrls },
  };
  const services = [
    routerService({
      ...calls,
      decide: (request, keyId) => decideWithinBudgets(request, engine.deps, keyId),
      tokens: new DecisionTokens({
        secret: settings.tokenSecret,
        lifetimeMs: settings.tokenLifetimeMs,
        config: (experiment) => (experiment === undefined ? config() : experiments.configOf(experiment)),
        stateFor: engine.stateFor,
        health: engine.health,
        wallMs: ofAccess.nowMs,
      }),
      idempotency,
      ...(tracing && { findTrace }),
    }),
    providerService({
      hub,
      config,
      state: engine.state,
      reload: (author) =>
        reloadProviders(author, {
          reload: () => options.reloadProviders(reload),
          started: settings,
          latest: following.settings,
          active,
          state: engine.state,
          database,
          log,
        }),
    }),
    configAdmin({
      configuration,
      settings: following.settings,
      database,
      state: engine.state,
      seen: quality.seen,
      listConflicts: experiments.listConflicts,
    }),
    experimentService({
      db: database.db,
      active,
      validate: configuration.validate,
      refresh: experiments.refresh,
      log,
    }),
    accessService({ budgets: admin, keys, log }),
    prompts.service,
    ...analytics.services,
  ]
    .map((entry) => guard(entry, { authorize: authorizer(access), admit: admitter(door), log }))
    .map((entry) => (tracing === undefined ? entry : traced(entry, tracing.tracer)));

  const openAi = {
    ...calls,
    models: () => ({ config: config(), state: engine.state() }),
    door,
    shutdownSignal: life.shutdownSignal,
    wallMs: Date.now,
    log,
    tracer: tracing?.tracer,
  };
  const { host, grpcPort, adminPort } = settings;
  const publicServices = adminPort === undefined ? services : services.map(callersOnly);
  const tls = settings.access.tls && openTls(settings.access.tls, log);
  const { shutdownSignal } = life;
  // One after the other: workers that ask for port 0 share what they ask for in the same order.
  const grpc = await listenGrpc({
    host,
    port: grpcPort,
    services: publicServices,
    ...(tls && { tls }),
    connections: settings.connections,
    access,
    shutdownSignal,
  });
  const renderMetrics = shared?.renderMetrics ?? (() => metrics.registry.metrics());
  const http = await openHttpDoors({
    settings,
    services: publicServices,
    allServices: services,
    ...(tls && { tls }),
    connections: settings.connections,
    access,
    shutdownSignal,
    routes: {
      renderMetrics,
      findObstacle: () => life.obstacle,
      listDetails: () => listMissingKeys(config(), engine.state()),
      openAi,
      access,
    },
    log,
  });
  grpc.setServing(true);
  life.obstacle = undefined;
  void prepare(hub, life.shutdownSignal);

  const stop = async (): Promise<void> => {
    const graceEndsMs = performance.now() + settings.graceMs;
    life.obstacle = "the service is shutting down";
    grpc.setServing(false);
    analytics.endWatching();
    const drained = Promise.all([grpc.drain(), http.drain()]);
    await Promise.race([drained, sleep(settings.graceMs, undefined, { ref: false })]);
    retention.stop();
    agentScores.stop();
    experiments.stop();
    life.shutDown();
    await Promise.race([drained, sleep(GOODBYE_MS, undefined, { ref: false })]);
    ofAdmission.close();
    limits.close();
    grpc.close();
    http.close();
    tls?.close();
    const flushMs = Math.min(FLUSH_MS, Math.max(GOODBYE_MS, graceEndsMs - performance.now()));
    await Promise.all([recorder.close(), idempotency.close(), prompts.close(), tracing?.close(flushMs)]);
    await Promise.all([ofBudgets.close(), ofAccess.close()]);
    closing.abort();
    await configuration.close();
    await Promise.all([database.close(), transport.close(), ownSandbox?.close()]);
  };
  return {
    running: {
      settings,
      grpcPort: grpc.port,
      httpPort: http.httpPort,
      metricsPort: http.metricsPort,
      adminPort: http.adminPort,
      sandboxUrl: sandbox?.url,
      engine: database.engine,
      socketFolder: database.socketFolder,
      openTo: access.anonymous?.role,
      retired: listRetired(config(), engine.state().today),
    },
    metrics,
    reload,
    reloadCertificates: () => tls?.reload(),
    stop: () => life.once(stop),
  };
}

function sayOpen({ anonymous }: Access, log: Log): void {
  if (anonymous === undefined) return;
  const message = "nobody is asked for a key on this machine, until there is a first one";
  log.warn(message, { role: anonymous.role, make_one_with: "npm run keys -- create --role admin" });
}

/** What changes over the service's life, and what the parts may know of it. */
class Lifecycle {
  /** Why no calls are taken; undefined: they are. */
  obstacle: string | undefined = "the service is starting";
  readonly #shutdown = new AbortController();
  #stopping: Promise<void> | undefined;

  get shutdownSignal(): AbortSignal {
    return this.#shutdown.signal;
  }

  shutDown(): void {
    this.#shutdown.abort(new ConnectError("the service shut down", Code.Unavailable));
  }

  once(stop: () => Promise<void>): Promise<void> {
    this.#stopping ??= stop();
    return this.#stopping;
  }
}

/** For the first call to find, and not to wait for, once the service listens. */
async function prepare(hub: ProviderHub, signal: AbortSignal): Promise<void> {
  await Promise.all([...hub.current.providers.values()].map((provider) => provider.prepare()));
  setTimeout(() => {
    if (!signal.aborted) collectStartupGarbage();
  }, SETTLED_AFTER_MS).unref();
}

const listRetired = ({ tiers, catalogue }: RoutingConfig, today: string): readonly string[] => {
  const targets = TIERS.flatMap((tier) => tiers[tier].targets);
  const retired = targets.filter(({ provider, model }) => {
    const listed = catalogue.findModel(provider, model);
    return listed !== undefined && isRetired(listed, today);
  });
  return [...new Set(retired.map(targetKey))];
};
