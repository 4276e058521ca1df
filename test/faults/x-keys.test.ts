/** The life of keys: X14 (revoked, expired, rotated) on two replicas, the first key, and open mode. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { AccessRole } from "../../gen/modeltier/v1/api_key_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, DOORS, makeKey, refusalOf, transportTo } from "../support/access.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { copyCluster } from "../support/embedded-folder.ts";
import { keys } from "../support/keys-command.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { holdsWithin } from "./rig/rig.ts";

const PEPPER = "the-pepper-of-this-test-which-is-long-enough";
/** What the fault list promises, at every replica. */
const WITHIN_MS = 5_000;
/** A log line is written behind what it tells of. */
const PATIENTLY = { timeout: 10_000 };

const isLetIn = (service: RunningService, key: string, door: (typeof DOORS)[number] = "grpc") =>
  createClient(RouterService, transportTo(service, door))
    .route({ agentId: "a" }, bearer(key))
    .then(
      () => true,
      () => false,
    );

describe("X14 keys on two replicas of one Postgres", () => {
  let postgres: TestPostgres;
  let url: string;
  let replicas: readonly RunningService[] = [];
  let admin: string;
  const env = () => ({ DATABASE_URL: url, MODELTIER_KEY_PEPPER: PEPPER });

  beforeAll(async () => {
    postgres = await startPostgres();
    url = await postgres.createDatabase();
    const made = await keys(["create", "--role", "admin", "--name", "ana"], env());
    expect(made.err).toContain("the only time it is shown");
    admin = made.out;
    replicas = await Promise.all([startService({ env: env() }), startService({ env: env() })]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await postgres?.stop();
  });

  const everywhere = (key: string, expected: boolean): Promise<boolean> =>
    holdsWithin(WITHIN_MS, async () => {
      const answers = replicas.flatMap((replica) => DOORS.map((door) => isLetIn(replica, key, door)));
      return (await Promise.all(answers)).every((one) => one === expected);
    });
  const first = () => accessOf(replicas[0] as RunningService);

  it("the first key is made before any service runs, and closes both", async () => {
    expect(admin).toMatch(/^mt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(replicas[0]?.output().stdout).toContain("Access    by key");
    for (const replica of replicas) {
      expect(await isLetIn(replica, admin)).toBe(true);
      expect(await isLetIn(replica, "")).toBe(false);
    }
  });

  it("a new key holds at every replica, and is refused at every one within 5 s of being revoked", async () => {
    const { keyId, secret } = await makeKey(first(), admin, "caller");
    expect(await everywhere(secret, true)).toBe(true);
    const { apiKey } = await first().revokeApiKey({ keyId }, bearer(admin));
    expect(apiKey?.revokedAt).toBeDefined();
    expect(await isLetIn(replicas[0] as RunningService, secret)).toBe(false);
    expect(await everywhere(secret, false)).toBe(true);
    const again = await first().revokeApiKey({ keyId }, bearer(admin));
    expect(again.apiKey?.revokedAt).toEqual(apiKey?.revokedAt);
    expect((await refusalOf(first().rotateApiKey({ keyId }, bearer(admin)))).code).toBe(Code.NotFound);
  });

  it("is refused within 5 s also when nobody tells the other replica", async () => {
    const { keyId, secret } = await makeKey(first(), admin, "caller");
    expect(await everywhere(secret, true)).toBe(true);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("update api_keys set revoked_at = now(), revision = revision + 1 where key_id = $1", [
      keyId,
    ]);
    await client.end();
    expect(await everywhere(secret, false)).toBe(true);
  });

  it("a rotated key has two secrets that hold, until the old one ends", async () => {
    const { keyId, secret } = await makeKey(first(), admin, "caller");
    const rotated = await first().rotateApiKey({ keyId, overlap: durationFromMs(4_000) }, bearer(admin));
    expect(rotated.apiKey?.keyId).toBe(keyId);
    expect(await everywhere(rotated.secret, true)).toBe(true);
    expect(await isLetIn(replicas[1] as RunningService, secret)).toBe(true);
    expect(await holdsWithin(4_000 + WITHIN_MS, async () => everywhere(secret, false))).toBe(true);
    const atOnce = await first().rotateApiKey({ keyId, overlap: durationFromMs(0) }, bearer(admin));
    expect(await everywhere(rotated.secret, false)).toBe(true);
    expect(await everywhere(atOnce.secret, true)).toBe(true);
  });

  it("an expired key is refused by the second, without a word from the database", async () => {
    const wish = { name: "short", role: AccessRole.CALLER, lifetime: durationFromMs(2_500) };
    const { secret } = await first().createApiKey(wish, bearer(admin));
    expect(await isLetIn(replicas[0] as RunningService, secret)).toBe(true);
    expect(await holdsWithin(2_500 + WITHIN_MS, async () => everywhere(secret, false))).toBe(true);
  });

  it("every change is in the audit log with its author, and no secret is in the database", async () => {
    const { keyId, secret } = await makeKey(first(), admin, "operator", "audited");
    await first().rotateApiKey({ keyId }, bearer(admin));
    await keys(["revoke", keyId], env());
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "select action, author, subject, detail from audit_log where subject = $1 order by entry_id",
      [`key ${keyId}`],
    );
    const { rows: stored } = await client.query("select row_to_json(k)::text as key from api_keys k");
    await client.end();
    const author = admin.split("_")[1];
    expect(rows).toEqual([
      {
        action: "key.create",
        author,
        subject: `key ${keyId}`,
        detail: { name: "audited", role: "operator" },
      },
      {
        action: "key.rotate",
        author,
        subject: `key ${keyId}`,
        detail: { name: "audited", role: "operator" },
      },
      {
        action: "key.revoke",
        author: "npm run keys",
        subject: `key ${keyId}`,
        detail: { name: "audited", role: "operator" },
      },
    ]);
    const tail = secret.slice(20);
    expect(stored.map(({ key }) => String(key)).join()).not.toContain(tail);
    expect(stored.map(({ key }) => String(key)).join()).not.toContain(PEPPER);
  });

  it("a replica that starts while Postgres is away knows the keys it knew, and one that knew none lets nobody in", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "mt-away-"));
    const proxy = await startDatabaseProxy(postgres.socketFolder);
    try {
      const through = new URL(url);
      through.searchParams.set("host", proxy.socketFolder);
      const away = { ...env(), DATABASE_URL: through.href };
      await (await startService({ dataDir, env: away })).stop();
      await proxy.goDown();
      const again = await startService({ dataDir, env: away });
      expect(await isLetIn(again, admin)).toBe(true);
      expect(await isLetIn(again, "")).toBe(false);
      await again.stop();
      expect(readFileSync(join(dataDir, "keys-snapshot"), "utf8")).not.toContain(admin.slice(20));
      const blank = await startService({ env: away });
      const route = createClient(RouterService, transportTo(blank, "grpc")).route(
        { agentId: "a" },
        bearer(admin),
      );
      const error = await refusalOf(route);
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([
        Code.Unavailable,
        "KEYS_UNKNOWN",
      ]);
      await proxy.comeBack();
      expect(await holdsWithin(WITHIN_MS, () => isLetIn(blank, admin))).toBe(true);
      await blank.stop();
    } finally {
      await proxy.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it("what is wrong with a request for a key is named by its field", async () => {
    const wrong = first().createApiKey({ name: " ", lifetime: durationFromMs(-1) }, bearer(admin));
    expect((await refusalOf(wrong)).rawMessage).toMatch(
      /^name is empty.*; role is missing.*; lifetime is -0.001 s/,
    );
    const noId = await refusalOf(first().revokeApiKey({ keyId: admin }, bearer(admin)));
    expect(noId.rawMessage).toMatch(/^key_id is not the id of a key/);
    expect(noId.rawMessage).not.toContain(admin);
  });

  it("a replica with another pepper lets nobody in, and says why", async () => {
    const stranger = await startService({
      env: { DATABASE_URL: url, MODELTIER_KEY_PEPPER: "another-pepper-that-is-also-long-enough" },
    });
    try {
      expect(await isLetIn(stranger, admin)).toBe(false);
      await expect.poll(() => stranger.output().stderr, PATIENTLY).toContain("another MODELTIER_KEY_PEPPER");
    } finally {
      await stranger.stop();
    }
  });

  it("without a pepper no key can be made, and the setting is named", async () => {
    const bare = { DATABASE_URL: await postgres.createDatabase() };
    const made = await keys(["create", "--role", "admin"], bare);
    expect([made.code, made.out]).toEqual([1, ""]);
    expect(made.err).toContain("MODELTIER_KEY_PEPPER");
    const service = await startService({ env: bare });
    try {
      const wish = accessOf(service).createApiKey({ name: "a", role: AccessRole.ADMIN });
      const error = await refusalOf(wish);
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([
        Code.FailedPrecondition,
        "KEY_PEPPER_MISSING",
      ]);
    } finally {
      await service.stop();
    }
  });
});

describe("open mode", () => {
  it("is said loudly, and ends for good with the first key, made beside the running service", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mt-open-"));
    await copyCluster(folder);
    const service = await startService({ dataDir: folder });
    try {
      expect(service.output().stdout).toContain("OPEN: everyone on this machine may do everything");
      await expect.poll(() => service.output().stderr, PATIENTLY).toContain("nobody is asked for a key");
      expect(await isLetIn(service, "whatever")).toBe(true);
      expect(await accessOf(service).getIdentity({})).toMatchObject({ role: AccessRole.ADMIN, isOpen: true });
      const env = { MODELTIER_DATA_DIR: folder };
      const { out: key } = await keys(["create", "--role", "admin"], env);
      expect(await holdsWithin(WITHIN_MS, async () => !(await isLetIn(service, "whatever")))).toBe(true);
      expect(await isLetIn(service, key)).toBe(true);
      const keyId = key.split("_")[1] ?? "";
      expect((await keys(["list"], env)).out).toMatch(new RegExp(`^${keyId}  admin `));
      expect((await keys(["revoke", keyId], env)).code).toBe(0);
      expect(await holdsWithin(WITHIN_MS, async () => !(await isLetIn(service, key)))).toBe(true);
      // To revoke the last key opens nothing.
      expect(await isLetIn(service, "whatever")).toBe(false);
      expect(readFileSync(join(folder, "key-pepper"), "utf8")).toHaveLength(64);
    } finally {
      await service.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is refused on an address that others can reach, with the remedies by name", async () => {
    const started = startService({ env: { MODELTIER_HOST: "0.0.0.0" } });
    await expect(started).rejects.toThrow(
      /MODELTIER_HOST is 0\.0\.0\.0.*npm run keys -- create.*MODELTIER_ADMIN_TOKEN/,
    );
    const guarded = await startService({
      env: { MODELTIER_HOST: "0.0.0.0", MODELTIER_ADMIN_TOKEN: "t0ken" },
    });
    try {
      expect(await isLetIn(guarded, "")).toBe(false);
      expect(await isLetIn(guarded, "t0ken")).toBe(true);
    } finally {
      await guarded.stop();
    }
  });
});
