/** Certificates made by openssl, for the time of a test. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type Certificate = Readonly<{ certFile: string; keyFile: string }>;

export type Authority = Readonly<{
  caFile: string;
  /** @param names as openssl writes them: "URI:spiffe://…", "DNS:…", "IP:127.0.0.1" @param days below 0: it has expired */
  issue(name: string, names: readonly string[], days?: number): Promise<Certificate>;
  /** Takes certificates back. @returns the file of the list of all that were, which is empty at first */
  revoke(...certificates: readonly Certificate[]): Promise<string>;
  /** An authority below this one. */
  delegate(subject: string): Promise<Authority>;
  remove(): void;
}>;

const DAY_MS = 86_400_000;
const CA_SETTINGS = `[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
[any]
commonName = supplied
`;

/** As openssl reads it: 20260131235959Z. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;

const OF_AN_AUTHORITY = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

export async function makeAuthority(subject = "an authority", above?: string): Promise<Authority> {
  const folder = mkdtempSync(join(tmpdir(), "mt-tls-"));
  const file = (name: string): string => join(folder, name);
  const openssl = (...words: string[]) => run("openssl", words, { cwd: folder });
  const makeKey = (name: string) =>
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", `${name}.key`);
  await makeKey("ca");
  await openssl(
    ...["req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", `/CN=${subject}`],
    ...OF_AN_AUTHORITY.flatMap((extension) => ["-addext", extension]),
    ...(above === undefined ? [] : ["-CA", join(above, "ca.pem"), "-CAkey", join(above, "ca.key")]),
  );
  writeFileSync(file("ca.cnf"), CA_SETTINGS);
  writeFileSync(file("index"), "");
  return {
    caFile: file("ca.pem"),
    async issue(name, names, days = 1) {
      await makeKey(name);
      await openssl("req", "-new", "-key", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      writeFileSync(file(`${name}.ext`), `subjectAltName=${names.join(",")}\n`);
      const from = Date.now() + (days < 0 ? 2 * days : 0) * DAY_MS - DAY_MS / 24;
      const to = Date.now() + days * DAY_MS;
      await openssl(
        ...["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", `${name}.csr`, "-out", `${name}.pem`],
        ...["-extfile", `${name}.ext`, "-startdate", timeOf(from), "-enddate", timeOf(to)],
      );
      return { certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) };
    },
    async revoke(...certificates) {
      for (const { certFile } of certificates)
        await openssl("ca", "-config", "ca.cnf", "-revoke", certFile, "-crl_reason", "superseded");
      await openssl("ca", "-gencrl", "-config", "ca.cnf", "-crldays", "1", "-out", "ca.crl");
      return file("ca.crl");
    },
    delegate: (below) => makeAuthority(below, folder),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
