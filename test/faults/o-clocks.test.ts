/**
 * O07: replicas on one Postgres, of which one has a clock that is 10 minutes ahead and one that is as much behind. Only the time of day
 * is shifted, as it is on a machine whose clock is wrong: timers and the monotonic clock go on as they are.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, ROLE, refusalOf } from "../support/access.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask } from "../support/workers.ts";
import { isThorough } from "./rig/thorough.ts";

const ADMIN = "the-admin-token-of-this-test";
const SKEW_MINUTES = 10;

let folder: string;
let postgres: TestPostgres;
let database: pg.Client;
let ahead: RunningService;
let behind: RunningService;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mt-clock-"));
  postgres = await startPostgres();
  const url = await postgres.createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  ahead = await replica(url, SKEW_MINUTES);
  behind = await replica(url, -SKEW_MINUTES);
});
afterAll(async () => {
  await Promise.all([ahead?.stop(), behind?.stop()]);
  await database.end();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

function replica(url: string, minutes: number): Promise<RunningService> {
  const shift = join(folder, `shift${minutes}.mjs`);
  writeFileSync(
    shift,
    `const Real = Date;
    const by = ${minutes * 60_000};
    globalThis.Date = class Date extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + by) : super(...given); }
      static now() { return Real.now() + by; }
    };`,
  );
  return startService({
    env: {
      NODE_OPTIONS: `--import=${shift}`,
      DATABASE_URL: url,
      MODELTIER_ADMIN_TOKEN: ADMIN,
      MODELTIER_KEY_PEPPER: "the pepper that all replicas share, long enough",
      MODELTIER_TOKEN_SECRET: "the secret that all replicas share, long enough",
      MODELTIER_TOKEN_LIFETIME_SECONDS: "60",
      MODELTIER_BUDGET_LEASE_SECONDS: "5",
    },
  });
}

const both = (): readonly RunningService[] => [ahead, behind];
const routerOf = ({ grpcAddress }: RunningService) =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));

describe("O07 ten minutes between the clocks of two replicas", () => {
  it("a key of a few seconds holds at both, whichever made it, and ends at both", async () => {
    for (const maker of isThorough ? both() : [ahead]) {
      const lifetime = { seconds: 6n, nanos: 0 };
      const made = await accessOf(maker).createApiKey(
        { name: "short", role: ROLE.caller, lifetime },
        bearer(ADMIN),
      );
      const ask = (at: RunningService) => accessOf(at).getIdentity({}, bearer(made.secret));
      for (const at of both()) {
        const isKnown = async () => expect((await ask(at)).keyId).toBe(made.apiKey?.keyId);
        await vi.waitFor(isKnown, { timeout: 4_500, interval: 50 });
      }
      for (const at of both()) {
        await vi.waitFor(() => refusalOf(ask(at)), { timeout: 20_000, interval: 200 });
      }
    }
  });

  it("a decision that one issued runs at the other", async () => {
    for (const [from, to] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const { decisionToken } = await routerOf(from).route({ agentId: "a" }, bearer(ADMIN));
      const { messages } = ask("Say hello");
      const routing = { case: "decisionToken" as const, value: decisionToken };
      const answer = await routerOf(to).completeOnce({ request: { routing, messages } }, bearer(ADMIN));
      expect(answer.completed?.executionId).toBeTruthy();
    }
  });

  it("a repeated call is given the first one's outcome by the other", async () => {
    const request = { ...ask("Say hello"), idempotencyKey: "once" };
    const first = await routerOf(behind).completeOnce({ request }, bearer(ADMIN));
    const again = await routerOf(ahead).completeOnce({ request }, bearer(ADMIN));
    expect(again.completed?.executionId).toBe(first.completed?.executionId);
  });

  it("the slice of a budget that one holds is not taken back by the other before its time", async () => {
    const period = BudgetPeriod.TOTAL;
    await accessOf(behind).setBudget(
      {
        budget: {
          budgetId: "all",
          scope: { kind: { case: "global", value: {} } },
          period,
          limitNanoUsd: 10n ** 12n,
        },
      },
      bearer(ADMIN),
    );
    const leases = async () =>
      (await database.query("select lease_id from budget_leases order by lease_id")).rows.length;
    await vi.waitFor(
      async () => {
        for (const at of both())
          await routerOf(at).completeOnce({ request: ask("Say hello") }, bearer(ADMIN));
        expect(await leases()).toBe(2);
      },
      { timeout: 20_000 },
    );
    await sleep(500);
    expect(await leases()).toBe(2);
    const { rows } = await database.query(
      "select bool_and(expires_at between now() and now() + interval '1 minute') as near from budget_leases",
    );
    expect(rows).toEqual([{ near: true }]);
  });
});
