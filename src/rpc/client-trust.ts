/** Whose client certificates hold, by the files as they are at one time: for connections that were let in by what they said before. */
import { X509Certificate } from "node:crypto";
import { type CertificateId, idOfCertificate, listRevoked } from "./revocation-list.ts";

/** Every block of a PEM file. */
export const pemBlocks = (file: Buffer, label: string): readonly string[] =>
  file.toString("latin1").match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, "g")) ?? [];

const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const keyOf = ({ issuer, serial }: CertificateId): string => `${issuer} ${serial}`;
const isIssuedBy = (one: X509Certificate, by: X509Certificate): boolean =>
  one.checkIssued(by) && one.verify(by.publicKey);

/**
 * "doubtful": the certificate leads to an authority over others that the client sent, which Node does not show; one of these, or the
 * authority, may be what is gone. Who is shut out by mistake comes back, and is let in.
 */
export type Verdict = "holds" | "ended" | "doubtful";

export class ClientTrust {
  readonly #authorities: readonly X509Certificate[];
  readonly #revoked: ReadonlyMap<string, CertificateId>;

  /** @param authorities in PEM @param lists revocation lists in PEM */
  constructor(authorities: Buffer, lists: Buffer | undefined) {
    this.#authorities = pemBlocks(authorities, "CERTIFICATE").map((pem) => new X509Certificate(pem));
    const revoked = lists === undefined ? [] : pemBlocks(lists, "X509 CRL").map(derOf).flatMap(listRevoked);
    this.#revoked = new Map(revoked.map((id) => [keyOf(id), id]));
  }

  /** There is none, and nobody could be let in. */
  get isEmpty(): boolean {
    return this.#authorities.length === 0;
  }

  /** What became of a certificate that held by `before`. */
  judge(certificate: X509Certificate, before: ClientTrust): Verdict {
    const id = idOfCertificate(certificate.raw);
    if (this.#revoked.has(keyOf(id))) return "ended";
    if (this.#leadsToRoot(certificate)) return "holds";
    if (before.#leadsToRoot(certificate)) return "ended";
    return this.#isLessThan(before, id.issuer) ? "doubtful" : "holds";
  }

  /** Over authorities of the file alone, none of which is revoked. */
  #leadsToRoot(certificate: X509Certificate, passed: readonly X509Certificate[] = []): boolean {
    if (this.#revoked.has(keyOf(idOfCertificate(certificate.raw)))) return false;
    return this.#authorities.some(
      (one) =>
        !passed.includes(one) &&
        isIssuedBy(certificate, one) &&
        (isIssuedBy(one, one) || this.#leadsToRoot(one, [...passed, one])),
    );
  }

  /** An authority is gone, or one other than the certificate's own has revoked something. */
  #isLessThan(before: ClientTrust, ownIssuer: string): boolean {
    const fingerprints = new Set(this.#authorities.map(({ fingerprint256 }) => fingerprint256));
    return (
      before.#authorities.some(({ fingerprint256 }) => !fingerprints.has(fingerprint256)) ||
      [...this.#revoked].some(([key, { issuer }]) => issuer !== ownIssuer && !before.#revoked.has(key))
    );
  }
}
