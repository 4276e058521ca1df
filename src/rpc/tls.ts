/** The certificates of every listener: read at the start, and again whenever their files change or somebody asks. */
import type { X509Certificate } from "node:crypto";
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import type { Server } from "node:net";
import { createSecureContext, type SecureContextOptions, type TLSSocket } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import type { TlsSettings } from "../settings/access.ts";
import { SettingsError } from "../settings/reader.ts";
import type { Log } from "../telemetry/log.ts";
import { ClientTrust, pemBlocks, type Verdict } from "./client-trust.ts";
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
  /** Ends connections of a listener as soon as the certificates that they were let in for hold no more. */
  watch(listener: Server): void;
  /** Reads the files now. */
  reload(): void;
  close(): void;
}>;

/** @throws SettingsError when the files cannot be read, or do not belong together */
export function openTls(settings: TlsSettings, log: Log): TlsCertificates {
  const { certFile, keyFile, clientCaFile, crlFile, clientAuth } = settings;
  const files = [certFile, keyFile, clientCaFile, crlFile].filter((file) => file !== undefined);
  let { context, trust } = read(settings);
  const followers: ((context: SecureContextOptions) => void)[] = [];
  const connections = new ClientConnections(log);
  const reload = (): void => {
    const before = trust;
    try {
      ({ context, trust } = read(settings));
    } catch (error) {
      // A certificate and its key are replaced one after the other: the second change brings both.
      log.error("the new certificates cannot be used; those in use stay", {
        failure: error instanceof Error ? error.message : typeof error,
      });
      return;
    }
    for (const take of followers) take(context);
    log.info("new certificates are in use");
    if (trust !== undefined && before !== undefined) connections.judge(trust, before);
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
    watch: (listener) => connections.watch(listener),
    reload,
    close: () => {
      for (const file of files) unwatchFile(file, reload);
    },
  };
}

/** Those that were opened with a client certificate that was verified. */
class ClientConnections {
  readonly #log: Log;
  readonly #open = new Set<TLSSocket>();

  constructor(log: Log) {
    this.#log = log;
  }

  watch(listener: Server): void {
    listener.on("secureConnection", (socket: TLSSocket) => {
      if (!socket.authorized) return;
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
    });
  }

  /** Again once no handshake that began by the old files can be under way; whoever comes anew was looked at in full. */
  judge(now: ClientTrust, before: ClientTrust): void {
    this.#end(now, before, ["ended", "doubtful"]);
    setTimeout(() => this.#end(now, before, ["ended"]), LIMITS.firstWordMs).unref();
  }

  #end(now: ClientTrust, before: ClientTrust, ending: readonly Verdict[]): void {
    const verdicts = new Map<string, Verdict>();
    const verdictOf = (certificate: X509Certificate): Verdict => {
      const { fingerprint256: id } = certificate;
      const verdict = verdicts.get(id) ?? now.judge(certificate, before);
      verdicts.set(id, verdict);
      return verdict;
    };
    const ended = [...this.#open].filter((socket) => {
      const certificate = socket.getPeerX509Certificate();
      return certificate !== undefined && ending.includes(verdictOf(certificate));
    });
    for (const socket of ended) socket.destroy();
    if (ended.length === 0) return;
    const message = "connections were ended: their client certificates hold no more";
    this.#log.warn(message, { connections: ended.length });
  }
}

type Read = Readonly<{ context: SecureContextOptions; trust: ClientTrust | undefined }>;

function read({ certFile, keyFile, clientCaFile, crlFile }: TlsSettings): Read {
  const ca = clientCaFile === undefined ? undefined : readNamed(clientCaFile, "MODELTIER_TLS_CLIENT_CA_FILE");
  const crl = crlFile === undefined ? undefined : readNamed(crlFile, "MODELTIER_TLS_CRL");
  const context: SecureContextOptions = {
    cert: readNamed(certFile, "MODELTIER_TLS_CERT_FILE"),
    key: readNamed(keyFile, "MODELTIER_TLS_KEY_FILE"),
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl: listsIn(crl) }),
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
  return { context, trust: ca && trustIn(ca, crl) };
}

/** A file that is just being written holds nothing, which must not shut out everybody. */
function trustIn(ca: Buffer, crl: Buffer | undefined): ClientTrust {
  let trust: ClientTrust | undefined;
  try {
    trust = new ClientTrust(ca, crl);
  } catch {
    throw new SettingsError([
      "MODELTIER_TLS_CLIENT_CA_FILE or MODELTIER_TLS_CRL holds a block that is cut short",
    ]);
  }
  if (trust.isEmpty) throw new SettingsError(["MODELTIER_TLS_CLIENT_CA_FILE holds no certificate in PEM"]);
  return trust;
}

/** Of a text with several Node takes the first and no other. */
function listsIn(file: Buffer): (string | Buffer)[] {
  const lists = pemBlocks(file, "X509 CRL");
  return lists.length === 0 ? [file] : [...lists];
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
