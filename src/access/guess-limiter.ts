/**
 * Slows down whoever tries one secret after the other, each source and key by itself: neighbours behind one address who hold
 * keys of their own are not held up by it.
 */

/** What a person with a wrong key in hand may try without a wait. */
const FREE_GUESSES = 10;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A source that was quiet for as long starts anew. */
const FORGET_MS = 10 * 60_000;
/** Pairs that are remembered; beyond it the one that was seen least recently is forgotten. */
const MOST_REMEMBERED = 10_000;

type Tries = { failures: number; lastMs: number; freeAtMs: number };

export class GuessLimiter {
  readonly #nowMs: () => number;
  readonly #tries = new Map<string, Tries>();

  /** @param nowMs monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** For how long no secret of this key is looked at yet that comes from the address, in ms; 0: it may try. */
  waitMs(address: string, keyId: string): number {
    if (this.#tries.size === 0) return 0;
    const record = this.#tries.get(`${sourceOf(address)} ${keyId}`);
    return record === undefined ? 0 : Math.max(0, record.freeAtMs - this.#nowMs());
  }

  /** A wrong secret came. @param keyId "" when it was no key at all */
  failed(address: string, keyId: string): void {
    const source = `${sourceOf(address)} ${keyId}`;
    const nowMs = this.#nowMs();
    const known = this.#tries.get(source);
    const before = known !== undefined && nowMs - known.lastMs < FORGET_MS ? known.failures : 0;
    const failures = before + 1;
    const beyond = failures - FREE_GUESSES;
    const waitMs = beyond < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(beyond, 10));
    this.#tries.delete(source); // to stand last
    this.#tries.set(source, { failures, lastMs: nowMs, freeAtMs: nowMs + waitMs });
    if (this.#tries.size > MOST_REMEMBERED) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const [first] = this.#tries.keys();
    if (first !== undefined) this.#tries.delete(first);
  }
}

/** One who has an IPv6 address has 2^64 of them. */
function sourceOf(address: string): string {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (!plain.includes(":")) return plain;
  const [head = ""] = plain.split("::", 1);
  return head.split(":").slice(0, 4).join(":");
}
