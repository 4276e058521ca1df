/** X12: up to a million guesses at the one place that decides, and whether its time tells an id that exists from one that does not. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { expect, it } from "vitest";
import { Access } from "../../src/access/access.ts";
import type { AccessError } from "../../src/access/access-error.ts";
import { GuessLimiter } from "../../src/access/guess-limiter.ts";
import { hashKey, keyText, newKeyId, newSecret, pepperIdOf } from "../../src/access/key-text.ts";
import { Keyring } from "../../src/access/keyring.ts";
import { Sessions } from "../../src/access/sessions.ts";
import { isThorough } from "./rig/thorough.ts";

const PEPPER = "a pepper that is long enough for it";
const KEYS = Array.from({ length: 100 }, () => ({
  keyId: newKeyId(randomBytes),
  secret: newSecret(randomBytes),
}));

function aKeyring(): Keyring {
  const keyring = new Keyring(PEPPER, Date.now);
  const keys = KEYS.map((given) => ({
    keyId: given.keyId,
    name: "a key",
    role: "caller" as const,
    hash: hashKey(given, PEPPER),
    pepperId: pepperIdOf(PEPPER),
    createdAt: new Date(0),
    createdBy: "a test",
  }));
  keyring.replace(keys, true);
  return keyring;
}

const GUESSES = isThorough ? 1_000_000 : 100_000;

it(`lets in none of ${GUESSES} guesses, of ids that exist and of others, and every holder still`, () => {
  const access = new Access({
    keyring: aKeyring(),
    guesses: new GuessLimiter(() => performance.now()),
    sessions: new Sessions("a secret", Date.now),
    certificateRoles: new Map(),
    isLocal: true,
    hasPepper: true,
  });
  const evidence = { authorization: "", address: "", certificateNames: [] };
  const ask = (address: string, key: string): string => {
    try {
      return access.admit("caller", { ...evidence, address, authorization: `Bearer ${key}` })?.keyId ?? "";
    } catch (error) {
      return (error as AccessError).refusal;
    }
  };
  const outcomes = new Map<string, number>();
  for (let guess = 0; guess < GUESSES; guess += 1) {
    const known = KEYS[guess % KEYS.length]?.keyId ?? "";
    const keyId = guess % 2 === 0 ? known : guess.toString(16).padStart(16, "0");
    const outcome = ask(`10.0.${guess % 7}.1`, `mt_${keyId}_${guess.toString(36).padStart(43, "A")}`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(["too_many_guesses", "unauthenticated"]);
  for (const key of KEYS) expect(ask("10.1.0.1", keyText(key))).toBe(key.keyId);
});

/** Far more than what is measured, and far less than what a network shows. */
const MOST_DIFFERENCE_US = 5;

it("takes as long for an id that exists as for one that does not", () => {
  const keyring = aKeyring();
  const texts = {
    known: KEYS.map(({ keyId }) => keyText({ keyId, secret: newSecret(randomBytes) })),
    unknown: KEYS.map(() => keyText({ keyId: newKeyId(randomBytes), secret: newSecret(randomBytes) })),
  };
  const blocks: Record<keyof typeof texts, number[]> = { known: [], unknown: [] };
  for (let round = 0; round < 500; round += 1) {
    for (const kind of ["known", "unknown"] as const) {
      const startedMs = performance.now();
      for (const text of texts[kind]) keyring.prove(text);
      blocks[kind].push(((performance.now() - startedMs) * 1_000) / KEYS.length);
    }
  }
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  expect(Math.abs(median(blocks.known) - median(blocks.unknown))).toBeLessThan(MOST_DIFFERENCE_US);
});
