/**
 * Encrypts what is stored: `format byte | IV, 12 bytes | tag, 16 bytes | ciphertext`, AES-256-GCM. Whose text it is goes into the tag, so
 * that a row beside another execution or another caller's key does not open.
 */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";

const FORMAT = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + IV_BYTES + TAG_BYTES;
const CIPHER = "aes-256-gcm";

export const KEY_BYTES = 32;

/** What a sealed text belongs to. */
export type SealedFor = Readonly<{ executionId: string; keyId: string }>;

export type SealOptions = Readonly<{
  /** Seals; absent: nothing can be sealed. */
  key?: Buffer;
  /** These and `key` open. */
  oldKeys: readonly Buffer[];
  /** Cryptographically random; never the same twice under one key. */
  randomBytes: (count: number) => Buffer;
}>;

/** The key that a text was sealed with is not among ours. */
export class SealingKeyMissingError extends Error {
  override readonly name = "SealingKeyMissingError";
  readonly keyId: string;

  constructor(keyId: string) {
    super(`the text is sealed with key ${keyId}, which this service was not given`);
    this.keyId = keyId;
  }
}

export class PromptSeal {
  readonly #current: Readonly<{ id: string; key: Buffer }> | undefined;
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #randomBytes: SealOptions["randomBytes"];

  constructor({ key, oldKeys, randomBytes: random }: SealOptions) {
    this.#current = key && { id: sealingKeyIdOf(key), key };
    const all = key === undefined ? oldKeys : [...oldKeys, key];
    this.#keys = new Map(all.map((one) => [sealingKeyIdOf(one), one]));
    this.#randomBytes = random;
  }

  /** @throws Error without a key to seal with */
  close(text: string, belongsTo: SealedFor): Readonly<{ sealed: Buffer; sealingKeyId: string }> {
    if (this.#current === undefined) throw new Error("there is no key to seal with");
    const iv = this.#randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#current.key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(belongsTo));
    const encrypted = [cipher.update(text, "utf8"), cipher.final()];
    const sealed = Buffer.concat([Buffer.from([FORMAT]), iv, cipher.getAuthTag(), ...encrypted]);
    return { sealed, sealingKeyId: this.#current.id };
  }

  /**
   * @throws SealingKeyMissingError when it was sealed with a key that is not among ours
   * @throws Error when it was changed, or belongs to something else
   */
  open(sealed: Uint8Array, sealingKeyId: string, belongsTo: SealedFor): string {
    const key = this.#keys.get(sealingKeyId);
    if (key === undefined) throw new SealingKeyMissingError(sealingKeyId);
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (bytes.length < HEAD_BYTES || bytes[0] !== FORMAT) throw new Error("the text is in no format of ours");
    const iv = bytes.subarray(1, 1 + IV_BYTES);
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(belongsTo));
    decipher.setAuthTag(bytes.subarray(1 + IV_BYTES, HEAD_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()]).toString();
  }
}

/** Tells keys apart without saying anything about them: they have 256 random bits. */
export const sealingKeyIdOf = (key: Buffer): string =>
  createHash("sha256").update("modeltier which prompt key").update(key).digest("hex").slice(0, 16);

/** As JSON, so that no two differ only in where one part ends. */
const associatedData = ({ executionId, keyId }: SealedFor): Buffer =>
  Buffer.from(JSON.stringify(["modeltier prompt", FORMAT, executionId, keyId]));
