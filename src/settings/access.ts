/** Who may call, as far as the environment says it. */
import { ROLES, type Role } from "../access/types.ts";
import type { SettingsReader } from "./reader.ts";

export type TlsSettings = Readonly<{
  certFile: string;
  keyFile: string;
  /** Of the authorities that sign client certificates; absent: none are asked for. */
  clientCaFile?: string;
  /** Whether a connection without a client certificate is refused. */
  clientAuth: "require" | "optional";
  /** Of the client certificates that those authorities took back; absent: none is looked for. */
  crlFile?: string;
}>;

export type AccessSettings = Readonly<{
  /** The key of an admin, which no database needs to know. */
  adminToken?: string;
  /** Lets /metrics be read. */
  metricsToken?: string;
  /** What keys are hashed with; absent: with the embedded database one of its own, with Postgres there are no keys. */
  keyPepper?: string;
  /** Absent: both listeners speak in the clear. */
  tls?: TlsSettings;
  /** By the name in a client certificate, "URI:…" or "DNS:…". */
  certificateRoles: ReadonlyMap<string, Role>;
  /** Host names by which browsers may call the HTTP listener, beside those of this machine; empty: any, unless it is on loopback. */
  allowedHosts: readonly string[];
}>;

export const ACCESS_VARIABLES =
  "ADMIN_TOKEN METRICS_TOKEN KEY_PEPPER TLS_CERT_FILE TLS_KEY_FILE TLS_CLIENT_CA_FILE TLS_CLIENT_AUTH TLS_CLIENT_ROLES TLS_CRL ALLOWED_HOSTS";

export function readAccess(reader: SettingsReader): AccessSettings {
  return {
    adminToken: reader.text("MODELTIER_ADMIN_TOKEN"),
    metricsToken: reader.text("MODELTIER_METRICS_TOKEN"),
    keyPepper: readPepper(reader),
    tls: readTls(reader),
    certificateRoles: readCertificateRoles(reader),
    allowedHosts: reader.list("MODELTIER_ALLOWED_HOSTS").map((host) => host.toLowerCase()),
  };
}

function readPepper(reader: SettingsReader): string | undefined {
  const pepper = reader.text("MODELTIER_KEY_PEPPER");
  if (pepper !== undefined && pepper.length < 32) {
    reader.problem("MODELTIER_KEY_PEPPER", "is too short to hash with: use at least 32 random characters");
  }
  return pepper;
}

function readTls(reader: SettingsReader): TlsSettings | undefined {
  const certFile = reader.text("MODELTIER_TLS_CERT_FILE");
  const keyFile = reader.text("MODELTIER_TLS_KEY_FILE");
  const clientCaFile = reader.text("MODELTIER_TLS_CLIENT_CA_FILE");
  const clientAuth = reader.choice("MODELTIER_TLS_CLIENT_AUTH", ["require", "optional"], "require");
  const crlFile = reader.text("MODELTIER_TLS_CRL");
  if (crlFile !== undefined && clientCaFile === undefined) {
    reader.problem(
      "MODELTIER_TLS_CLIENT_CA_FILE",
      "is missing: MODELTIER_TLS_CRL lists certificates that it signed",
    );
  }
  if (certFile !== undefined && keyFile !== undefined) {
    return {
      certFile,
      keyFile,
      clientAuth,
      ...(clientCaFile !== undefined && { clientCaFile }),
      ...(crlFile !== undefined && { crlFile }),
    };
  }
  if (certFile !== undefined) {
    reader.problem("MODELTIER_TLS_KEY_FILE", "is missing: it belongs to MODELTIER_TLS_CERT_FILE");
  } else if (keyFile !== undefined || clientCaFile !== undefined) {
    reader.problem("MODELTIER_TLS_CERT_FILE", "is missing: without it neither listener speaks TLS");
  }
  return undefined;
}

const CERTIFICATE_NAME = /^(URI|DNS):\S+$/;

function readCertificateRoles(reader: SettingsReader): ReadonlyMap<string, Role> {
  const name = "MODELTIER_TLS_CLIENT_ROLES";
  const roles = new Map<string, Role>();
  for (const item of reader.list(name)) {
    const equals = item.lastIndexOf("=");
    const certificateName = item.slice(0, Math.max(equals, 0));
    const role = ROLES.find((one) => one === item.slice(equals + 1));
    if (role === undefined || !CERTIFICATE_NAME.test(certificateName)) {
      reader.problem(
        name,
        `holds "${item}"; write URI:spiffe://…=caller or DNS:host=operator, with commas between`,
      );
    } else roles.set(certificateName, role);
  }
  if (roles.size > 0 && reader.text("MODELTIER_TLS_CLIENT_CA_FILE") === undefined) {
    reader.problem(
      "MODELTIER_TLS_CLIENT_CA_FILE",
      `is missing: ${name} speaks of certificates that it signs`,
    );
  }
  return roles;
}
