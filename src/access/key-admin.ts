/** Makes, renews and ends keys. Whoever is given a secret is given it once: what is kept is its hash. */
import type { KeyLimits } from "../limits/types.ts";
import { hashKey, keyText, newKeyId, newSecret, pepperIdOf } from "./key-text.ts";
import type { Role, StoredKey } from "./types.ts";

/** The queries of `store/api-keys.ts`, with the database filled in. */
export type KeyStore = Readonly<{
  insert(
    key: Pick<
      StoredKey,
      "keyId" | "name" | "role" | "hash" | "pepperId" | "createdBy" | "expiresAt" | "limits"
    >,
  ): Promise<StoredKey>;
  rotate(
    rotation: Pick<StoredKey, "keyId" | "hash" | "pepperId"> &
      Readonly<{ overlapEndsAt: Date; author: string }>,
  ): Promise<StoredKey | undefined>;
  revoke(keyId: string, author: string): Promise<StoredKey | undefined>;
  setLimits(keyId: string, limits: KeyLimits, author: string): Promise<StoredKey | undefined>;
  list(options: Readonly<{ keyId?: string; ended: boolean }>): Promise<readonly StoredKey[]>;
}>;

export type KeyAdminOptions = Readonly<{
  store: KeyStore;
  /** Absent: no key can be made. */
  pepper: string | undefined;
  randomBytes: (count: number) => Buffer;
  wallMs: () => number;
  /** Resolves when this process knows of the change. */
  changed: () => Promise<void>;
}>;

/** A key with the one sight of its secret. */
export type IssuedKey = Readonly<{ key: StoredKey; text: string }>;

export type KeyWish = Readonly<{
  name: string;
  role: Role;
  lifetimeMs?: number;
  limits?: KeyLimits;
  author: string;
}>;

/** For how long an old secret holds beside a new one, unless somebody says otherwise. */
export const USUAL_OVERLAP_MS = 24 * 3_600_000;

export class PepperMissingError extends Error {
  override readonly name = "PepperMissingError";

  constructor() {
    super(
      "keys cannot be made without MODELTIER_KEY_PEPPER: set it to at least 32 random characters, the same for every replica",
    );
  }
}

export class KeyAdmin {
  readonly #options: KeyAdminOptions;

  constructor(options: KeyAdminOptions) {
    this.#options = options;
  }

  /** @throws PepperMissingError */
  async create({ name, role, lifetimeMs, limits, author }: KeyWish): Promise<IssuedKey> {
    const { store, randomBytes, wallMs, changed } = this.#options;
    const pepper = this.#pepper();
    const given = { keyId: newKeyId(randomBytes), secret: newSecret(randomBytes) };
    const key = await store.insert({
      keyId: given.keyId,
      name,
      role,
      hash: hashKey(given, pepper),
      pepperId: pepperIdOf(pepper),
      createdBy: author,
      ...(lifetimeMs !== undefined && { expiresAt: new Date(wallMs() + lifetimeMs) }),
      ...(limits !== undefined && { limits }),
    });
    await changed();
    return { key, text: keyText(given) };
  }

  /** @returns undefined when there is no such key, or it is revoked @throws PepperMissingError */
  async rotate(keyId: string, author: string, overlapMs = USUAL_OVERLAP_MS): Promise<IssuedKey | undefined> {
    const { store, randomBytes, wallMs, changed } = this.#options;
    const pepper = this.#pepper();
    const given = { keyId, secret: newSecret(randomBytes) };
    const key = await store.rotate({
      keyId,
      hash: hashKey(given, pepper),
      pepperId: pepperIdOf(pepper),
      overlapEndsAt: new Date(wallMs() + overlapMs),
      author,
    });
    await changed();
    return key && { key, text: keyText(given) };
  }

  /** @returns undefined when there is no such key */
  async revoke(keyId: string, author: string): Promise<StoredKey | undefined> {
    const revoked = await this.#options.store.revoke(keyId, author);
    await this.#options.changed();
    return revoked;
  }

  /** All of them anew: what is absent is not limited. @returns undefined when there is no such key, or it is revoked */
  async setLimits(keyId: string, limits: KeyLimits, author: string): Promise<StoredKey | undefined> {
    const changed = await this.#options.store.setLimits(keyId, limits, author);
    await this.#options.changed();
    return changed;
  }

  /** The newest first. */
  list(options: Readonly<{ keyId?: string; ended: boolean }>): Promise<readonly StoredKey[]> {
    return this.#options.store.list(options);
  }

  #pepper(): string {
    const { pepper } = this.#options;
    if (pepper === undefined) throw new PepperMissingError();
    return pepper;
  }
}
