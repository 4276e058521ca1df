/** X15: client certificates that were taken back, by a list that openssl made, and the health check of a service that asks for certificates. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { NOT_LET_IN } from "../support/access.ts";
import { type Authority, type Certificate, makeAuthority } from "../support/certificates.ts";
import { type RunningService, startService } from "../support/service.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const ROLES = "URI:spiffe://example.test/good=caller,URI:spiffe://example.test/bad=caller";
const HEALTH = fileURLToPath(new URL("../../src/cli/health-main.ts", import.meta.url));

let authority: Authority;
let folder: string;
let service: RunningService;
let good: Certificate;
let bad: Certificate;
let variables: Readonly<Record<string, string>>;

beforeAll(async () => {
  authority = await makeAuthority();
  folder = mkdtempSync(join(tmpdir(), "mt-crl-"));
  const server = await authority.issue("server", ["DNS:localhost", "IP:127.0.0.1"]);
  good = await authority.issue("good", ["URI:spiffe://example.test/good"]);
  bad = await authority.issue("bad", ["URI:spiffe://example.test/bad"]);
  copyFileSync(await authority.revoke(), join(folder, "ca.crl"));
  variables = {
    MODELTIER_TLS_CERT_FILE: server.certFile,
    MODELTIER_TLS_KEY_FILE: server.keyFile,
    MODELTIER_TLS_CLIENT_CA_FILE: authority.caFile,
    MODELTIER_TLS_CLIENT_ROLES: ROLES,
    MODELTIER_TLS_CRL: join(folder, "ca.crl"),
  };
  service = await startService({ env: variables });
});
afterAll(async () => {
  await service?.stop();
  authority?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Over a connection of its own, as who comes anew. @returns why it failed; undefined: it was let in */
function failureOver(door: "grpc" | "http", { certFile, keyFile }: Certificate) {
  const nodeOptions = {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    agent: false as const,
  };
  const transport =
    door === "grpc"
      ? createGrpcTransport({ baseUrl: `https://${service.grpcAddress}`, nodeOptions })
      : createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1", nodeOptions });
  return createClient(AccessService, transport)
    .getIdentity({})
    .then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );
}

it("X15 a certificate that was taken back is refused at both doors once SIGHUP has the list read, and others are not", async () => {
  for (const door of ["grpc", "http"] as const) {
    expect(await failureOver(door, bad)).toBeUndefined();
  }
  copyFileSync(await authority.revoke(bad), join(folder, "ca.crl"));
  process.kill(service.pid, "SIGHUP");
  const isRead = async () => service.output().stderr.includes("new certificates are in use");
  expect(await holdsWithin(10_000, isRead)).toBe(true);
  for (const door of ["grpc", "http"] as const) {
    const code = await failureOver(door, bad);
    expect(code).toBeDefined();
    expect(NOT_LET_IN).not.toContain(code); // the connection fails: nobody is there to say UNAUTHENTICATED
    expect(await failureOver(door, good)).toBeUndefined();
  }
});

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
