import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Access, type AccessOptions, type Evidence } from "./access.ts";
import type { AccessError } from "./access-error.ts";
import { GuessLimiter } from "./guess-limiter.ts";
import { hashKey, keyText, newKeyId, newSecret, parseKey, pepperIdOf } from "./key-text.ts";
import { Keyring } from "./keyring.ts";
import { Sessions } from "./sessions.ts";
import type { Role, StoredKey } from "./types.ts";

const PEPPER = "p".repeat(32);

function aKey(role: Role, more: Partial<StoredKey> = {}) {
  const given = { keyId: newKeyId(randomBytes), secret: newSecret(randomBytes) };
  const key: StoredKey = {
    keyId: given.keyId,
    name: role,
    role,
    hash: hashKey(given, PEPPER),
    pepperId: pepperIdOf(PEPPER),
    createdAt: new Date(0),
    createdBy: "a test",
    ...more,
  };
  return { key, text: keyText(given) };
}

function anAccess(keys: readonly StoredKey[], options: Partial<AccessOptions> = {}) {
  const clock = { ms: 0 };
  const nowMs = () => clock.ms;
  const keyring = new Keyring(PEPPER, nowMs);
  keyring.replace(keys, keys.length > 0);
  const access = new Access({
    keyring,
    guesses: new GuessLimiter(nowMs),
    sessions: new Sessions("a secret", nowMs),
    certificateRoles: new Map(),
    isLocal: true,
    hasPepper: true,
    ...options,
  });
  return { access, keyring, clock };
}

const from = (token?: string, more: Partial<Evidence> = {}): Evidence => ({
  authorization: token === undefined ? undefined : `Bearer ${token}`,
  address: "10.0.0.1",
  certificateNames: [],
  ...more,
});

const refusal = (ask: () => unknown): AccessError["refusal"] | undefined => {
  try {
    ask();
    return undefined;
  } catch (error) {
    return (error as AccessError).refusal;
  }
};

describe("access", () => {
  it("gives each role what the one before it may, and not what the next may", () => {
    const caller = aKey("caller");
    const operator = aKey("operator");
    const admin = aKey("admin");
    const { access } = anAccess([caller.key, operator.key, admin.key]);
    const may = ({ text }: { text: string }) =>
      (["caller", "own", "operator", "admin"] as const).map(
        (rule) => refusal(() => access.admit(rule, from(text))) ?? "yes",
      );
    expect(may(caller)).toEqual(["yes", "yes", "role_missing", "role_missing"]);
    expect(may(operator)).toEqual(["yes", "yes", "yes", "role_missing"]);
    expect(may(admin)).toEqual(["yes", "yes", "yes", "yes"]);
  });

  it("is open on this machine until a key was ever made, and never on a network", () => {
    expect(anAccess([]).access.admit("admin", from())?.isOpen).toBe(true);
    expect(refusal(() => anAccess([], { isLocal: false }).access.admit("caller", from()))).toBe(
      "unauthenticated",
    );
    const { access, keyring } = anAccess([aKey("admin").key]);
    keyring.replace([], true); // the last one was revoked
    expect(refusal(() => access.admit("caller", from()))).toBe("unauthenticated");
  });

  it("leaves calls open beside an admin token, and nothing that tells callers apart", () => {
    const { access } = anAccess([], { adminToken: "the-token" });
    expect(access.admit("caller", from("whatever"))?.role).toBe("caller");
    expect(refusal(() => access.admit("own", from()))).toBe("unauthenticated");
    expect(refusal(() => access.admit("operator", from("whatever")))).toBe("unauthenticated");
    expect(access.admit("admin", from("the-token"))?.keyId).toBe("admin-token");
  });

  it("lets nobody in before the keys are known", () => {
    const keyring = new Keyring(PEPPER, () => 0);
    expect(refusal(() => anAccess([], { keyring }).access.admit("caller", from("x")))).toBe("keys_unknown");
  });

  it("refuses a key from the moment it expires, also one that it has let in", () => {
    const { key, text } = aKey("caller", { expiresAt: new Date(1_000) });
    const { access, clock } = anAccess([key]);
    clock.ms = 999;
    expect(refusal(() => access.admit("caller", from(text)))).toBeUndefined();
    clock.ms = 1_000;
    expect(refusal(() => access.admit("caller", from(text)))).toBe("unauthenticated");
  });

  it("waits twice as long after each guess beyond the tenth, and forgets who was quiet", () => {
    const { key, text } = aKey("caller");
    const { access, clock } = anAccess([key]);
    const wrong = keyText({ keyId: key.keyId, secret: "x".repeat(43) });
    const guess = () => refusal(() => access.admit("caller", from(wrong)));
    for (let tries = 0; tries < 10; tries += 1) expect(guess()).toBe("unauthenticated");
    expect(guess()).toBe("too_many_guesses");
    // The right secret has to wait, too: or waiting would tell nothing.
    expect(refusal(() => access.admit("caller", from(text)))).toBe("too_many_guesses");
    expect(refusal(() => access.admit("caller", from(text, { address: "10.0.0.2" })))).toBeUndefined();
    clock.ms += 1_000;
    expect(guess()).toBe("unauthenticated");
    clock.ms += 1_000;
    expect(guess()).toBe("too_many_guesses");
    clock.ms += 1_000;
    expect(guess()).toBe("unauthenticated");
    clock.ms += 11 * 60_000;
    for (let tries = 0; tries < 10; tries += 1) expect(guess()).toBe("unauthenticated");
  });

  it("takes a session for its key as long as both hold, and no session that was altered", () => {
    const { key, text } = aKey("operator");
    const { access, keyring, clock } = anAccess([key]);
    const identity = access.admit("operator", from(text));
    const session = identity && access.issueSession(identity);
    const may = (given: string | undefined) =>
      refusal(() => access.admit("operator", from(undefined, { session: given }))) ?? "yes";
    expect(may(session)).toBe("yes");
    const other = aKey("admin").key;
    keyring.replace([key, other], true);
    expect(may(session?.replace(key.keyId, other.keyId))).toBe("unauthenticated");
    expect(may(session?.replace(/\.\d+\./, ".9999999999999."))).toBe("unauthenticated");
    keyring.replace([{ ...key, hash: other.hash }], true); // rotated
    expect(may(session)).toBe("unauthenticated");
    keyring.replace([key], true);
    clock.ms += 12 * 3_600_000;
    expect(may(session)).toBe("unauthenticated");
  });

  it("knows the text of a key from any other", () => {
    const { text, key } = aKey("caller");
    expect(parseKey(text)?.keyId).toBe(key.keyId);
    expect(text).toMatch(/^mt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    for (const other of ["", "mt__", text.slice(1), `${text}=`, text.toUpperCase(), ` ${text}`]) {
      expect(parseKey(other)).toBeUndefined();
    }
  });
});
