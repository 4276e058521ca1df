/** X15: TLS and client certificates on both listeners, with certificates that openssl made. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../gen/modeltier/v1/api_key_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { bearer, makeKey, NOT_LET_IN } from "../support/access.ts";
import { type Authority, type Certificate, makeAuthority } from "../support/certificates.ts";
import { type RunningService, startService } from "../support/service.ts";
import { holdsWithin } from "./rig/rig.ts";

const ADMIN = "the-admin-token-of-this-test";
const AGENT = "spiffe://example.test/agents/shop";
const OPS = "ops.example.test";
const SERVER_NAMES = ["DNS:localhost", "IP:127.0.0.1"];
const DOORS = ["grpc", "http"] as const;
type Door = (typeof DOORS)[number];

let authority: Authority;
let stranger: Authority;
let folder: string;
let service: RunningService;
let server: Certificate;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([makeAuthority(), makeAuthority("a stranger")]);
  server = await authority.issue("server", SERVER_NAMES);
  folder = mkdtempSync(join(tmpdir(), "mt-certs-"));
  install(server);
  service = await startService({
    env: { ...tlsVariables(), MODELTIER_TLS_CLIENT_CA_FILE: authority.caFile },
  });
});
afterAll(async () => {
  await service?.stop();
  for (const one of [authority, stranger]) one?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Puts a certificate where the service reads it. */
function install({ certFile, keyFile }: Certificate): void {
  copyFileSync(certFile, join(folder, "tls.crt"));
  copyFileSync(keyFile, join(folder, "tls.key"));
}

const tlsVariables = () => ({
  MODELTIER_ADMIN_TOKEN: ADMIN,
  MODELTIER_TLS_CERT_FILE: join(folder, "tls.crt"),
  MODELTIER_TLS_KEY_FILE: join(folder, "tls.key"),
  MODELTIER_TLS_CLIENT_ROLES: `URI:${AGENT}=caller,DNS:${OPS}=operator`,
  MODELTIER_TLS_CLIENT_CA_FILE: authority.caFile,
});

const transportOver = (door: Door, certificate?: Certificate, to: RunningService = service) => {
  const nodeOptions = {
    ca: readFileSync(authority.caFile),
    ...(certificate && { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) }),
  };
  return door === "grpc"
    ? createGrpcTransport({ baseUrl: `https://${to.grpcAddress}`, nodeOptions })
    : createConnectTransport({ baseUrl: to.httpUrl, httpVersion: "1.1", nodeOptions });
};

const identityOver = (door: Door, certificate?: Certificate, key?: string, to?: RunningService) =>
  createClient(AccessService, transportOver(door, certificate, to)).getIdentity(
    {},
    key === undefined ? {} : bearer(key),
  );

const failureOver = (door: Door, certificate?: Certificate, key?: string, to?: RunningService) =>
  identityOver(door, certificate, key, to).then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );

describe.each(DOORS)("X15 client certificates over %s", (door) => {
  it("is refused without one, with a stranger's, and with one that has expired, before a byte is read", async () => {
    const foreign = await stranger.issue("foreign", [`URI:${AGENT}`]);
    const expired = await authority.issue("expired", [`URI:${AGENT}`], -1);
    for (const certificate of [undefined, foreign, expired]) {
      const code = await failureOver(door, certificate, ADMIN);
      // The connection fails; nobody is there to say UNAUTHENTICATED.
      expect(code).toBeDefined();
      expect(NOT_LET_IN).not.toContain(code);
    }
  });

  it("is somebody by the name in it, with that name's role and no more", async () => {
    const agent = await authority.issue("agent", [`URI:${AGENT}`]);
    const ops = await authority.issue("ops", ["DNS:other.example.test", `DNS:${OPS}`]);
    expect(await identityOver(door, agent)).toMatchObject({
      role: AccessRole.CALLER,
      keyId: `certificate:URI:${AGENT}`,
    });
    expect(await identityOver(door, ops)).toMatchObject({
      role: AccessRole.OPERATOR,
      keyId: `certificate:DNS:${OPS}`,
    });
    const access = createClient(AccessService, transportOver(door, agent));
    const refused = await access.setBudget({}).catch(ConnectError.from);
    expect(refused).toMatchObject({ code: Code.PermissionDenied });
  });

  it("is UNAUTHENTICATED with a name that has no role, and somebody with a key beside it", async () => {
    const near = await authority.issue("near", [`URI:${AGENT}x`, `DNS:x${OPS}`, "DNS:URI-spiffe"]);
    expect(await failureOver(door, near)).toBe(Code.Unauthenticated);
    expect(await identityOver(door, near, ADMIN)).toMatchObject({ role: AccessRole.ADMIN });
    const { secret, keyId } = await makeKey(
      createClient(AccessService, transportOver(door, near)),
      ADMIN,
      "caller",
    );
    expect(await identityOver(door, near, secret)).toMatchObject({ keyId });
    const agent = await authority.issue("agent-2", [`URI:${AGENT}`]);
    // A key that is presented has to hold, whatever the certificate may do.
    expect(await failureOver(door, agent, `${secret.slice(0, -4)}AAAA`)).toBe(Code.Unauthenticated);
  });
});

describe("X15 certificates of the service", () => {
  it("can be asked for, and not demanded: who has none sends a key", async () => {
    const optional = await startService({
      env: { ...tlsVariables(), MODELTIER_TLS_CLIENT_AUTH: "optional" },
    });
    try {
      const agent = await authority.issue("agent-3", [`URI:${AGENT}`]);
      const foreign = await stranger.issue("foreign-2", [`URI:${AGENT}`]);
      for (const door of DOORS) {
        expect(await identityOver(door, agent, undefined, optional)).toMatchObject({
          role: AccessRole.CALLER,
        });
        expect(await identityOver(door, undefined, ADMIN, optional)).toMatchObject({
          role: AccessRole.ADMIN,
        });
        expect(await failureOver(door, undefined, undefined, optional)).toBe(Code.Unauthenticated);
        expect(await failureOver(door, foreign, undefined, optional)).toBe(Code.Unauthenticated);
      }
    } finally {
      await optional.stop();
    }
  });

  it("are taken anew when their files change, without a call that fails, and bad ones are not", async () => {
    const agent = await authority.issue("agent-4", [`URI:${AGENT}`]);
    const router = createClient(RouterService, transportOver("grpc", agent));
    await router.route({ agentId: "a" });
    const before = await serials();
    install(await authority.issue("server-2", SERVER_NAMES));
    const isNew = async () => (await serials()).every((serial, index) => serial !== before[index]);
    expect(await holdsWithin(10_000, isNew)).toBe(true);
    await router.route({ agentId: "a" }); // over the connection that was there
    const after = await serials();
    copyFileSync(server.keyFile, join(folder, "tls.key"));
    const isSaid = async () => service.output().stderr.includes("the new certificates cannot be used");
    expect(await holdsWithin(10_000, isSaid)).toBe(true);
    expect(await serials()).toEqual(after);
    expect(await failureOver("http", agent)).toBeUndefined();
    install(server);
  });

  it("speak nothing older than TLS 1.2, and nothing in the clear", async () => {
    for (const port of ports()) {
      await expect(handshake(port, { maxVersion: "TLSv1.1", minVersion: "TLSv1" })).rejects.toThrow();
    }
    await expect(fetch(service.httpUrl.replace("https", "http"))).rejects.toThrow();
  });

  it("that cannot be read are named by their variable at the start", async () => {
    const env = { ...tlsVariables(), MODELTIER_TLS_KEY_FILE: "/nowhere/tls.key" };
    await expect(startService({ env })).rejects.toThrow(/MODELTIER_TLS_KEY_FILE names \/nowhere\/tls.key/);
    const { MODELTIER_TLS_KEY_FILE: _, ...half } = tlsVariables();
    await expect(startService({ env: half })).rejects.toThrow(/MODELTIER_TLS_KEY_FILE is missing/);
  });

  it("let signs of life through to who has a certificate", async () => {
    const agent = await authority.issue("agent-5", ["URI:spiffe://example.test/probe"]);
    const status = await new Promise((resolve, reject) => {
      request(
        `${service.httpUrl}/healthz`,
        {
          ca: readFileSync(authority.caFile),
          cert: readFileSync(agent.certFile),
          key: readFileSync(agent.keyFile),
        },
        (response) => resolve(response.resume().statusCode),
      )
        .once("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });
});

const ports = (): readonly number[] =>
  [service.grpcAddress, service.httpUrl].map((address) => Number(address.split(":").at(-1)));

/** The serial number that each listener shows. */
const serials = () => Promise.all(ports().map((port) => handshake(port)));

function handshake(
  port: number,
  options: { maxVersion?: "TLSv1.1"; minVersion?: "TLSv1" } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: "127.0.0.1", ca: readFileSync(authority.caFile), ...options },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.once("error", reject);
  });
}
