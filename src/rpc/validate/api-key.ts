/** Requests of AccessService for keys. */
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type {
  CreateApiKeyRequest,
  KeyLimits as KeyLimitsProto,
  RotateApiKeyRequest,
  SetApiKeyLimitsRequest,
} from "../../../gen/modeltier/v1/api_key_pb.js";
import type { KeyWish } from "../../access/key-admin.ts";
import { type KeyLimits, NO_LIMITS } from "../../limits/types.ts";
import { roleFromProto } from "../convert/api-key.ts";
import { LONGEST } from "./bounds.ts";
import { type FieldPath, requireLength, Violations } from "./violations.ts";

const DAY_MS = 24 * 3_600_000;
const LONGEST_LIFETIME_MS = 3_650 * DAY_MS;
const LONGEST_OVERLAP_MS = 30 * DAY_MS;
const ROLES = "use ACCESS_ROLE_CALLER, ACCESS_ROLE_OPERATOR or ACCESS_ROLE_ADMIN";

/** Said after a field's name, of an id that has the right form. */
export const NO_SUCH_KEY =
  "is the id of no key, or of one that is revoked: the list of keys (ListApiKeys) has those that hold";

/** @throws InvalidRequestError naming every wrong field */
export function readKeyWish(request: CreateApiKeyRequest): Omit<KeyWish, "author"> {
  const found = new Violations();
  const name = request.name.trim();
  found.require(name !== "", ["name"], "is empty: say who or what will use the key");
  found.require(!name.includes("\u0000"), ["name"], "holds a NUL character, which is not taken");
  requireLength(found, name, LONGEST.keyName, ["name"]);
  const role = roleFromProto(request.role);
  found.require(role !== undefined, ["role"], `is missing or not known: ${ROLES}`);
  const lifetimeMs = readTime(found, request.lifetime, [1, LONGEST_LIFETIME_MS], ["lifetime"]);
  const limits = readLimits(found, request.limits);
  found.throwIfAny();
  if (role === undefined) throw new Error("a role is missing");
  return { name, role, limits, ...(lifetimeMs !== undefined && { lifetimeMs }) };
}

/** @throws InvalidRequestError */
export function readRotation(request: RotateApiKeyRequest): Readonly<{ keyId: string; overlapMs?: number }> {
  const found = new Violations();
  const keyId = readId(found, request.keyId);
  const overlapMs = readTime(found, request.overlap, [0, LONGEST_OVERLAP_MS], ["overlap"]);
  found.throwIfAny();
  return { keyId, ...(overlapMs !== undefined && { overlapMs }) };
}

/** @throws InvalidRequestError */
export function readLimitsOfKey(
  request: SetApiKeyLimitsRequest,
): Readonly<{ keyId: string; limits: KeyLimits }> {
  const found = new Violations();
  const keyId = readId(found, request.keyId);
  const limits = readLimits(found, request.limits);
  found.throwIfAny();
  return { keyId, limits };
}

const LIMITS = [
  ["requestsPerMinute", "requests_per_minute"],
  ["tokensPerMinute", "tokens_per_minute"],
  ["concurrentCalls", "concurrent_calls"],
] as const;

function readLimits(found: Violations, given: KeyLimitsProto | undefined): KeyLimits {
  if (given === undefined) return NO_LIMITS;
  const limits: { -readonly [name in keyof KeyLimits]: KeyLimits[name] } = {};
  for (const [name, field] of LIMITS) {
    const most = given[name];
    if (most === undefined) continue;
    found.require(
      most >= 1,
      ["limits", field],
      `is ${most}; it must be from 1 on: revoke a key that may take nothing, and leave out what is not limited`,
    );
    limits[name] = most;
  }
  return limits;
}

/** @throws InvalidRequestError */
export function readKeyId(keyId: string): string {
  const found = new Violations();
  readId(found, keyId);
  found.throwIfAny();
  return keyId;
}

function readId(found: Violations, keyId: string): string {
  found.require(
    /^[0-9a-f]{16}$/.test(keyId),
    ["key_id"],
    "is not the id of a key: give the 16 characters that follow mt_, without the secret",
  );
  return keyId;
}

function readTime(
  found: Violations,
  duration: Duration | undefined,
  [leastMs, mostMs]: readonly [number, number],
  path: FieldPath,
): number | undefined {
  if (duration === undefined) return undefined;
  const ms = durationMs(duration);
  if (ms >= leastMs && ms <= mostMs) return ms;
  const least = leastMs === 0 ? "0" : "above 0";
  found.add(path, `is ${ms / 1_000} s; it must be ${least} and at most ${mostMs / DAY_MS} days`);
  return undefined;
}
