/** How long connections of callers are kept that nothing comes from. */
import type { SettingsReader } from "./reader.ts";

export type ConnectionSettings = Readonly<{
  /** A peer that is silent is asked for a sign of life after this, in ms, and given `keepaliveTimeoutMs` to answer. */
  keepaliveMs: number;
  keepaliveTimeoutMs: number;
  /** A connection without calls is closed after this, in ms. */
  idleMs: number;
}>;

export const USUAL_CONNECTIONS: ConnectionSettings = {
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  idleMs: 300_000,
};

/** By their names without MODELTIER_. */
export const CONNECTION_VARIABLES = "KEEPALIVE_MS KEEPALIVE_TIMEOUT_MS IDLE_CONNECTION_MS";

const DAY_MS = 24 * 3_600_000;

export const readConnections = (reader: SettingsReader): ConnectionSettings => ({
  keepaliveMs: reader.milliseconds("MODELTIER_KEEPALIVE_MS", DAY_MS) ?? USUAL_CONNECTIONS.keepaliveMs,
  keepaliveTimeoutMs:
    reader.milliseconds("MODELTIER_KEEPALIVE_TIMEOUT_MS", DAY_MS) ?? USUAL_CONNECTIONS.keepaliveTimeoutMs,
  idleMs: reader.milliseconds("MODELTIER_IDLE_CONNECTION_MS", DAY_MS) ?? USUAL_CONNECTIONS.idleMs,
});
