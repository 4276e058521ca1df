/** X15: client certificates that were taken back, by a list that openssl made, and the health check of a service that asks for certificates. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { NOT_LET_IN } from "../support/access.ts";
import { type Authority, type Certificate, makeAuthority } from "../support/certificates.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask } from "../support/workers.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const ROLES = "URI:spiffe://example.test/good=caller,URI:spiffe://example.test/bad=caller";
const HEALTH = fileURLToPath(new URL("../../src/cli/health-main.ts", import.meta.url));

const TOKENS_PER_SECOND = 500;
const LONGER_THAN_THE_TEST = 16 * TOKENS_PER_SECOND;
const A_MOMENT = TOKENS_PER_SECOND;

let authority: Authority;
let other: Authority;
let folder: string;
let service: RunningService;
let good: Certificate;
let bad: Certificate;
let variables: Readonly<Record<string, string>>;

beforeAll(async () => {
  [authority, other] = await Promise.all([makeAuthority(), makeAuthority("another authority")]);
  folder = mkdtempSync(join(tmpdir(), "mt-crl-"));
  const server = await authority.issue("server", ["DNS:localhost", "IP:127.0.0.1"]);
  good = await authority.issue("good", ["URI:spiffe://example.test/good"]);
  bad = await authority.issue("bad", ["URI:spiffe://example.test/bad"]);
  trust(authority, other);
  await revoke();
  variables = {
    MODELTIER_TLS_CERT_FILE: server.certFile,
    MODELTIER_TLS_KEY_FILE: server.keyFile,
    MODELTIER_TLS_CLIENT_CA_FILE: join(folder, "clients.pem"),
    MODELTIER_TLS_CLIENT_ROLES: ROLES,
    MODELTIER_TLS_CRL: join(folder, "ca.crl"),
    MODELTIER_SANDBOX_TOKENS_PER_SECOND: String(TOKENS_PER_SECOND),
  };
  service = await startService({ env: variables });
});
afterAll(async () => {
  await service?.stop();
  for (const one of [authority, other]) one?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const DOORS = ["grpc", "http"] as const;
type Door = (typeof DOORS)[number];

/** With connections of its own. */
function transportOver(door: Door, { certFile, keyFile }: Certificate, to: RunningService) {
  const nodeOptions = {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    agent: false as const,
  };
  return door === "grpc"
    ? createGrpcTransport({ baseUrl: `https://${to.grpcAddress}`, nodeOptions })
    : createConnectTransport({ baseUrl: to.httpUrl, httpVersion: "1.1", nodeOptions });
}

/** A call under way over a connection of its own. @returns how it ends: "completed", or the name of its code */
async function hold(door: Door, certificate: Certificate, to: RunningService, tokens: number) {
  const router = createClient(RouterService, transportOver(door, certificate, to));
  const events = router.complete(ask(`[tokens=${tokens}]`))[Symbol.asyncIterator]();
  expect((await events.next()).value?.event.case).toBe("decision");
  const readOn = async (last = ""): Promise<string> => {
    const { done, value } = await events.next();
    return done ? last : readOn(value.event.case);
  };
  const how = { end: undefined as string | undefined };
  void readOn().then(
    (last) => {
      how.end = last;
    },
    (error: unknown) => {
      how.end = Code[ConnectError.from(error).code];
    },
  );
  return how;
}

/** Whose certificates the service takes from its next reading on. */
function trust(...authorities: readonly Authority[]): void {
  const texts = authorities.map(({ caFile }) => readFileSync(caFile));
  writeFileSync(join(folder, "clients.pem"), Buffer.concat(texts));
}

/** Takes certificates of `authority` back; the file has a list of each authority. */
async function revoke(...certificates: readonly Certificate[]): Promise<void> {
  const lists = [await other.revoke(), await authority.revoke(...certificates)];
  writeFileSync(join(folder, "ca.crl"), Buffer.concat(lists.map((list) => readFileSync(list))));
}

/** Over a connection of its own, as who comes anew. @returns why it failed; undefined: it was let in */
function failureOver(door: Door, certificate: Certificate, to = service) {
  return createClient(AccessService, transportOver(door, certificate, to))
    .getIdentity({})
    .then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );
}

it("X15 a certificate that was taken back is refused at both doors once SIGHUP has the list read, and others are not", async () => {
  for (const door of DOORS) {
    expect(await failureOver(door, bad)).toBeUndefined();
  }
  await revoke(bad);
  process.kill(service.pid, "SIGHUP");
  const isRead = async () => service.output().stderr.includes("new certificates are in use");
  expect(await holdsWithin(10_000, isRead)).toBe(true);
  for (const door of DOORS) {
    const code = await failureOver(door, bad);
    expect(code).toBeDefined();
    expect(NOT_LET_IN).not.toContain(code); // the connection fails: nobody is there to say UNAUTHENTICATED
    expect(await failureOver(door, good)).toBeUndefined();
  }
});

/** Of one process; thoroughly also of two workers, each with connections of its own. */
describe.each(isThorough ? [1, 2] : [1])("X15 connections that are open, at %i process(es)", (processes) => {
  let running: RunningService;
  let postgres: TestPostgres | undefined;
  beforeAll(async () => {
    if (processes === 1) {
      running = service;
      return;
    }
    postgres = await startPostgres();
    const DATABASE_URL = await postgres.createDatabase();
    running = await startService({
      env: { ...variables, DATABASE_URL, MODELTIER_WORKERS: String(processes) },
    });
  });
  afterAll(async () => {
    if (running !== service) await running?.stop();
    await postgres?.stop();
  });

  /** Three of whoever is shut out, so that no worker is without, and one of somebody else. */
  async function holdAll(shutOut: Certificate) {
    const three = DOORS.flatMap((door) =>
      [1, 2, 3].map(() => hold(door, shutOut, running, LONGER_THAN_THE_TEST)),
    );
    const others = DOORS.map((door) => hold(door, good, running, A_MOMENT));
    return { ending: await Promise.all(three), staying: await Promise.all(others) };
  }

  async function expectShutOut(
    shutOut: Certificate,
    { ending, staying }: Awaited<ReturnType<typeof holdAll>>,
  ) {
    const areOver = async () => ending.every(({ end }) => end !== undefined);
    expect(await holdsWithin(10_000, areOver)).toBe(true);
    for (const { end } of ending) expect(end).not.toBe("completed");
    for (const door of DOORS) {
      expect(NOT_LET_IN).not.toContain(await failureOver(door, shutOut, running));
      expect(await failureOver(door, shutOut, running)).toBeDefined();
      expect(await failureOver(door, good, running)).toBeUndefined();
    }
    const haveAnswers = async () => staying.every(({ end }) => end !== undefined);
    expect(await holdsWithin(30_000, haveAnswers)).toBe(true);
    expect(staying.map(({ end }) => end)).toEqual(DOORS.map(() => "completed"));
  }

  it("end when their certificate is taken back, calls and all; those of others and their calls stay", async () => {
    const taken = await authority.issue(`taken-${processes}`, ["URI:spiffe://example.test/bad"]);
    const held = await holdAll(taken);
    await revoke(taken);
    process.kill(running.pid, "SIGHUP");
    await expectShutOut(taken, held);
  });

  it("end when their authority is taken out of the file, and not while the file is empty", async () => {
    const foreign = await other.issue(`foreign-${processes}`, ["URI:spiffe://example.test/bad"]);
    const held = await holdAll(foreign);
    const refusals = () =>
      running.output().stderr.split("MODELTIER_TLS_CLIENT_CA_FILE holds no certificate").length;
    const before = refusals();
    trust();
    process.kill(running.pid, "SIGHUP");
    expect(await holdsWithin(10_000, async () => refusals() > before)).toBe(true);
    expect(held.ending.map(({ end }) => end)).toEqual(held.ending.map(() => undefined));
    trust(authority);
    process.kill(running.pid, "SIGHUP");
    await expectShutOut(foreign, held);
    trust(authority, other);
  });
});

it.runIf(isThorough)(
  "X15 a handshake that began before its certificate was taken back is found out within the time that one may take",
  async () => {
    const late = await authority.issue("late", ["URI:spiffe://example.test/bad"]);
    const { hostname, port } = new URL(service.httpUrl);
    const socket = connectTcp(Number(port), hostname);
    await once(socket, "connect");
    await sleep(500); // the listener has taken it, by the files as they are now
    const readings = () => service.output().stderr.split("new certificates are in use").length;
    const before = readings();
    await revoke(late);
    process.kill(service.pid, "SIGHUP");
    expect(await holdsWithin(10_000, async () => readings() > before)).toBe(true);
    const connection = connectTls({
      socket,
      host: hostname,
      ca: readFileSync(authority.caFile),
      cert: readFileSync(late.certFile),
      key: readFileSync(late.keyFile),
    });
    connection.on("error", () => undefined);
    await once(connection, "secureConnect");
    const keepAlive = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connection.write(keepAlive);
    const [answer] = (await once(connection, "data")) as [Buffer];
    expect(String(answer)).toContain("200 OK"); // it is let in, as ever with the files before
    await once(connection, "close", { signal: AbortSignal.timeout(20_000) });
  },
);

it("SIGHUP has the files read although none of them changed", async () => {
  const readings = () => service.output().stderr.split("new certificates are in use").length - 1;
  const before = readings();
  process.kill(service.pid, "SIGHUP");
  expect(await holdsWithin(10_000, () => readings() > before)).toBe(true);
});

it("X15 a list that is none is named at the start, and while it runs leaves the one before in force", async () => {
  const empty = join(folder, "empty.crl");
  writeFileSync(empty, "nothing\n");
  await expect(startService({ env: { ...variables, MODELTIER_TLS_CRL: empty } })).rejects.toThrow(
    /MODELTIER_TLS_CRL is no certificate revocation list/,
  );
  copyFileSync(empty, join(folder, "ca.crl"));
  process.kill(service.pid, "SIGHUP");
  const isSaid = async () => service.output().stderr.includes("the new certificates cannot be used");
  expect(await holdsWithin(10_000, isSaid)).toBe(true);
  expect(await failureOver("http", bad)).toBeDefined();
  expect(await failureOver("http", good)).toBeUndefined();
});

/** As a container runs it, in the service's environment. */
const health = (env: Readonly<Record<string, string>>): Promise<{ code: number; said: string }> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [HEALTH],
      { env: { PATH: process.env.PATH, ...env } },
      (_, stdout) => resolve({ code: child.exitCode ?? -1, said: stdout.trim() }),
    );
  });
const portOf = (one: RunningService): string => new URL(one.httpUrl).port;

it("the health check says 0 of a service that takes calls, over TLS and in the clear, and 1 when nobody is there", async () => {
  expect(await health({ ...variables, MODELTIER_HTTP_PORT: portOf(service) })).toEqual({
    code: 0,
    said: "ready",
  });
  const plain = await startService();
  expect(await health({ MODELTIER_HTTP_PORT: portOf(plain) })).toEqual({ code: 0, said: "ready" });
  await plain.stop();
  expect((await health({ MODELTIER_HTTP_PORT: portOf(plain) })).code).toBe(1);
});

it.runIf(isThorough)(
  "the health check tells a service that asks for a certificate it has not from one that is gone",
  async () => {
    // Its own certificate is of another authority than clients' are: the listener says so, which a dead one would not.
    const stranger = await makeAuthority("a stranger");
    try {
      const other = await stranger.issue("other", ["IP:127.0.0.1"]);
      const env = {
        ...variables,
        MODELTIER_TLS_CRL: await authority.revoke(),
        MODELTIER_TLS_CERT_FILE: other.certFile,
        MODELTIER_TLS_KEY_FILE: other.keyFile,
      };
      const own = await startService({ env });
      expect(await health({ ...env, MODELTIER_HTTP_PORT: portOf(own) })).toEqual({
        code: 0,
        said: "it listens, and asks for a client certificate",
      });
      await own.stop();
      const gone = await health({ ...env, MODELTIER_HTTP_PORT: portOf(own) });
      expect(gone).toEqual({ code: 1, said: expect.stringContaining("not ready") });
    } finally {
      stranger.remove();
    }
  },
);
