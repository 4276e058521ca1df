/** The keys in memory: every call asks here, and never the database. */
import { timingSafeEqual } from "node:crypto";
import type { KeyLimits } from "../limits/types.ts";
import { hashKey, type KeyText, parseKey, pepperIdOf } from "./key-text.ts";
import type { Identity, StoredKey } from "./types.ts";

/** Proven once, it need not be hashed again. */
type Proven = Readonly<{ identity: Identity; until: number }>;

/** In ms of the wall clock; a key that does not expire lasts as long. */
const FOR_EVER = Number.POSITIVE_INFINITY;
/** What a guesser's digest is compared with, so that an unknown id takes as long as a known one. */
const NOBODY: KeyText = { keyId: "0000000000000000", secret: "" };

export class Keyring {
  readonly #pepper: string | undefined;
  readonly #nowMs: () => number;
  readonly #nobody: Buffer;
  #keys: ReadonlyMap<string, StoredKey> = new Map();
  /** By the text that was presented; as many as there are secrets that hold. */
  readonly #proven = new Map<string, Proven>();
  #isKnown = false;
  #wasEverUsed = false;

  /** @param pepper absent: no key can be checked @param nowMs the wall clock: keys expire at a date */
  constructor(pepper: string | undefined, nowMs: () => number) {
    this.#pepper = pepper;
    this.#nowMs = nowMs;
    this.#nobody = hashKey(NOBODY, pepper ?? "");
  }

  /** The database has said which keys there are. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** A key was made at some time. To revoke the last one opens nothing. */
  get wasEverUsed(): boolean {
    return this.#wasEverUsed;
  }

  /**
   * @param keys those that are not revoked
   * @param wasEverUsed whether there are any, or were
   * @returns how many were hashed under another pepper, and so never hold here
   */
  replace(keys: readonly StoredKey[], wasEverUsed: boolean): number {
    const pepperId = this.#pepper === undefined ? undefined : pepperIdOf(this.#pepper);
    this.#keys = new Map(keys.map((key) => [key.keyId, key]));
    this.#proven.clear();
    this.#isKnown = true;
    this.#wasEverUsed = wasEverUsed;
    return keys.filter((key) => key.pepperId !== pepperId).length;
  }

  /** Whose key a text is, if that is known without hashing it. */
  findProven(text: string): Identity | undefined {
    const proven = this.#proven.get(text);
    return proven !== undefined && this.#nowMs() < proven.until ? proven.identity : undefined;
  }

  /** A key that holds, with the hash of its newest secret; undefined when there is none of the id. */
  findHeld(keyId: string): Readonly<{ identity: Identity; hash: Buffer }> | undefined {
    const key = this.#keys.get(keyId);
    if (key === undefined || this.#nowMs() >= (key.expiresAt?.getTime() ?? FOR_EVER)) return undefined;
    return { identity: identityOf(key), hash: key.hash };
  }

  /** What a key may take; undefined: as much as it likes. */
  limitsOf(keyId: string): KeyLimits | undefined {
    return this.#keys.get(keyId)?.limits;
  }

  /** Whose key a text is; undefined when it is nobody's, or holds no more. Takes as long for an id that exists as for another. */
  prove(text: string): Identity | undefined {
    const given = parseKey(text);
    const key = given && this.#keys.get(given.keyId);
    const hash = hashKey(given ?? NOBODY, this.#pepper ?? "");
    const isCurrent = timingSafeEqual(hash, key?.hash ?? this.#nobody);
    const isPrevious = timingSafeEqual(hash, key?.previous?.hash ?? this.#nobody);
    if (this.#pepper === undefined || key === undefined || !(isCurrent || isPrevious)) return undefined;
    const until = Math.min(
      key.expiresAt?.getTime() ?? FOR_EVER,
      isCurrent ? FOR_EVER : (key.previous?.expiresAt.getTime() ?? 0),
    );
    if (this.#nowMs() >= until) return undefined;
    const identity = identityOf(key);
    this.#proven.set(text, { identity, until });
    return identity;
  }
}

const identityOf = ({ role, keyId, name }: StoredKey): Identity => ({ role, keyId, name, isOpen: false });
