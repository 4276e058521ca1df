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

/** A share moves within so long: four of the rounds in which replicas tell each other, and what a busy machine takes. */
const SETTLED_MS = 5_000;
/** Of those that the test makes. */
const LONGEST_CALL_MS = 6_000;

it.runIf(isThorough).each([
  ["all as long", () => 600],
  ["of one to six seconds", (caller: number, call: number) => 200 * (1 + ((caller + 5 * call) % 6))],
] as const)(
  "L06 one key floods three replicas with calls %s: at a time there are never more than its limit at each, and soon no more than its limit",
  { timeout: 3 * MINUTE_MS },
  async (kind, tokensOf) => {
    const limit = 12;
    const secret = await limitedKey({ concurrentCalls: limit });
    const beganMs = performance.now();
    const [alone, ended] = [beganMs + MINUTE_MS / 2, beganMs + MINUTE_MS];
    let calls = 0;
    const samples: { atMs: number; calls: number }[] = [];
    const sampling = setInterval(() => samples.push({ atMs: performance.now() - beganMs, calls }), 50);
    const keepAsking = async (router: Router, caller: number, untilMs: number): Promise<void> => {
      for (let call = 0; performance.now() < untilMs; call += 1) {
        const wasTaken = await callOnce(router, secret, tokensOf(caller, call), () => {
          calls += 1;
        });
        if (wasTaken) calls -= 1;
        else await sleep(200);
      }
    };
    const callers = Array.from({ length: 2 * limit }, (_, caller) => caller);
    // Halfway all but one replica are left alone.
    const flooding = routers().flatMap((router, replica) =>
      callers.map((caller) => keepAsking(router, caller, replica === 0 ? ended : alone)),
    );
    await Promise.all(flooding.slice(callers.length));
    const leftMs = performance.now() - beganMs;
    await Promise.all(flooding);
    clearInterval(sampling);
    const fullAgain = samples.find((sample) => sample.atMs > leftMs && sample.calls >= limit);
    const tookMs = (fullAgain?.atMs ?? Number.POSITIVE_INFINITY) - leftMs;
    console.info(
      `L06: calls ${kind}: one replica had all of the limit ${tookMs.toFixed(0)} ms after the others' last`,
    );
    expect(tookMs).toBeLessThan(SETTLED_MS);
    const between = (fromMs: number, toMs: number): readonly number[] =>
      samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map((sample) => sample.calls);
    const inAll = between(0, MINUTE_MS);
    const settled = between(LONGEST_CALL_MS + SETTLED_MS, MINUTE_MS / 2);
    const moved = between(MINUTE_MS / 2 + LONGEST_CALL_MS + SETTLED_MS, MINUTE_MS);
    for (const [when, some] of [
      ["in all", inAll],
      ["settled", settled],
      ["at one replica", moved],
    ] as const)
      console.info(
        `L06: calls ${kind}, ${when}: ${Math.max(...some)} of ${limit} at a time at the most, ${mean(some).toFixed(1)} in the mean`,
      );
    expect(Math.max(...inAll)).toBeLessThanOrEqual(REPLICAS * limit);
    for (const some of [settled, moved]) {
      expect(mean(some)).toBeLessThanOrEqual(limit);
      expect(mean(some)).toBeGreaterThan(0.8 * limit);
    }
  },
);

const mean = (some: readonly number[]): number => some.reduce((sum, one) => sum + one, 0) / some.length;
