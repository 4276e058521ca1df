/** The keys on disk, for a start while Postgres is away: their hashes, as the database has them, and no secret. */
import { join } from "node:path";
import { readKept, writeKept } from "../store/kept-file.ts";
import type { StoredKey } from "./types.ts";

export type KeySnapshot = Readonly<{ keys: readonly StoredKey[]; wasEverUsed: boolean }>;

const pathIn = (dataDir: string): string => join(dataDir, "keys-snapshot");

export const writeKeySnapshot = (dataDir: string, { keys, wasEverUsed }: KeySnapshot): Promise<void> =>
  writeKept(pathIn(dataDir), {
    wasEverUsed,
    keys: keys.map((key) => ({
      ...key,
      hash: key.hash.toString("hex"),
      ...(key.previous && { previous: { ...key.previous, hash: key.previous.hash.toString("hex") } }),
    })),
  });

type Kept<T> = { [K in keyof T]: T[K] extends Date | Buffer | undefined ? string : T[K] };
type KeptKey = Kept<Omit<StoredKey, "previous">> & { previous?: { hash: string; expiresAt: string } };

/** undefined: there is none. @throws Error when there is one and it is damaged */
export async function readKeySnapshot(dataDir: string): Promise<KeySnapshot | undefined> {
  const kept = (await readKept(pathIn(dataDir))) as { keys: KeptKey[]; wasEverUsed: boolean } | undefined;
  return kept && { wasEverUsed: kept.wasEverUsed, keys: kept.keys.map(keyOf) };
}

const keyOf = ({ hash, previous, createdAt, expiresAt, revokedAt: _, ...key }: KeptKey): StoredKey => ({
  ...key,
  hash: Buffer.from(hash, "hex"),
  ...(previous && {
    previous: { hash: Buffer.from(previous.hash, "hex"), expiresAt: new Date(previous.expiresAt) },
  }),
  createdAt: new Date(createdAt),
  ...(expiresAt && { expiresAt: new Date(expiresAt) }),
});
