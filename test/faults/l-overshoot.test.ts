/**
 * L06: by how much the calls of one key may go over its limits where it floods three replicas at once, which tell each other every second
 * what it took. The figures of src/limits/README.md come from here.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KeyLimitsSchema } from "../../gen/modeltier/v1/api_key_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, makeKey, transportTo } from "../support/access.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask } from "../support/workers.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const ADMIN = "the-admin-of-this-test-which-is-long-enough";
const REPLICAS = 3;
const MINUTE_MS = 60_000;
const MINUTES = 3;

let postgres: TestPostgres;
let replicas: readonly RunningService[] = [];
beforeAll(async () => {
  if (!isThorough) return;
  postgres = await startPostgres();
  const env = {
    DATABASE_URL: await postgres.createDatabase(),
    MODELTIER_KEY_PEPPER: "the-pepper-of-this-test-which-is-long-enough",
    MODELTIER_ADMIN_TOKEN: ADMIN,
    MODELTIER_MAX_LAG_MS: "10000",
    MODELTIER_SANDBOX_TOKENS_PER_SECOND: "200",
  };
  const first = await startService({ env });
  const others = Array.from({ length: REPLICAS - 1 }, () => startService({ env }));
  replicas = [first, ...(await Promise.all(others))];
}, 120_000);
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await postgres?.stop();
});

/** A key that every replica holds to the same limits. */
async function limitedKey(limits: MessageInitShape<typeof KeyLimitsSchema>): Promise<string> {
  const [first] = replicas as [RunningService];
  const access = accessOf(first);
  const { keyId, secret } = await makeKey(access, ADMIN, "caller", "flood");
  await access.setApiKeyLimits({ keyId, limits }, bearer(ADMIN));
  for (const replica of replicas) {
    const isKnown = async () => {
      const { apiKeys } = await accessOf(replica).listApiKeys({}, bearer(secret));
      return apiKeys[0]?.limits !== undefined;
    };
    expect(await holdsWithin(20_000, isKnown)).toBe(true);
  }
  return secret;
}

type Router = Client<typeof RouterService>;
const routers = (): readonly Router[] =>
  replicas.map((replica) => createClient(RouterService, transportTo(replica, "grpc")));

/** One call, to its end. @param onTaken called when it is let in @returns whether it was */
async function callOnce(router: Router, secret: string, tokens: number, onTaken = () => {}) {
  try {
    const events = router.complete(ask(`[tokens=${tokens}]`), bearer(secret))[Symbol.asyncIterator]();
    await events.next();
    onTaken();
    while (!(await events.next()).done);
    return true;
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    expect(code, message).toBe(Code.ResourceExhausted);
    return false;
  }
}

/** Callers at every replica who ask again and again, each so long after its last call. @returns when calls began that were let in */
async function flood(secret: string, callers: number, pauseMs: number): Promise<readonly number[]> {
  const untilMs = performance.now() + MINUTES * MINUTE_MS;
  const taken: number[] = [];
  const keepAsking = async (router: Router): Promise<void> => {
    while (performance.now() < untilMs) {
      const beganMs = performance.now();
      if (await callOnce(router, secret, 1)) taken.push(beganMs);
      await sleep(pauseMs);
    }
  };
  await Promise.all(routers().flatMap((router) => Array.from({ length: callers }, () => keepAsking(router))));
  return taken.sort((one, other) => one - other);
}

/** The most that began in any sixty seconds. */
const mostInAMinute = (beganMs: readonly number[]): number =>
  Math.max(...beganMs.map((from) => beganMs.filter((at) => at >= from && at < from + MINUTE_MS).length));

const overshoot = (most: number, limit: number): string =>
  `${Math.round((100 * (most - limit)) / limit)} % over`;

it.runIf(isThorough)(
  "L06 one key floods three replicas: what it gets in a minute is never more than its limit at each of them",
  { timeout: (MINUTES + 2) * MINUTE_MS },
  async () => {
    const [small, large] = [60, 1_200];
    const [all, steady] = await Promise.all([
      limitedKey({ requestsPerMinute: small }).then((secret) => flood(secret, 8, 20)),
      // 40 calls a second, twice what it may.
      limitedKey({ requestsPerMinute: large }).then((secret) => flood(secret, 20, 1_500)),
    ]);
    const most = [mostInAMinute(all), mostInAMinute(steady)] as const;
    console.info(`L06: ${most[0]} of ${small} in a minute, all at once: ${overshoot(most[0], small)}`);
    console.info(`L06: ${most[1]} of ${large} in a minute, at twice the rate: ${overshoot(most[1], large)}`);
    expect(most[0]).toBeLessThanOrEqual(REPLICAS * small);
    expect(most[1]).toBeLessThan(1.5 * large);
    expect(Math.min(most[0] / small, most[1] / large)).toBeGreaterThanOrEqual(1);
  },
);

it.runIf(isThorough).each([
  ["all as long", () => 600],
  ["of one to six seconds", (caller: number, call: number) => 200 * (1 + ((caller + 5 * call) % 6))],
] as const)(
  "L06 one key floods three replicas with calls %s: at a time there are never more than its limit at each of them",
  { timeout: 2 * MINUTE_MS },
  async (kind, tokensOf) => {
    const limit = 12;
    const secret = await limitedKey({ concurrentCalls: limit });
    const untilMs = performance.now() + MINUTE_MS / 2;
    let calls = 0;
    let most = 0;
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(calls), 100);
    const keepAsking = async (router: Router, caller: number): Promise<void> => {
      for (let call = 0; performance.now() < untilMs; call += 1) {
        const wasTaken = await callOnce(router, secret, tokensOf(caller, call), () => {
          calls += 1;
          most = Math.max(most, calls);
        });
        if (wasTaken) calls -= 1;
        else await sleep(200);
      }
    };
    const callers = Array.from({ length: 2 * limit }, (_, caller) => caller);
    await Promise.all(routers().flatMap((router) => callers.map((caller) => keepAsking(router, caller))));
    clearInterval(sampling);
    const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length;
    console.info(
      `L06: calls ${kind}: ${most} of ${limit} at a time at the most, ${mean.toFixed(1)} in the mean`,
    );
    expect(most).toBeLessThanOrEqual(REPLICAS * limit);
    expect(most).toBeGreaterThanOrEqual(limit);
  },
);
