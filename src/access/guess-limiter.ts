/** Slows down whoever presents one wrong key after the other, each source by itself. */

/** What a person with a wrong key in hand may try without a wait. */
const FREE_GUESSES = 10;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A source that was quiet for as long starts anew. */
const FORGET_MS = 10 * 60_000;
/** Sources that are remembered; beyond it the one that was seen least recently is forgotten. */
const MOST_SOURCES = 10_000;

type Record = { failures: number; lastMs: number; freeAtMs: number };

export class GuessLimiter {
  readonly #nowMs: () => number;
  readonly #sources = new Map<string, Record>();

  /** @param nowMs monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** For how long nothing of a source is looked at yet, in ms; 0: it may try. */
  waitMs(address: string): number {
    if (this.#sources.size === 0) return 0;
    const record = this.#sources.get(sourceOf(address));
    return record === undefined ? 0 : Math.max(0, record.freeAtMs - this.#nowMs());
  }

  /** A source presented a wrong key. */
  failed(address: string): void {
    const source = sourceOf(address);
    const nowMs = this.#nowMs();
    const known = this.#sources.get(source);
    const before = known !== undefined && nowMs - known.lastMs < FORGET_MS ? known.failures : 0;
    const failures = before + 1;
    const beyond = failures - FREE_GUESSES;
    const waitMs = beyond < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(beyond, 10));
    this.#sources.delete(source); // to stand last
    this.#sources.set(source, { failures, lastMs: nowMs, freeAtMs: nowMs + waitMs });
    if (this.#sources.size > MOST_SOURCES) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const [first] = this.#sources.keys();
    if (first !== undefined) this.#sources.delete(first);
  }
}

/** One who has an IPv6 address has 2^64 of them. */
function sourceOf(address: string): string {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (!plain.includes(":")) return plain;
  const [head = ""] = plain.split("::", 1);
  return head.split(":").slice(0, 4).join(":");
}
