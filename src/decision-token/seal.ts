/**
 * The envelope of a token: `format byte | issuer, 6 bytes | HMAC-SHA-256, 32 bytes | content`, in base64url. It is signed
 * and not encrypted: nothing in it is more secret than the decision it came with.
 */
import {
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

/** Of the content. Part of what the key is derived from, so that no content is ever read as another format's. */
const FORMAT = 1;
const ISSUER_BYTES = 6;
const MAC_BYTES = 32;
const HEAD_BYTES = 1 + ISSUER_BYTES + MAC_BYTES;
/** Far above any token there is; what is longer is not worth decoding. */
const MAX_TOKEN_CHARACTERS = 65_536;

/** Why a token cannot be trusted, as a predicate of the field that holds it. */
export type SealProblem = string;

export type Opened = Readonly<{ ok: true; content: string } | { ok: false; problem: SealProblem }>;

export class Seal {
  readonly #key: KeyObject;
  readonly #head: Buffer;
  readonly #isShared: boolean;

  /** @param secret shared by all replicas; absent: a random one, of which no other process knows */
  constructor(secret?: string) {
    const material = secret ?? randomBytes(32);
    const derived = hkdfSync("sha256", material, "", `modeltier decision token, format ${FORMAT}`, 32);
    this.#key = createSecretKey(new Uint8Array(derived));
    this.#isShared = secret !== undefined;
    const issuer = this.#mac(Buffer.from("issuer")).subarray(0, ISSUER_BYTES);
    this.#head = Buffer.from([FORMAT, ...issuer]);
  }

  close(content: string): string {
    const token = Buffer.allocUnsafe(HEAD_BYTES + Buffer.byteLength(content));
    this.#head.copy(token);
    // As text: Node makes a string of a digest in a fraction of the time that a Buffer takes it.
    const mac = createHmac("sha256", this.#key).update(content).digest("binary");
    token.write(mac, this.#head.length, "binary");
    token.write(content, HEAD_BYTES);
    return token.toString("base64url");
  }

  open(token: string): Opened {
    const bytes = decode(token);
    if (bytes === undefined) return refused("is not a token: send it as Route gave it");
    if (bytes[0] !== FORMAT) return refused("is in the format of another release: call Route again");
    if (!bytes.subarray(0, this.#head.length).equals(this.#head)) return refused(this.#foreign());
    const content = bytes.subarray(HEAD_BYTES);
    const mac = bytes.subarray(this.#head.length, HEAD_BYTES);
    if (!timingSafeEqual(mac, this.#mac(content))) return refused("was changed: send it as Route gave it");
    return { ok: true, content: content.toString() };
  }

  #foreign(): SealProblem {
    const remedy = this.#isShared
      ? "its MODELTIER_TOKEN_SECRET is not the one of this process"
      : "this process has no MODELTIER_TOKEN_SECRET that it shares with others";
    return `was issued by another process, or before a restart, and ${remedy}: call Route again`;
  }

  #mac(content: Buffer): Buffer {
    return createHmac("sha256", this.#key).update(content).digest();
  }
}

const refused = (problem: SealProblem): Opened => ({ ok: false, problem });

/** Undefined for anything but the one way to write the bytes: the decoder skips what it does not know. */
function decode(token: string): Buffer | undefined {
  if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
  const bytes = Buffer.from(token, "base64url");
  return bytes.length > HEAD_BYTES && bytes.toString("base64url") === token ? bytes : undefined;
}
