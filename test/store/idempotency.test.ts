import { createHash } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Begun,
  createIdempotency,
  type Idempotency,
  type IdempotencyOptions,
  KEPT_MS,
  type KeyedCall,
  MAX_OUTCOME_BYTES,
} from "../../src/idempotency/idempotency.ts";
import { startKeySweeper } from "../../src/idempotency/sweeper.ts";
import { type DatabaseOptions, type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { connect, SERVING_LIMITS } from "../../src/store/pool.ts";
import type { Database } from "../../src/store/tables.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const hash = (text: string): Uint8Array => createHash("sha256").update(text).digest();
const keyed = (key: string, parts: Partial<KeyedCall> = {}): KeyedCall => ({
  scope: "",
  key,
  bodyHash: hash("body"),
  leaseMs: 60_000,
  ...parts,
});
const answer = (text: string) => ({ state: "answered" as const, bytes: Buffer.from(text) });

/** A slow machine is no failure. */
const PATIENTLY = { timeout: 20_000 };

/** What came of it, in a word. */
const outcomeOf = (begun: Promise<Begun>): Promise<string> =>
  begun.then(
    (done) => (done.kind === "run" ? "run" : Buffer.from(done.outcome.bytes).toString()),
    ({ failure }) => failure,
  );

async function claimOf(begun: Promise<Begun>) {
  const done = await begun;
  if (done.kind !== "run") throw new Error("the key is taken");
  return done.claim;
}

describe.each(ENGINES)("idempotency keys on $name", ({ start }) => {
  let engine: TestEngine;
  let options: DatabaseOptions;
  let opened: OpenDatabase;
  let keys: Idempotency;

  beforeAll(async () => {
    engine = await start();
    options = await engine.fresh(silentLog);
    opened = await openDatabase(options);
    await opened.migrate();
  });
  afterAll(async () => {
    await opened?.close();
    await engine?.stop();
  });
  beforeEach(async () => {
    await opened.db.deleteFrom("idempotency_keys").execute();
    keys = createIdempotency({ db: opened.db, log: silentLog });
  });
  afterEach(() => keys.close());

  /** The same database over connections that can be cut. */
  async function behindProxy(more: Partial<IdempotencyOptions> = {}) {
    const proxy = await startDatabaseProxy(engine.socketFolder(opened));
    const db = connect<Database>(engine.through(options, proxy.socketFolder), SERVING_LIMITS, silentLog);
    const log = createMemoryLog();
    const own = createIdempotency({ db, log, ...more });
    return {
      proxy,
      log,
      keys: own,
      async close() {
        await own.close();
        await db.destroy();
        await proxy.close();
      },
    };
  }

  it("let one of twenty calls at once be made, and give the others its outcome once there is one", async () => {
    const begun = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(keys.begin(keyed("k")))));
    expect(begun.filter((outcome) => outcome === "run")).toHaveLength(1);
    expect(begun.filter((outcome) => outcome === "IDEMPOTENCY_IN_FLIGHT")).toHaveLength(19);
    expect(await outcomeOf(keys.begin(keyed("other")))).toBe("run");
  });

  it("give the outcome to whoever repeats the call, in another process too", async () => {
    const claim = await claimOf(keys.begin(keyed("k")));
    await claim.settle(answer("forty-two"));
    const replica = createIdempotency({ db: opened.db, log: silentLog });
    expect(await keys.begin(keyed("k"))).toMatchObject({ kind: "replay", outcome: { state: "answered" } });
    expect(await outcomeOf(replica.begin(keyed("k")))).toBe("forty-two");
    await replica.close();
  });

  it("refuse another body, in flight and afterwards", async () => {
    const claim = await claimOf(keys.begin(keyed("k")));
    const other = keyed("k", { bodyHash: hash("another body") });
    expect(await outcomeOf(keys.begin(other))).toBe("IDEMPOTENCY_KEY_REUSED");
    await claim.settle(answer("done"));
    expect(await outcomeOf(keys.begin(other))).toBe("IDEMPOTENCY_KEY_REUSED");
  });

  it("belong to their caller", async () => {
    const claim = await claimOf(keys.begin(keyed("k", { scope: "one" })));
    await claim.settle(answer("of one"));
    expect(await outcomeOf(keys.begin(keyed("k", { scope: "two" })))).toBe("run");
    expect(await outcomeOf(keys.begin(keyed("k", { scope: "one" })))).toBe("of one");
  });

  it("are free again after a release, and what the call says later counts no more", async () => {
    const log = createMemoryLog();
    const own = createIdempotency({ db: opened.db, log });
    const claim = await claimOf(own.begin(keyed("k")));
    await claim.release();
    await claim.settle(answer("too late"));
    expect(await outcomeOf(own.begin(keyed("k")))).toBe("run");
    expect(log.lines).toEqual([]);
    await own.close();
  });

  it("stay settled when they are released afterwards", async () => {
    const claim = await claimOf(keys.begin(keyed("k")));
    await claim.settle(answer("kept"));
    await claim.release();
    expect(await outcomeOf(keys.begin(keyed("k")))).toBe("kept");
  });

  it("pass on when the process that holds them is gone, and do not come back to it", async () => {
    const lost = await claimOf(keys.begin(keyed("k")));
    await expire(opened.db);
    const second = await claimOf(keys.begin(keyed("k", { bodyHash: hash("another body") })));
    await lost.settle(answer("of the first"));
    await lost.release();
    const another = keyed("k", { bodyHash: hash("another body") });
    expect(await outcomeOf(keys.begin(another))).toBe("IDEMPOTENCY_IN_FLIGHT");
    await second.settle(answer("of the second"));
    expect(await outcomeOf(keys.begin(another))).toBe("of the second");
  });

  it("are held as long as the call can last, and their outcome for a day, by the database's clock", async () => {
    const claim = await claimOf(keys.begin(keyed("k", { leaseMs: 930_000 })));
    expect(await leftMs(opened.db)).toSatisfy((ms: number) => ms > 920_000 && ms <= 930_000);
    await claim.settle(answer("kept"));
    expect(await leftMs(opened.db)).toSatisfy((ms: number) => ms > KEPT_MS - 10_000 && ms <= KEPT_MS);
    await expire(opened.db);
    expect(await outcomeOf(keys.begin(keyed("k")))).toBe("run");
  });

  it("keep an outcome of 4 MiB, byte for byte", async () => {
    const bytes = Buffer.alloc(MAX_OUTCOME_BYTES, "0123456789\0\xff", "latin1");
    const claim = await claimOf(keys.begin(keyed("k")));
    await claim.settle({ state: "answered", bytes });
    const replay = await keys.begin(keyed("k"));
    expect(replay.kind === "replay" && bytes.equals(replay.outcome.bytes)).toBe(true);
  });

  it("are stored as a hash", async () => {
    await keys.begin(keyed("customer@example.com"));
    const { rows } = await sql<{ row: string }>`select k::text as row from idempotency_keys k`.execute(
      opened.db,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.row).not.toContain("customer");
    expect(rows[0]?.row).not.toContain(Buffer.from("customer@example.com").toString("hex"));
  });

  it("are swept once they have expired, all of them and no other", async () => {
    for (const key of ["a", "b", "c", "d", "e"]) await keys.begin(keyed(key));
    await expire(opened.db);
    await keys.begin(keyed("alive"));
    const sweeper = startKeySweeper({
      db: opened.db,
      log: silentLog,
      random: () => 0,
      intervalMs: 1,
      batch: 2,
    });
    await expect.poll(() => countKeys(opened.db), PATIENTLY).toBe(1);
    sweeper.stop();
    expect(await outcomeOf(keys.begin(keyed("alive")))).toBe("IDEMPOTENCY_IN_FLIGHT");
  });

  it("cannot be claimed while the database is away: the call is refused, with one line in the log", async () => {
    const away = await behindProxy();
    await away.proxy.goDown();
    const refused = [
      await outcomeOf(away.keys.begin(keyed("k"))),
      await outcomeOf(away.keys.begin(keyed("k"))),
      await outcomeOf(away.keys.begin(keyed("k"))),
    ];
    expect(refused).toEqual(Array(3).fill("IDEMPOTENCY_STORE_UNAVAILABLE"));
    expect(away.log.lines.map(({ fields }) => fields.failures)).toEqual([1, 2]);
    await away.proxy.comeBack();
    expect(await outcomeOf(away.keys.begin(keyed("k")))).toBe("run");
    await away.close();
  });

  it("are free when it never became known that they had been claimed", async () => {
    const away = await behindProxy();
    const cut = keyed("k", { scope: "commit" }); // the word after which the proxy cuts
    away.proxy.cutAfterNextCommit();
    expect(await outcomeOf(away.keys.begin(cut))).toBe("IDEMPOTENCY_STORE_UNAVAILABLE");
    await expect.poll(() => countKeys(opened.db), PATIENTLY).toBe(0);
    expect(await outcomeOf(keys.begin(cut))).toBe("run");
    await away.close();
  });

  it("get their outcome when the database comes back, while the caller waits no longer than it must", async () => {
    const away = await behindProxy({ patienceMs: 20 });
    const claim = await claimOf(away.keys.begin(keyed("k")));
    await away.proxy.goDown();
    await claim.settle(answer("written later"));
    expect(await outcomeOf(keys.begin(keyed("k")))).toBe("IDEMPOTENCY_IN_FLIGHT");
    await away.proxy.comeBack();
    await expect.poll(() => outcomeOf(keys.begin(keyed("k"))), PATIENTLY).toBe("written later");
    await away.close();
  });
});

const expire = (db: Kysely<Database>) =>
  sql`update idempotency_keys set expires_at = now() - interval '1 second'`.execute(db);

async function leftMs(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from expires_at - now()) * 1000)::float8 as ms from idempotency_keys`.execute(db);
  return rows[0]?.ms ?? 0;
}

async function countKeys(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from idempotency_keys`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}
