/** The commands of `npm run keys`. They ask the database, and not the service. */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  CreateApiKeyRequestSchema,
  KeyLimitsSchema,
  RotateApiKeyRequestSchema,
  SetApiKeyLimitsRequestSchema,
} from "../../gen/modeltier/v1/api_key_pb.js";
import { type IssuedKey, KeyAdmin, PepperMissingError } from "../access/key-admin.ts";
import { ROLES, type Role, type StoredKey } from "../access/types.ts";
import type { KeyLimits } from "../limits/types.ts";
import { roleToProto } from "../rpc/convert/api-key.ts";
import { readKeyId, readKeyWish, readLimitsOfKey, readRotation } from "../rpc/validate/api-key.ts";
import { fieldName, InvalidRequestError } from "../rpc/validate/violations.ts";
import { pepperOf } from "../service/access.ts";
import type { Settings } from "../settings/settings.ts";
import { keyStoreOf } from "../store/api-keys.ts";
import { openOrVisit } from "../store/database.ts";
import type { Log } from "../telemetry/log.ts";
import { EXIT, type ExitCode } from "./cli.ts";

export type KeysDeps = Readonly<{
  settings: Settings;
  log: Log;
  /** Results, to standard output: of a new key its text alone, so that a script can take it. */
  print(text: string): void;
  say(text: string): void;
}>;

const AUTHOR = "npm run keys";
const HOUR_MS = 3_600_000;
const USAGE = `Usage:
  npm run keys -- create --role ${ROLES.join("|")} [--name text] [--days number] [limits]
  npm run keys -- list [--ended]
  npm run keys -- rotate <id> [--overlap-hours number]
  npm run keys -- limit <id> [limits]    what is left out is not limited any more
  npm run keys -- revoke <id>
Limits: --requests-per-minute n  --tokens-per-minute n  --concurrent-calls n
They ask the database of DATABASE_URL, or the embedded one in MODELTIER_DATA_DIR, whether the service runs or not.`;

type Words = ReturnType<typeof read>;

export async function runKeys(words: readonly string[], deps: KeysDeps): Promise<ExitCode> {
  const { settings, log, say } = deps;
  let given: Words;
  try {
    given = read(words);
  } catch (error) {
    say(`${(error as Error).message}\n\n${USAGE}`);
    return EXIT.usage;
  }
  const run = COMMANDS[given.positionals[0] ?? ""];
  if (run === undefined) {
    say(USAGE);
    return EXIT.usage;
  }
  const database = await openOrVisit({ url: settings.databaseUrl, dataDir: settings.dataDir, log });
  try {
    await database.migrate();
    const { db } = database;
    const keys = new KeyAdmin({
      store: keyStoreOf(db),
      pepper: pepperOf(settings, database.engine),
      randomBytes,
      wallMs: Date.now,
      changed: async () => undefined, // the service looks by itself
    });
    return await run(given, keys, deps);
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      for (const { path, description } of error.violations) say(`${fieldName(path, "proto")} ${description}`);
      return EXIT.usage;
    }
    if (error instanceof UsageError) {
      say(`${error.message}\n\n${USAGE}`);
      return EXIT.usage;
    }
    if (!(error instanceof PepperMissingError)) throw error;
    say(error.message);
    return EXIT.failed;
  } finally {
    await database.close();
  }
}

const read = (words: readonly string[]) =>
  parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      role: { type: "string" },
      name: { type: "string" },
      days: { type: "string" },
      "overlap-hours": { type: "string" },
      ended: { type: "boolean" },
      "requests-per-minute": { type: "string" },
      "tokens-per-minute": { type: "string" },
      "concurrent-calls": { type: "string" },
    },
  });

type Run = (given: Words, keys: KeyAdmin, deps: KeysDeps) => Promise<ExitCode>;

const createKey: Run = async ({ values }, keys, deps) => {
  const { role, name, days } = values;
  const known = ROLES.find((one) => one === role);
  if (known === undefined) {
    deps.say(`--role is missing, or none of ${ROLES.join(", ")}\n\n${USAGE}`);
    return EXIT.usage;
  }
  const lifetime = days === undefined ? undefined : durationFromMs(Number(days) * 24 * HOUR_MS || 0);
  const request = create(CreateApiKeyRequestSchema, {
    name: name ?? known,
    role: roleToProto(known),
    limits: limitsIn(values),
    ...(lifetime && { lifetime }),
  });
  show(await keys.create({ ...readKeyWish(request), author: AUTHOR }), deps);
  return EXIT.done;
};

const rotate: Run = async ({ positionals: [, keyId = ""], values }, keys, deps) => {
  const hours = values["overlap-hours"];
  const overlap = hours === undefined ? undefined : durationFromMs(Number(hours) * HOUR_MS);
  const wish = readRotation(create(RotateApiKeyRequestSchema, { keyId, ...(overlap && { overlap }) }));
  const issued = await keys.rotate(wish.keyId, AUTHOR, wish.overlapMs);
  if (issued === undefined) return missing(deps);
  show(issued, deps);
  const until = issued.key.previous?.expiresAt;
  if (until !== undefined) deps.say(`The old secret holds until ${until.toISOString()}.`);
  return EXIT.done;
};

const limit: Run = async ({ positionals: [, keyId = ""], values }, keys, deps) => {
  const request = create(SetApiKeyLimitsRequestSchema, { keyId, limits: limitsIn(values) });
  const wish = readLimitsOfKey(request);
  const key = await keys.setLimits(wish.keyId, wish.limits, AUTHOR);
  if (key === undefined) return missing(deps);
  deps.say(`Key ${key.keyId} has ${wordsOf(key.limits)}; every replica knows within 5 seconds.`);
  return EXIT.done;
};

const LIMIT_FLAGS = {
  requestsPerMinute: "requests-per-minute",
  tokensPerMinute: "tokens-per-minute",
  concurrentCalls: "concurrent-calls",
} as const satisfies Record<keyof KeyLimits, string>;
const LARGEST = 2 ** 31 - 1;

/** @throws UsageError */
function limitsIn(values: Words["values"]) {
  const limits = create(KeyLimitsSchema);
  for (const name of Object.keys(LIMIT_FLAGS) as (keyof KeyLimits)[]) {
    const flag = LIMIT_FLAGS[name];
    const text = values[flag];
    if (text === undefined) continue;
    if (!/^[0-9]+$/.test(text) || Number(text) > LARGEST)
      throw new UsageError(`--${flag} is ${text}; give a whole number from 1 to ${LARGEST}`);
    limits[name] = Number(text);
  }
  return limits;
}

class UsageError extends Error {}

/** "no limits", or "60 requests a minute, 4 calls at a time". */
const wordsOf = ({ requestsPerMinute, tokensPerMinute, concurrentCalls }: KeyLimits = {}): string =>
  [
    requestsPerMinute && `${requestsPerMinute} requests a minute`,
    tokensPerMinute && `${tokensPerMinute} tokens a minute`,
    concurrentCalls && `${concurrentCalls} calls at a time`,
  ]
    .filter((words) => words !== undefined)
    .join(", ") || "no limits";

const revoke: Run = async ({ positionals: [, keyId = ""] }, keys, deps) => {
  const key = await keys.revoke(readKeyId(keyId), AUTHOR);
  if (key === undefined) return missing(deps);
  deps.say(`Key ${key.keyId} is revoked; every replica knows within 5 seconds.`);
  return EXIT.done;
};

const list: Run = async ({ values: { ended = false } }, keys, { print, say }) => {
  const listed = await keys.list({ ended });
  for (const key of listed) print(lineOf(key));
  if (listed.length === 0) say("There is no key.");
  return EXIT.done;
};

const COMMANDS: Readonly<Record<string, Run>> = { create: createKey, list, rotate, limit, revoke };

function show({ key, text }: IssuedKey, { print, say }: KeysDeps): void {
  say(`${roleWord(key.role)} key ${key.keyId}. This is the only time it is shown:`);
  print(text);
}

const roleWord = (role: Role): string => role.charAt(0).toUpperCase() + role.slice(1);

function missing({ say }: KeysDeps): ExitCode {
  say("There is no such key, or it is revoked: npm run keys -- list shows those that hold.");
  return EXIT.failed;
}

function lineOf({ keyId, role, name, createdAt, expiresAt, revokedAt, limits }: StoredKey): string {
  const end =
    revokedAt !== undefined
      ? `revoked ${revokedAt.toISOString()}`
      : expiresAt !== undefined
        ? `expires ${expiresAt.toISOString()}`
        : "";
  const limited = limits === undefined ? "" : `  ${wordsOf(limits)}`;
  return `${keyId}  ${role.padEnd(8)}  ${createdAt.toISOString()}  ${name}${limited}  ${end}`.trimEnd();
}
