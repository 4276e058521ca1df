/** A key's text, `mt_<id>_<secret>`, and the hash that is kept in its place. */
import { createHmac } from "node:crypto";

const ID_BYTES = 8;
const SECRET_BYTES = 32;
/** The id is hexadecimal, the secret 256 bits in base64url. */
const KEY = /^mt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export type KeyText = Readonly<{ keyId: string; secret: string }>;

/** undefined when the text is not that of a key. */
export function parseKey(text: string): KeyText | undefined {
  const [, keyId, secret] = KEY.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

export const keyText = ({ keyId, secret }: KeyText): string => `mt_${keyId}_${secret}`;

/** @param randomBytes cryptographically random */
export const newKeyId = (randomBytes: (count: number) => Buffer): string =>
  randomBytes(ID_BYTES).toString("hex");

export const newSecret = (randomBytes: (count: number) => Buffer): string =>
  randomBytes(SECRET_BYTES).toString("base64url");

/** The id is part of it, so that a row's hash proves nothing beside another id. */
export const hashKey = ({ keyId, secret }: KeyText, pepper: string): Buffer =>
  createHmac("sha256", pepper).update(`${keyId}.${secret}`).digest();

/** Tells peppers apart without saying anything about them. */
export const pepperIdOf = (pepper: string): string =>
  createHmac("sha256", pepper).update("which pepper").digest("hex").slice(0, 16);
