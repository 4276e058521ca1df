/** The certificates of every listener: read at the start, and again whenever their files change or somebody asks. */
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import type { TlsSettings } from "../settings/access.ts";
import { SettingsError } from "../settings/reader.ts";
import type { Log } from "../telemetry/log.ts";
import { LIMITS } from "./limits.ts";

/** A look at the files' times, which also sees a Kubernetes secret change under its link. */
const WATCH_MS = 1_000;

export type TlsCertificates = Readonly<{
  /** As they are now. */
  context(): SecureContextOptions;
  /** Whether clients are asked for a certificate, and refused without one that was verified. */
  handshake: Readonly<{ requestCert: boolean; rejectUnauthorized: boolean; handshakeTimeout: number }>;
  /** Calls back with new ones. */
  follow(take: (context: SecureContextOptions) => void): void;
  /** Reads the files now. */
  reload(): void;
  close(): void;
}>;

/** @throws SettingsError when the files cannot be read, or do not belong together */
export function openTls(settings: TlsSettings, log: Log): TlsCertificates {
  const { certFile, keyFile, clientCaFile, crlFile, clientAuth } = settings;
  const files = [certFile, keyFile, clientCaFile, crlFile].filter((file) => file !== undefined);
  let context = read(settings);
  const followers: ((context: SecureContextOptions) => void)[] = [];
  const reload = (): void => {
    try {
      context = read(settings);
    } catch (error) {
      // A certificate and its key are replaced one after the other: the second change brings both.
      log.error("the new certificates cannot be used; those in use stay", {
        failure: error instanceof Error ? error.message : typeof error,
      });
      return;
    }
    for (const take of followers) take(context);
    log.info("new certificates are in use");
  };
  for (const file of files) watchFile(file, { interval: WATCH_MS, persistent: false }, reload);
  const isAsked = clientCaFile !== undefined;
  return {
    context: () => context,
    handshake: {
      requestCert: isAsked,
      rejectUnauthorized: isAsked && clientAuth === "require",
      handshakeTimeout: LIMITS.firstWordMs,
    },
    follow: (take) => followers.push(take),
    reload,
    close: () => {
      for (const file of files) unwatchFile(file, reload);
    },
  };
}

function read({ certFile, keyFile, clientCaFile, crlFile }: TlsSettings): SecureContextOptions {
  const context: SecureContextOptions = {
    cert: readNamed(certFile, "MODELTIER_TLS_CERT_FILE"),
    key: readNamed(keyFile, "MODELTIER_TLS_KEY_FILE"),
    ...(clientCaFile !== undefined && { ca: readNamed(clientCaFile, "MODELTIER_TLS_CLIENT_CA_FILE") }),
    ...(crlFile !== undefined && { crl: readNamed(crlFile, "MODELTIER_TLS_CRL") }),
    minVersion: "TLSv1.2",
  };
  try {
    createSecureContext(context);
  } catch (error) {
    if (error instanceof Error && /CRL/.test(error.message)) {
      throw new SettingsError(["MODELTIER_TLS_CRL is no certificate revocation list in PEM"]);
    }
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new SettingsError([
      `MODELTIER_TLS_CERT_FILE and MODELTIER_TLS_KEY_FILE are no certificate and its key in PEM (${code})`,
    ]);
  }
  return context;
}

function readNamed(path: string, variable: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SettingsError([
      `${variable} names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`,
    ]);
  }
}

/** The certificates as grpc-js takes them, and takes them anew. */
export class FollowingCredentials extends ServerCredentials {
  constructor(tls: TlsCertificates) {
    super(tls.handshake, tls.context());
    tls.follow((context) => this.updateSecureContextOptions(context));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
