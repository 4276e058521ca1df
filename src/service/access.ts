/** Access of this process, put together: the keys, what the environment says, and whether it may listen at all. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Access } from "../access/access.ts";
import { GuessLimiter } from "../access/guess-limiter.ts";
import { KeyAdmin } from "../access/key-admin.ts";
import { type KeySnapshot, readKeySnapshot, writeKeySnapshot } from "../access/key-snapshot.ts";
import { KeyWatcher } from "../access/key-watcher.ts";
import { Keyring } from "../access/keyring.ts";
import { isLoopback } from "../access/loopback.ts";
import { readOrMakePepper } from "../access/pepper-file.ts";
import { Sessions } from "../access/sessions.ts";
import { SharedClock } from "../access/shared-clock.ts";
import type { KeyLimits } from "../limits/types.ts";
import { SettingsError } from "../settings/reader.ts";
import type { Settings } from "../settings/settings.ts";
import { KEYS_CHANNEL, keyStoreOf, listHeldKeys, readKeysState } from "../store/api-keys.ts";
import type { OpenDatabase } from "../store/database.ts";
import { failureFields } from "../store/failure.ts";
import { startListener } from "../store/listener.ts";
import type { Log } from "../telemetry/log.ts";

/** A start does not wait longer for the keys: Postgres may be away, and then those on disk count. */
const KNOWN_WITHIN_MS = 3_000;

export type AccessParts = Readonly<{
  settings: Settings;
  database: Pick<OpenDatabase, "db" | "engine">;
  log: Log;
}>;

export type RunningAccess = Readonly<{
  access: Access;
  keys: KeyAdmin;
  /** What a key may take; undefined: as much as it likes. */
  limitsOf: (keyId: string) => KeyLimits | undefined;
  /** The time of day, as all replicas on this database have it. */
  nowMs: () => number;
  /** Resolves when it is known who may call. @throws SettingsError when that is nobody, or everybody on a network */
  ready(): Promise<void>;
  close(): Promise<void>;
}>;

export function startAccess({ settings, database: { db, engine }, log }: AccessParts): RunningAccess {
  const { adminToken, metricsToken, certificateRoles } = settings.access;
  const pepper = pepperOf(settings, engine);
  const clock = new SharedClock(Date.now, () => performance.now());
  const keyring = new Keyring(pepper, clock.nowMs);
  const url = engine === "postgres" ? settings.databaseUrl : undefined;
  const watcher = new KeyWatcher({
    keyring,
    readState: async () => {
      let state = "";
      await clock.hear(async () => {
        const read = await readKeysState(db);
        state = read.state;
        return read.now;
      });
      return state;
    },
    listHeld: () => listHeldKeys(db),
    ...(url !== undefined && {
      listen: (onNews: () => void) => startListener({ url, channel: KEYS_CHANNEL, onNews, log }),
      keep: (snapshot: KeySnapshot) => writeKeySnapshot(settings.dataDir, snapshot),
    }),
    log,
  });
  const access = new Access({
    keyring,
    guesses: new GuessLimiter(() => performance.now()),
    sessions: new Sessions(pepper ?? settings.tokenSecret ?? randomBytes(32).toString("hex"), clock.nowMs),
    ...(adminToken !== undefined && { adminToken }),
    ...(metricsToken !== undefined && { metricsToken }),
    certificateRoles,
    isLocal: exposedHosts(settings).length === 0,
    hasPepper: pepper !== undefined,
  });
  const keys = new KeyAdmin({
    store: keyStoreOf(db),
    pepper,
    randomBytes,
    wallMs: clock.nowMs,
    changed: () => watcher.look(),
  });
  return {
    access,
    keys,
    limitsOf: (keyId) => keyring.limitsOf(keyId),
    nowMs: clock.nowMs,
    ready: async () => {
      await Promise.race([watcher.known, sleep(KNOWN_WITHIN_MS, undefined, { ref: false })]);
      if (!keyring.isKnown) await takeSnapshot(settings, keyring, log);
      refuseOpenNetwork(settings, keyring, pepper !== undefined);
    },
    close: () => watcher.stop(),
  };
}

/** Who was revoked since it was kept is let in until the database is there: nobody here can know better. */
async function takeSnapshot({ dataDir }: Settings, keyring: Keyring, log: Log): Promise<void> {
  try {
    const snapshot = await readKeySnapshot(dataDir);
    if (snapshot === undefined || keyring.isKnown) return;
    keyring.replace(snapshot.keys, snapshot.wasEverUsed);
    log.warn("the database does not answer; the keys on disk are in force", { keys: snapshot.keys.length });
  } catch (error) {
    log.error("the keys on disk cannot be used", failureFields(error));
  }
}

/** One process has the embedded database, and keeps what its keys are hashed with beside it. */
export const pepperOf = (
  { access: { keyPepper }, dataDir }: Settings,
  engine: OpenDatabase["engine"],
): string | undefined => keyPepper ?? (engine === "pglite" ? readOrMakePepper(dataDir) : undefined);

/** Addresses listened on that others can reach, with the variables that name them. */
const exposedHosts = ({ host, privateHost, metricsPort, adminPort }: Settings) =>
  [
    { variable: "MODELTIER_HOST", host },
    ...((metricsPort ?? adminPort) === undefined
      ? []
      : [{ variable: "MODELTIER_PRIVATE_HOST", host: privateHost }]),
  ].filter((one) => !isLoopback(one.host));

function refuseOpenNetwork(settings: Settings, keyring: Keyring, hasPepper: boolean): void {
  const { adminToken, certificateRoles } = settings.access;
  const [exposed] = exposedHosts(settings);
  const isSetUp = adminToken !== undefined || certificateRoles.size > 0 || keyring.wasEverUsed;
  const mayBeSetUp = hasPepper && !keyring.isKnown;
  if (exposed === undefined || isSetUp || mayBeSetUp) return;
  throw new SettingsError([
    `${exposed.variable} is ${exposed.host}, which others can reach, and nothing says who may call: make a key with ` +
      "npm run keys -- create --role admin, or set MODELTIER_ADMIN_TOKEN, or listen on 127.0.0.1",
  ]);
}
