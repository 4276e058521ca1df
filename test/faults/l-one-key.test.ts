/** L06: what one key may take at two replicas of one Postgres, at every door, while others go on. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { KeyLimits, KeyLimitsSchema } from "../../gen/modeltier/v1/api_key_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, DOORS, makeKey, refusalOf, transportTo } from "../support/access.ts";
import { keys } from "../support/keys-command.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask } from "../support/workers.ts";
import { holdsWithin } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";

const ADMIN = "the-admin-of-this-test-which-is-long-enough";
const PEPPER = "the-pepper-of-this-test-which-is-long-enough";
/** What the replicas may not know of each other, and the time that this machine takes. */
const TOLD_WITHIN_MS = 10_000;

let postgres: TestPostgres;
let env: Readonly<Record<string, string>>;
let replicas: readonly [RunningService, RunningService];
beforeAll(async () => {
  postgres = await startPostgres();
  env = {
    DATABASE_URL: await postgres.createDatabase(),
    MODELTIER_KEY_PEPPER: PEPPER,
    MODELTIER_ADMIN_TOKEN: ADMIN,
    MODELTIER_MAX_LAG_MS: "10000",
    MODELTIER_SANDBOX_TOKENS_PER_SECOND: "300",
  };
  replicas = [await startService({ env }), await startService({ env })];
}, 60_000);
afterAll(async () => {
  await Promise.all((replicas ?? []).map((replica) => replica.stop()));
  await postgres?.stop();
});

/** A key with limits that both replicas know of. */
async function limitedKey(limits: MessageInitShape<typeof KeyLimitsSchema>) {
  const access = accessOf(replicas[0]);
  const key = await makeKey(access, ADMIN, "caller", "limited");
  await access.setApiKeyLimits({ keyId: key.keyId, limits }, bearer(ADMIN));
  // A replica that has not heard of the key yet refuses it.
  const heardBy = (replica: RunningService) => limitsOf(replica, key.secret).catch(() => undefined);
  const knows = (replica: RunningService) =>
    holdsWithin(5_000, async () => (await heardBy(replica)) !== undefined);
  expect(await Promise.all(replicas.map(knows))).toEqual([true, true]);
  return key;
}

async function limitsOf(replica: RunningService, secret: string): Promise<KeyLimits | undefined> {
  const { apiKeys } = await accessOf(replica).listApiKeys({}, bearer(secret));
  return apiKeys[0]?.limits;
}

const routerOf = (replica: RunningService, door: (typeof DOORS)[number] = "grpc") =>
  createClient(RouterService, transportTo(replica, door));

/** One whole answer. @returns the error, if it ends with one */
const once = (replica: RunningService, secret: string, prompt = "Say hello") =>
  routerOf(replica)
    .completeOnce({ request: ask(prompt) }, bearer(secret))
    .then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );

/** Streams that are under way until they are left, and how each ends; those that are refused end at once. */
function hold(replica: RunningService, secret: string, count: number) {
  const router = routerOf(replica);
  const leaving = new AbortController();
  const ends = Array.from({ length: count }, async () => {
    const events = router.complete(ask("[tokens=4000]"), { ...bearer(secret), signal: leaving.signal });
    return readAll(events).catch((error: unknown) => ConnectError.from(error));
  });
  return { ends, leave: () => leaving.abort() };
}

async function readAll(events: AsyncIterable<unknown>): Promise<undefined> {
  for await (const _ of events);
}

const callsAt = async (replica: RunningService): Promise<number> =>
  sumOf(await pageOf(replica), "modeltier_calls_in_flight");
const pageOf = async ({ httpUrl }: RunningService): Promise<string> =>
  (await fetch(`${httpUrl}/metrics`)).text();

function expectRateLimited(error: ConnectError | undefined, limit: string, most: number): void {
  expect(error?.code).toBe(Code.ResourceExhausted);
  const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
  expect(info?.reason).toBe("RATE_LIMITED");
  expect(info?.metadata).toEqual({ limit, most: String(most) });
  const [retry] = error?.findDetails(RetryInfoSchema) ?? [];
  expect(durationMs(retry?.retryDelay as Duration)).toBeGreaterThan(0);
  expect(error?.rawMessage).toContain(limit);
}

it("L06 one key floods: it gets what it may have, and every call of another is answered", async () => {
  const flood = await limitedKey({ concurrentCalls: 5 });
  const quiet = await makeKey(accessOf(replicas[0]), ADMIN, "caller", "quiet");
  const flooding = hold(replicas[0], flood.secret, 200);
  expect(await holdsWithin(20_000, async () => (await callsAt(replicas[0])) === 5)).toBe(true);
  for (let call = 0; call < 20; call += 1) expect(await once(replicas[0], quiet.secret)).toBeUndefined();
  flooding.leave();
  const refused = (await Promise.all(flooding.ends)).filter((end) => end?.code !== Code.Canceled);
  expect(refused).toHaveLength(195);
  for (const error of refused) expectRateLimited(error, "concurrent_calls", 5);
  const page = await pageOf(replicas[0]);
  expect(sumOf(page, "modeltier_rate_limited_total", { limit: "concurrent_calls" })).toBe(195);
  expect(page).not.toContain(flood.keyId);
  // Whoever left made room.
  expect(await holdsWithin(5_000, async () => (await once(replicas[0], flood.secret)) === undefined)).toBe(
    true,
  );
});

it("a key that has made its requests of a minute is refused at every door, and told when to come back", async () => {
  const key = await limitedKey({ requestsPerMinute: 3 });
  for (let call = 0; call < 3; call += 1) expect(await once(replicas[0], key.secret)).toBeUndefined();
  for (const door of DOORS) {
    const asking = routerOf(replicas[0], door).completeOnce(
      { request: ask("Say hello") },
      bearer(key.secret),
    );
    expectRateLimited(await refusalOf(asking), "requests_per_minute", 3);
  }
  const openai = new OpenAI({ apiKey: key.secret, baseURL: `${replicas[0].httpUrl}/v1`, maxRetries: 0 });
  const chat = openai.chat.completions.create({
    model: "auto",
    messages: [{ role: "user", content: "Hello" }],
  });
  const error = await chat.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(OpenAI.RateLimitError);
  const { headers, code, message } = error as InstanceType<typeof OpenAI.RateLimitError>;
  const seconds = Number(headers.get("retry-after"));
  expect([seconds > 0, seconds <= 61, code]).toEqual([true, true, "rate_limit_exceeded"]);
  expect(message).toContain("requests_per_minute");
  // What it may ask without a provider it still may.
  await routerOf(replicas[0]).route({ agentId: "a" }, bearer(key.secret));
});

it("a limit holds over all replicas together, once they have told each other", async () => {
  const key = await limitedKey({ requestsPerMinute: 6 });
  for (let call = 0; call < 3; call += 1) expect(await once(replicas[0], key.secret)).toBeUndefined();
  expect(await once(replicas[1], key.secret)).toBeUndefined();
  // Four are taken of six; the second replica hears of three of them.
  let taken = 4;
  const isRefused = async () => {
    const error = await once(replicas[1], key.secret);
    if (error === undefined) taken += 1;
    else expectRateLimited(error, "requests_per_minute", 6);
    await sleep(1_500);
    return error !== undefined;
  };
  expect(await holdsWithin(TOLD_WITHIN_MS, isRefused)).toBe(true);
  // What one takes while the other has not heard of it comes on top; without a word it would be three more.
  expect([6, 7]).toContain(taken);
  expect(
    await holdsWithin(TOLD_WITHIN_MS, async () => (await once(replicas[0], key.secret)) !== undefined),
  ).toBe(true);
});

it("the tokens of a minute are those that calls have used", async () => {
  const key = await limitedKey({ tokensPerMinute: 500 });
  expect(await once(replicas[0], key.secret, "[tokens=600]")).toBeUndefined();
  expectRateLimited(await once(replicas[0], key.secret), "tokens_per_minute", 500);
});

it("limits are set, raised and lifted by an admin, at every replica, and noted", async () => {
  const key = await limitedKey({ requestsPerMinute: 1 });
  expect(await once(replicas[1], key.secret)).toBeUndefined();
  expectRateLimited(await once(replicas[1], key.secret), "requests_per_minute", 1);
  const access = accessOf(replicas[0]);
  await access.setApiKeyLimits({ keyId: key.keyId }, bearer(ADMIN));
  expect(await holdsWithin(5_000, async () => (await once(replicas[1], key.secret)) === undefined)).toBe(
    true,
  );

  const asking = access.setApiKeyLimits({ keyId: key.keyId, limits: { tokensPerMinute: 0 } }, bearer(ADMIN));
  const wrong = await refusalOf(asking);
  expect([wrong.code, wrong.rawMessage]).toEqual([
    Code.InvalidArgument,
    expect.stringMatching(/^limits\.tokens_per_minute is 0; it must be from 1 on/),
  ]);
  const unknown = access.setApiKeyLimits({ keyId: "0000000000000000" }, bearer(ADMIN));
  expect((await refusalOf(unknown)).code).toBe(Code.NotFound);
  const own = accessOf(replicas[0]).setApiKeyLimits({ keyId: key.keyId }, bearer(key.secret));
  expect((await refusalOf(own)).code).toBe(Code.PermissionDenied);

  const made = await keys(
    ["create", "--role", "caller", "--name", "batch", "--requests-per-minute", "60"],
    env,
  );
  const keyId = made.out.split("_")[1] ?? "";
  expect((await limitsOf(replicas[0], made.out))?.requestsPerMinute).toBe(60);
  expect((await keys(["limit", keyId, "--concurrent-calls", "4"], env)).err).toContain("4 calls at a time");
  expect((await keys(["list"], env)).out).toMatch(new RegExp(`^${keyId} .*batch  4 calls at a time$`, "m"));
  const [notANumber, nobody] = await Promise.all([
    keys(["limit", keyId, "--tokens-per-minute", "many"], env),
    keys(["limit", "0123456789abcdef", "--concurrent-calls", "4"], env),
  ]);
  expect(notANumber).toMatchObject({
    code: 2,
    err: expect.stringContaining("--tokens-per-minute is many; give a whole number"),
  });
  expect(nobody).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no such key.*npm run keys -- list/),
  });
  const config = createClient(ConfigService, transportTo(replicas[0], "grpc"));
  const { entries } = await config.listAuditEntries({}, bearer(ADMIN));
  expect(entries.filter(({ action }) => action === "key.limit").map(({ author }) => author)).toContain(
    "npm run keys",
  );
});
