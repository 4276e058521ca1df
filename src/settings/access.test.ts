import { describe, expect, it } from "vitest";
import { readAccess } from "./access.ts";
import type { Environment } from "./environment.ts";
import { SettingsReader } from "./reader.ts";

function read(environment: Environment) {
  const reader = new SettingsReader(environment);
  const access = readAccess(reader);
  reader.throwIfWrong();
  return access;
}

const FILES = { MODELTIER_TLS_CERT_FILE: "a.crt", MODELTIER_TLS_KEY_FILE: "a.key" };

describe("settings of access", () => {
  it("are none unless they are given", () => {
    const { certificateRoles, allowedHosts, ...rest } = read({});
    expect([[...certificateRoles], allowedHosts]).toEqual([[], []]);
    expect(Object.values(rest).every((value) => value === undefined)).toBe(true);
  });

  it("read the roles of certificates, names with an equals sign in them too", () => {
    const { certificateRoles, tls } = read({
      ...FILES,
      MODELTIER_TLS_CLIENT_CA_FILE: "ca.crt",
      MODELTIER_TLS_CLIENT_ROLES: "URI:spiffe://corp/a?b=c=caller, DNS:ops.corp=operator",
    });
    expect([...certificateRoles]).toEqual([
      ["URI:spiffe://corp/a?b=c", "caller"],
      ["DNS:ops.corp", "operator"],
    ]);
    expect(tls).toEqual({
      certFile: "a.crt",
      keyFile: "a.key",
      clientCaFile: "ca.crt",
      clientAuth: "require",
    });
  });

  it.each([
    [{ MODELTIER_KEY_PEPPER: "short" }, /MODELTIER_KEY_PEPPER is too short.*at least 32/],
    [{ MODELTIER_TLS_CERT_FILE: "a.crt" }, /MODELTIER_TLS_KEY_FILE is missing/],
    [{ MODELTIER_TLS_KEY_FILE: "a.key" }, /MODELTIER_TLS_CERT_FILE is missing/],
    [{ MODELTIER_TLS_CLIENT_CA_FILE: "ca.crt" }, /MODELTIER_TLS_CERT_FILE is missing/],
    [{ ...FILES, MODELTIER_TLS_CRL: "a.crl" }, /MODELTIER_TLS_CLIENT_CA_FILE is missing/],
    [{ ...FILES, MODELTIER_TLS_CLIENT_ROLES: "DNS:a=admin" }, /MODELTIER_TLS_CLIENT_CA_FILE is missing/],
    [
      { MODELTIER_TLS_CLIENT_ROLES: "ops.corp=operator" },
      /MODELTIER_TLS_CLIENT_ROLES holds "ops.corp=operator"; write URI:/,
    ],
    [{ MODELTIER_TLS_CLIENT_ROLES: "DNS:ops.corp=root" }, /MODELTIER_TLS_CLIENT_ROLES holds/],
    [{ MODELTIER_TLS_CLIENT_AUTH: "maybe" }, /MODELTIER_TLS_CLIENT_AUTH is "maybe"; use require or optional/],
  ])("that are wrong are named with what helps: %o", (environment, problem) => {
    expect(() => read(environment)).toThrow(problem);
  });

  it("never quote a secret", () => {
    expect(() => read({ MODELTIER_KEY_PEPPER: "the-short-secret" })).not.toThrow(/the-short-secret/);
  });
});
