/** The one place that decides who may do what, whatever the door. */
import { createHash, timingSafeEqual } from "node:crypto";
import { AccessError } from "./access-error.ts";
import type { GuessLimiter } from "./guess-limiter.ts";
import { parseKey } from "./key-text.ts";
import type { Keyring } from "./keyring.ts";
import { isLoopback } from "./loopback.ts";
import type { Sessions } from "./sessions.ts";
import { ADMIN_TOKEN_ID, type Identity, isAtLeast, type Role, type Rule } from "./types.ts";

/** What a listener knows of whoever calls. Asked for only as far as it is needed. */
export interface Evidence {
  readonly authorization: string | undefined;
  /** The address the call comes from, without its port. */
  readonly address: string;
  /** The names in its client certificate, where one was verified: "URI:spiffe://…", "DNS:…". */
  readonly certificateNames: readonly string[];
  /** The admin page's cookie, where the page itself asks. */
  readonly session?: string | undefined;
}

export type AccessOptions = Readonly<{
  keyring: Keyring;
  guesses: GuessLimiter;
  sessions: Sessions;
  /** The key of an admin that the environment names. */
  adminToken?: string;
  /** Lets /metrics be read, and nothing else. */
  metricsToken?: string;
  /** By the name in a client certificate. */
  certificateRoles: ReadonlyMap<string, Role>;
  /** Whether the listeners are on loopback addresses only. */
  isLocal: boolean;
  /** Keys can be checked here, so that calls wait to be let in until it is known which there are. */
  hasPepper: boolean;
}>;

const OPEN: Identity = { role: "admin", keyId: "", name: "", isOpen: true };
/** The admin token guards what changes the service; callers are not told apart. */
const OPEN_TO_CALLERS: Identity = { ...OPEN, role: "caller" };
const ADMIN_TOKEN: Identity = { role: "admin", keyId: ADMIN_TOKEN_ID, name: "", isOpen: false };
const REMEDY = "send a key as authorization: Bearer mt_…";

export class Access {
  readonly #options: AccessOptions;
  readonly #adminToken: Buffer | undefined;
  readonly #metricsToken: Buffer | undefined;
  /** The admin token once it was presented. Found by its hash, so that a comparison tells nothing of how much of it is right. */
  readonly #proven = new Map<string, Identity>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#adminToken = options.adminToken === undefined ? undefined : digest(options.adminToken);
    this.#metricsToken = options.metricsToken === undefined ? undefined : digest(options.metricsToken);
  }

  /** Who calls without a key; undefined: nobody may. Only on loopback, and only until there is a first key. */
  get anonymous(): Identity | undefined {
    const { isLocal, keyring, certificateRoles, hasPepper } = this.#options;
    if (!isLocal || keyring.wasEverUsed || certificateRoles.size > 0) return undefined;
    if (hasPepper && !keyring.isKnown) return undefined;
    return this.#adminToken === undefined ? OPEN : OPEN_TO_CALLERS;
  }

  /** Lets in, or not. @returns undefined where nobody needs to be known @throws AccessError */
  admit(rule: Rule, evidence: Evidence): Identity | undefined {
    if (rule === "anyone" || (rule === "metrics" && this.#mayReadMetrics(evidence))) return undefined;
    const identity = this.#identify(evidence);
    if (identity === undefined || !isEnough(identity, rule)) {
      if (identity === undefined || identity.isOpen) throw this.#nobody(evidence);
      const needed = rule === "metrics" ? "operator" : rule;
      throw new AccessError("role_missing", `the role is ${identity.role}, and this takes ${needed}`);
    }
    return identity;
  }

  /** What was presented has to hold; without it the certificate counts, then what everybody may. */
  #identify(evidence: Evidence): Identity | undefined {
    const { anonymous } = this;
    if (anonymous === OPEN) return OPEN;
    const presented = findToken(evidence.authorization);
    if (presented !== undefined) {
      const identity = this.#findByToken(presented, evidence);
      // Where everybody may call, clients that must name a key name any.
      if (identity !== undefined || anonymous === undefined) return identity;
    }
    return this.#findBySession(evidence) ?? this.#findByCertificate(evidence) ?? anonymous;
  }

  /** What was proven before is not held up by guesses. */
  #findByToken(token: string, { address }: Evidence): Identity | undefined {
    const { keyring, guesses } = this.#options;
    const proven = keyring.findProven(token) ?? this.#proven.get(token);
    if (proven !== undefined || guesses.waitMs(address, idIn(token)) > 0) return proven;
    return keyring.prove(token) ?? this.#proveAdminToken(token);
  }

  #proveAdminToken(token: string): Identity | undefined {
    if (!holds(token, this.#adminToken)) return undefined;
    this.#proven.set(token, ADMIN_TOKEN);
    return ADMIN_TOKEN;
  }

  /** For the admin page's cookie; undefined for somebody who has no key. */
  issueSession({ keyId }: Identity): string | undefined {
    const proof = this.#findHeld(keyId)?.hash;
    return proof && this.#options.sessions.issue(keyId, proof);
  }

  #findBySession({ session }: Evidence): Identity | undefined {
    if (session === undefined) return undefined;
    const keyId = this.#options.sessions.open(session, (id) => this.#findHeld(id)?.hash);
    return keyId === undefined ? undefined : this.#findHeld(keyId)?.identity;
  }

  #findHeld(keyId: string) {
    if (keyId !== ADMIN_TOKEN.keyId) return this.#options.keyring.findHeld(keyId);
    return this.#adminToken && { identity: ADMIN_TOKEN, hash: this.#adminToken };
  }

  #findByCertificate({ certificateNames }: Evidence): Identity | undefined {
    const { certificateRoles } = this.#options;
    if (certificateRoles.size === 0) return undefined;
    for (const name of certificateNames) {
      const role = certificateRoles.get(name);
      if (role !== undefined) return { role, keyId: `certificate:${name}`, name: "", isOpen: false };
    }
    return undefined;
  }

  #mayReadMetrics({ authorization, address }: Evidence): boolean {
    if (this.#metricsToken === undefined) return isLoopback(address);
    return holds(findToken(authorization) ?? "", this.#metricsToken);
  }

  /** Counts a wrong key, and says what helps. */
  #nobody({ authorization, address }: Evidence): AccessError {
    const { keyring, hasPepper, guesses } = this.#options;
    if (hasPepper && !keyring.isKnown) {
      return new AccessError("keys_unknown", "the keys are not known yet: try again later", 1_000);
    }
    if (authorization === undefined) return new AccessError("unauthenticated", `no key was sent: ${REMEDY}`);
    const keyId = idIn(findToken(authorization) ?? "");
    const waitMs = guesses.waitMs(address, keyId);
    if (waitMs > 0) {
      const message = "too many wrong secrets came from this address: wait before trying again";
      return new AccessError("too_many_guesses", message, waitMs);
    }
    guesses.failed(address, keyId);
    return new AccessError("unauthenticated", `the key is not known, or holds no more: ${REMEDY}`);
  }
}

/** What everybody may is not enough where somebody has to be told apart, nor for metrics that have a token of their own. */
function isEnough({ role, keyId, isOpen }: Identity, rule: Exclude<Rule, "anyone">): boolean {
  switch (rule) {
    case "private":
      return keyId !== "" || role === "admin";
    case "own":
      return keyId !== "" || role !== "caller";
    case "metrics":
      return !isOpen && isAtLeast(role, "operator");
    default:
      return isAtLeast(role, rule);
  }
}

function findToken(authorization: string | undefined): string | undefined {
  const isBearer = authorization?.startsWith("Bearer ") || authorization?.startsWith("bearer ");
  return isBearer ? authorization?.slice("Bearer ".length) : undefined;
}

/** Of the key that a text claims to be; "" when it is none. */
const idIn = (token: string): string => parseKey(token)?.keyId ?? "";

/** Digests are of one length, and tell nothing of the text's. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

const holds = (text: string, expected: Buffer | undefined): boolean =>
  expected !== undefined && timingSafeEqual(digest(text), expected);
