/** Sessions of the admin page: whoever signed in with a key keeps a sealed word of it in a cookie, and not the key. */
import { createHmac, timingSafeEqual } from "node:crypto";

export const SESSION_MS = 12 * 3_600_000;
const SESSION = /^([a-z0-9-]{1,32})\.(\d{1,15})\.([A-Za-z0-9_-]{43})$/;

export class Sessions {
  readonly #secret: Buffer;
  readonly #nowMs: () => number;

  /** @param secret shared by all replicas @param nowMs the wall clock */
  constructor(secret: string, nowMs: () => number) {
    this.#secret = createHmac("sha256", secret).update("sessions of the admin page").digest();
    this.#nowMs = nowMs;
  }

  /** @param proof of the key's secret: a session ends when it is another */
  issue(keyId: string, proof: Buffer): string {
    const expiresMs = this.#nowMs() + SESSION_MS;
    return `${keyId}.${expiresMs}.${this.#seal(keyId, expiresMs, proof).toString("base64url")}`;
  }

  /** Whose key a session is of; undefined when it is none of ours, or is over. @param proofOf a key's, if it holds */
  open(text: string, proofOf: (keyId: string) => Buffer | undefined): string | undefined {
    const [, keyId, expires, seal] = SESSION.exec(text) ?? [];
    if (keyId === undefined || expires === undefined || seal === undefined) return undefined;
    const proof = proofOf(keyId);
    if (proof === undefined || this.#nowMs() >= Number(expires)) return undefined;
    const isOurs = timingSafeEqual(Buffer.from(seal, "base64url"), this.#seal(keyId, Number(expires), proof));
    return isOurs ? keyId : undefined;
  }

  #seal(keyId: string, expiresMs: number, proof: Buffer): Buffer {
    return createHmac("sha256", this.#secret).update(`${keyId}.${expiresMs}.`).update(proof).digest();
  }
}
