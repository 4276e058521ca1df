/** The environment, read once into one frozen value. Every problem is reported at once, by the name of its variable. */
import { isAbsolute, join, resolve } from "node:path";
import {
  type AttemptTimers,
  DELIVERIES,
  type Delivery,
  type ModelTarget,
  PROMPT_CACHE_POLICIES,
  type PromptCachePolicy,
  TIERS,
  type Tier,
} from "../routing/types.ts";
import { DURABILITIES, type Durability, LEAST_CAP_BYTES } from "../store/spool/limits.ts";
import { ACCESS_VARIABLES, type AccessSettings, readAccess } from "./access.ts";
import { ADMISSION_VARIABLES, type AdmissionSettings, readAdmission } from "./admission.ts";
import { CONNECTION_VARIABLES, type ConnectionSettings, readConnections } from "./connections.ts";
import type { Environment } from "./environment.ts";
import { type LimitSettings, readLimits } from "./limits.ts";
import { readPrivateUpstreams } from "./outbound.ts";
import { PROMPT_VARIABLES, type PromptSettings, readPrompts } from "./prompts.ts";
import { type ProviderSettings, readCustomKeys, readProviders } from "./providers.ts";
import { SettingsReader } from "./reader.ts";
import { listRoutingVariables } from "./routing-variables.ts";
import { readTracing, type TracingSettings } from "./tracing.ts";

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Settings = Readonly<{
  host: string;
  grpcPort: number;
  httpPort: number;
  /** Where /metrics is served in place of the HTTP port; absent: on the admin port where there is one, or on the HTTP port. */
  metricsPort?: number;
  /** Where the admin page and what takes an operator are served, and nowhere else; absent: on the two ports. */
  adminPort?: number;
  /** The address of these two. */
  privateHost: string;
  /** Processes that serve behind the two ports. More than one only with `databaseUrl`. */
  workers: number;
  /** Absolute. */
  dataDir: string;
  /** Absent: the embedded database in `dataDir`. */
  databaseUrl?: string;
  /** When a record is safe: on the disk, or with the kernel. */
  durability: Durability;
  /** Where records wait for the database. Absolute. */
  spoolDir: string;
  /** The most that they may take there, for this process. */
  spoolBytes: number;
  /** For how long executions are kept in the database; absent: for good. */
  retentionDays?: number;
  preset: "classic" | "current";
  /** What to do with models past their retirement day; absent: as the preset says. */
  retiredModels?: "substitute" | "skip" | "try";
  /** Targets that replace the preset's, tier by tier. */
  tierTargets: Readonly<Partial<Record<Tier, readonly ModelTarget[]>>>;
  /** A second attempt beside a late one; absent: as the preset says. */
  hedging?: boolean;
  /** Which calls ask providers to cache their prompt; absent: as the preset says. */
  promptCache?: PromptCachePolicy;
  /** Limits of an attempt that replace those of every tier. */
  timers: Partial<AttemptTimers>;
  /** By tier and by model; these win over `timers`. */
  limits: LimitSettings;
  providers: readonly ProviderSettings[];
  /** Keys a published configuration may ask for, by variable: those that end in _API_KEY. */
  customKeys: Readonly<Record<string, string>>;
  /** Variables that are set and say something about routing. */
  routingVariables: readonly string[];
  /** Every variable that these settings come from, as it was set; some are secrets. Undefined: it was not set. */
  variables: ReadonlyMap<string, string | undefined>;
  /** The sandbox answers in place of the providers. */
  sandbox: boolean;
  sandboxPort: number;
  sandboxTokensPerSecond: number;
  /** Addresses and networks that providers of a published configuration may be at, beside public ones. */
  privateUpstreams: readonly string[];
  allowImageUrls: boolean;
  /** Of a call that names none; absent: as the preset says. */
  delivery?: Delivery;
  access: AccessSettings;
  connections: ConnectionSettings;
  admission: AdmissionSettings;
  /** Signs decision tokens, at least 32 characters; absent: a random one, known to this service alone. */
  tokenSecret?: string;
  /** How long a decision token holds. */
  tokenLifetimeMs: number;
  /** What becomes of calls under a budget of which nothing is at hand while the database is away. */
  budgetWithoutDatabase: "refuse" | "allow";
  /** How long a slice of a budget outlives the replica that holds it. */
  budgetLeaseMs: number;
  logLevel: LogLevel;
  /** What becomes of the texts of prompts and answers. */
  prompts: PromptSettings;
  /** How long calls in flight may take to end at a stop. */
  graceMs: number;
  /** Absent: calls are not traced. */
  tracing?: TracingSettings;
}>;

const KNOWN = new Set(
  [
    "ADDRESS KEY GRPC_PORT HTTP_PORT METRICS_PORT ADMIN_PORT PRIVATE_HOST WORKERS HOST DATA_DIR PRESET RETIRED_MODELS PROVIDERS SANDBOX SANDBOX_PORT",
    "SANDBOX_TOKENS_PER_SECOND ALLOW_IMAGE_URLS PRIVATE_UPSTREAMS DELIVERY TOKEN_SECRET TOKEN_LIFETIME_SECONDS GRACE_SECONDS TIER_FAST TIER_BALANCED TIER_POWERFUL",
    "HEDGING PROMPT_CACHE LIMITS HEADERS_TIMEOUT_MS FIRST_TOKEN_TIMEOUT_MS BYTE_SILENCE_MS CONTENT_SILENCE_MS",
    "DURABILITY SPOOL_DIR SPOOL_BYTES RETENTION_DAYS BUDGET_WITHOUT_DATABASE BUDGET_LEASE_SECONDS",
    ACCESS_VARIABLES,
    ADMISSION_VARIABLES,
    CONNECTION_VARIABLES,
    PROMPT_VARIABLES,
  ]
    .join(" ")
    .split(" ")
    .map((name) => `MODELTIER_${name}`),
);

/** @throws SettingsError naming every variable that is wrong */
export function readSettings(environment: Environment, folder: string): Settings {
  const reader = new SettingsReader(environment);
  const providers = readProviders(reader);
  const ids = new Set(providers.map(({ id }) => id));
  const dataDir = reader.text("MODELTIER_DATA_DIR") ?? "data";
  const settings: Settings = {
    host: reader.text("MODELTIER_HOST") ?? "127.0.0.1",
    grpcPort: reader.port("MODELTIER_GRPC_PORT", 50_051),
    httpPort: reader.port("MODELTIER_HTTP_PORT", 8080),
    metricsPort: readPrivatePort(reader, "MODELTIER_METRICS_PORT"),
    adminPort: readPrivatePort(reader, "MODELTIER_ADMIN_PORT"),
    privateHost: reader.text("MODELTIER_PRIVATE_HOST") ?? "127.0.0.1",
    workers: readWorkers(reader),
    dataDir: absolute(dataDir, folder),
    databaseUrl: reader.url("DATABASE_URL", ["postgres", "postgresql"], undefined),
    durability: reader.choice("MODELTIER_DURABILITY", DURABILITIES, "os"),
    spoolDir: absolute(reader.text("MODELTIER_SPOOL_DIR") ?? join(dataDir, "spool"), folder),
    spoolBytes: readSpoolBytes(reader),
    retentionDays: readRetention(reader),
    preset: reader.choice("MODELTIER_PRESET", ["classic", "current"], "classic"),
    retiredModels: readRetiredModels(reader),
    tierTargets: readTierTargets(reader, ids),
    hedging: reader.flag("MODELTIER_HEDGING", undefined),
    promptCache: readPromptCache(reader),
    timers: readTimers(reader),
    limits: readLimits(reader, ids),
    providers,
    customKeys: readCustomKeys(environment),
    routingVariables: listRoutingVariables(reader),
    variables: reader.asked,
    sandbox: reader.flag("MODELTIER_SANDBOX", undefined) ?? providers.every(hasNoKey),
    sandboxPort: reader.port("MODELTIER_SANDBOX_PORT", 8090),
    sandboxTokensPerSecond: reader.positive("MODELTIER_SANDBOX_TOKENS_PER_SECOND", 200),
    privateUpstreams: readPrivateUpstreams(reader),
    allowImageUrls: reader.flag("MODELTIER_ALLOW_IMAGE_URLS", false),
    delivery: readDelivery(reader),
    access: readAccess(reader),
    connections: readConnections(reader),
    admission: readAdmission(reader),
    prompts: readPrompts(reader),
    tokenSecret: readTokenSecret(reader),
    tokenLifetimeMs: 1_000 * reader.positive("MODELTIER_TOKEN_LIFETIME_SECONDS", 300),
    budgetWithoutDatabase: reader.choice("MODELTIER_BUDGET_WITHOUT_DATABASE", ["refuse", "allow"], "refuse"),
    budgetLeaseMs: readBudgetLease(reader),
    logLevel: reader.choice("LOG_LEVEL", LOG_LEVELS, "info"),
    graceMs: 1000 * reader.positive("MODELTIER_GRACE_SECONDS", 30),
    tracing: readTracing(reader, environment),
  };
  reader.throwIfWrong();
  return Object.freeze(settings);
}

/** A configured server that needs no key counts as one we have a key for. */
const hasNoKey = ({ apiKey, keyRequired }: ProviderSettings): boolean => keyRequired && apiKey === undefined;

/** Variables that look like ours and are not, most likely misspelt. */
export function listUnknownVariables(environment: Environment): readonly string[] {
  return Object.keys(environment).filter((name) => name.startsWith("MODELTIER_") && !KNOWN.has(name));
}

const absolute = (path: string, folder: string): string => (isAbsolute(path) ? path : resolve(folder, path));

const MIB = 1024 * 1024;

/** Some hours of an outage at 100 calls/s; see the spool's README. */
function readSpoolBytes(reader: SettingsReader): number {
  const bytes = reader.count("MODELTIER_SPOOL_BYTES", 512 * MIB, Number.MAX_SAFE_INTEGER);
  if (bytes < LEAST_CAP_BYTES)
    reader.problem("MODELTIER_SPOOL_BYTES", `is ${bytes}; use at least ${LEAST_CAP_BYTES}`);
  return bytes;
}

/** A century. */
const MOST_DAYS = 36_525;

function readRetention(reader: SettingsReader): number | undefined {
  const name = "MODELTIER_RETENTION_DAYS";
  return reader.text(name) === undefined ? undefined : reader.count(name, 1, MOST_DAYS);
}

const MOST_WORKERS = 256;

/** The embedded database belongs to one process, so several need Postgres. */
function readWorkers(reader: SettingsReader): number {
  const workers = reader.count("MODELTIER_WORKERS", 1, MOST_WORKERS);
  if (workers > 1 && reader.text("DATABASE_URL") === undefined) {
    reader.problem(
      "MODELTIER_WORKERS",
      `is ${workers} and DATABASE_URL is not set: the embedded database serves one process; give a Postgres, or use 1`,
    );
  }
  return workers;
}

function readPrivatePort(reader: SettingsReader, name: string): number | undefined {
  return reader.text(name) === undefined ? undefined : reader.port(name, 0);
}

function readTokenSecret(reader: SettingsReader): string | undefined {
  const secret = reader.text("MODELTIER_TOKEN_SECRET");
  if (secret !== undefined && secret.length < 32) {
    reader.problem("MODELTIER_TOKEN_SECRET", "is too short to sign with: use at least 32 random characters");
  }
  return secret;
}

/** Renewed four times in its time, so a very short one would keep the database busy with nothing else. */
function readBudgetLease(reader: SettingsReader): number {
  const seconds = reader.positive("MODELTIER_BUDGET_LEASE_SECONDS", 120);
  if (seconds < 1) reader.problem("MODELTIER_BUDGET_LEASE_SECONDS", `is "${seconds}"; use at least 1`);
  return 1_000 * seconds;
}

function readRetiredModels(reader: SettingsReader): Settings["retiredModels"] {
  if (reader.text("MODELTIER_RETIRED_MODELS") === undefined) return undefined;
  return reader.choice<"substitute" | "skip" | "try">(
    "MODELTIER_RETIRED_MODELS",
    ["substitute", "skip", "try"],
    "substitute",
  );
}

function readPromptCache(reader: SettingsReader): Settings["promptCache"] {
  if (reader.text("MODELTIER_PROMPT_CACHE") === undefined) return undefined;
  return reader.choice("MODELTIER_PROMPT_CACHE", PROMPT_CACHE_POLICIES, "sessions");
}

function readDelivery(reader: SettingsReader): Settings["delivery"] {
  if (reader.text("MODELTIER_DELIVERY") === undefined) return undefined;
  return reader.choice("MODELTIER_DELIVERY", DELIVERIES, "LIVE");
}

const TIMER_VARIABLES: Readonly<Record<keyof AttemptTimers, string>> = {
  headersMs: "MODELTIER_HEADERS_TIMEOUT_MS",
  firstTokenMs: "MODELTIER_FIRST_TOKEN_TIMEOUT_MS",
  byteSilenceMs: "MODELTIER_BYTE_SILENCE_MS",
  contentSilenceMs: "MODELTIER_CONTENT_SILENCE_MS",
};
/** No call lasts longer, so no limit of one is. */
const LONGEST_TIMER_MS = 900_000;

function readTimers(reader: SettingsReader): Settings["timers"] {
  const read = Object.entries(TIMER_VARIABLES).map(([timer, name]) => [
    timer,
    reader.milliseconds(name, LONGEST_TIMER_MS),
  ]);
  return Object.fromEntries(read.filter(([, limitMs]) => limitMs !== undefined));
}

function readTierTargets(reader: SettingsReader, providers: ReadonlySet<string>): Settings["tierTargets"] {
  const tiers: Partial<Record<Tier, readonly ModelTarget[]>> = {};
  for (const tier of TIERS) {
    const name = `MODELTIER_TIER_${tier.toUpperCase()}`;
    const targets = reader.list(name).flatMap((item) => readTarget(reader, name, item, providers));
    if (targets.length > 0) tiers[tier] = targets;
  }
  return tiers;
}

function readTarget(
  reader: SettingsReader,
  name: string,
  item: string,
  providers: ReadonlySet<string>,
): readonly ModelTarget[] {
  const slash = item.indexOf("/");
  const provider = item.slice(0, Math.max(slash, 0));
  const model = item.slice(slash + 1);
  if (provider === "" || model === "") {
    reader.problem(name, `holds "${item}"; write targets as provider/model, with commas between them`);
  } else if (!providers.has(provider)) {
    reader.problem(name, `names provider "${provider}"; there are ${[...providers].join(", ")}`);
  } else {
    return [{ provider, model }];
  }
  return [];
}
