/** The words of access: who may do what, and what is kept of a key. Plain data; no secret. */
import type { KeyLimits } from "../limits/types.ts";

/** Each may do all that the one before it may. */
export const ROLES = ["caller", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

export const isAtLeast = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/**
 * What something that can be asked for needs. `anyone`: no key. `own`: a caller's, who sees its own and nothing else, so that
 * it takes somebody who is told apart from others. `private`: an operator, too, reaches its own alone; an admin reaches everything.
 * `metrics`: the token of their own, or a loopback address.
 */
export const RULES = ["anyone", "caller", "own", "private", "operator", "admin", "metrics"] as const;
export type Rule = (typeof RULES)[number];

/** For whoever comes with the admin token, which many may share. */
export const ADMIN_TOKEN_ID = "admin-token";

/** Who calls. */
export type Identity = Readonly<{
  role: Role;
  /** Of its key, or a word for another way in ("admin-token", "certificate:…"); "": everybody. */
  keyId: string;
  /** The key's name; "" without a key. */
  name: string;
  /** Nobody was asked for anything: no access is set up, and only this machine can call. */
  isOpen: boolean;
}>;

/** A key as the database has it. */
export type StoredKey = Readonly<{
  keyId: string;
  name: string;
  role: Role;
  /** HMAC-SHA-256 of the secret under the pepper. */
  hash: Buffer;
  /** Tells which pepper; see `pepperIdOf`. */
  pepperId: string;
  /** The secret from before the last rotation, while it holds. */
  previous?: Readonly<{ hash: Buffer; expiresAt: Date }>;
  createdAt: Date;
  createdBy: string;
  expiresAt?: Date;
  revokedAt?: Date;
  /** Absent: none. */
  limits?: KeyLimits;
}>;

/** Whose executions, budgets and keys somebody sees; undefined: everybody's. */
export const ownerOf = ({ role, keyId }: Identity): string | undefined =>
  role === "caller" ? keyId : undefined;

/** Whose stored texts somebody may read and delete; undefined: everybody's. */
export const ownerOfTexts = ({ role, keyId }: Identity): string | undefined =>
  role === "admin" ? undefined : keyId;
