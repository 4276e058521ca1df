/** What the primary and its workers say to each other, and the check of what arrives. */
import { ROLES, type Role } from "../access/types.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Environment } from "../settings/environment.ts";
import type { MetricsSnapshot } from "../telemetry/snapshot.ts";

export type SandboxAddress = Pick<Sandbox, "url" | "baseUrls">;

/** How a reload ended: every worker has the settings; they are wrong; not every worker has said that it has them. */
export type ReloadOutcome = Readonly<
  | { kind: "done"; changed: readonly string[] }
  | { kind: "refused"; problems: readonly string[] }
  | { kind: "incomplete" }
>;

/** From the primary. An `id` goes with the answer to it. */
export type PrimaryMessage = Readonly<
  | {
      type: "start";
      /** The settings are read from it. */
      environment: Environment;
      /** Where keys and base URLs are read from, once they were reloaded. */
      reloaded?: Environment;
      sandbox?: SandboxAddress;
    }
  | { type: "reload"; id: number; environment: Environment }
  | { type: "reload_ended"; id: number; outcome: ReloadOutcome }
  | { type: "snapshot_wanted"; id: number }
  | { type: "metrics"; id: number; text: string }
  /** The files are to be read again. */
  | { type: "certificates" }
  | { type: "drain" }
>;

/** From a worker. */
export type WorkerMessage = Readonly<
  | { type: "hello" }
  | {
      type: "listening";
      grpcPort: number;
      httpPort: number;
      metricsPort?: number;
      adminPort?: number;
      retired: readonly string[];
      openTo?: Role;
    }
  | { type: "failed"; explanation: string }
  | { type: "reload_wanted"; id: number }
  | { type: "reloaded"; id: number; changed: readonly string[] }
  | { type: "metrics_wanted"; id: number }
  /** Without an `id` nobody asked for it. */
  | { type: "snapshot"; id?: number; metrics: MetricsSnapshot }
>;

export type StartMessage = Extract<PrimaryMessage, { type: "start" }>;

type Check = (value: unknown) => boolean;
/** A check for every field of every message: the compiler asks for those of a new one. */
type Shapes<M extends { type: string }> = {
  readonly [T in M["type"]]: { readonly [K in Exclude<keyof Extract<M, { type: T }>, "type">]-?: Check };
};

const isNumber: Check = (value) => Number.isSafeInteger(value);
const isText: Check = (value) => typeof value === "string";
const isRole: Check = (value) => ROLES.some((role) => role === value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isEnvironment: Check = (value) => isObject(value) && Object.values(value).every(maybe(isText));
const isSandbox: Check = (value) =>
  isObject(value) &&
  isText(value.url) &&
  isObject(value.baseUrls) &&
  Object.values(value.baseUrls).every(isText);
const isOutcome: Check = (value) => {
  if (!isObject(value)) return false;
  if (value.kind === "done") return isTexts(value.changed);
  return value.kind === "refused" ? isTexts(value.problems) : value.kind === "incomplete";
};
/** As far as adding up and rendering rely on it. */
const isSnapshot: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (metric) =>
      isObject(metric) &&
      [metric.name, metric.help, metric.type].every(isText) &&
      AGGREGATORS.has(metric.aggregator) &&
      Array.isArray(metric.values) &&
      metric.values.every(isSeries),
  );
const AGGREGATORS: ReadonlySet<unknown> = new Set(["sum", "first", "min", "max", "average", "omit"]);
const isSeries: Check = (value) =>
  isObject(value) && typeof value.value === "number" && isObject(value.labels);

const FROM_PRIMARY: Shapes<PrimaryMessage> = {
  start: { environment: isEnvironment, reloaded: maybe(isEnvironment), sandbox: maybe(isSandbox) },
  reload: { id: isNumber, environment: isEnvironment },
  reload_ended: { id: isNumber, outcome: isOutcome },
  snapshot_wanted: { id: isNumber },
  metrics: { id: isNumber, text: isText },
  certificates: {},
  drain: {},
};

const FROM_WORKER: Shapes<WorkerMessage> = {
  hello: {},
  listening: {
    grpcPort: isNumber,
    httpPort: isNumber,
    metricsPort: maybe(isNumber),
    adminPort: maybe(isNumber),
    retired: isTexts,
    openTo: maybe(isRole),
  },
  failed: { explanation: isText },
  reload_wanted: { id: isNumber },
  reloaded: { id: isNumber, changed: isTexts },
  metrics_wanted: { id: isNumber },
  snapshot: { id: maybe(isNumber), metrics: isSnapshot },
};

/** Undefined: not a message of the primary. */
export const readPrimaryMessage = (value: unknown): PrimaryMessage | undefined =>
  matches(value, FROM_PRIMARY) ? (value as PrimaryMessage) : undefined;

/** Undefined: not a message of a worker. */
export const readWorkerMessage = (value: unknown): WorkerMessage | undefined =>
  matches(value, FROM_WORKER) ? (value as WorkerMessage) : undefined;

function matches(value: unknown, shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>): boolean {
  if (!isObject(value) || typeof value.type !== "string" || !Object.hasOwn(shapes, value.type)) return false;
  return Object.entries(shapes[value.type] ?? {}).every(([field, check]) => check(value[field]));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
