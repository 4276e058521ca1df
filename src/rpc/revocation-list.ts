/**
 * Which certificates a revocation list names (RFC 5280, 5.1). OpenSSL has read and taken the list before: Node offers no look into it, and what
 * is read here are two fields of it.
 */

/** One certificate, as its authority knows it: who issued it, and under which number. In hexadecimal. */
export type CertificateId = Readonly<{ issuer: string; serial: string }>;

type Element = Readonly<{ tag: number; body: Buffer; whole: Buffer }>;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const TIMES: ReadonlySet<number> = new Set([0x17, 0x18]);

/** Of a certificate in DER. */
export function idOfCertificate(certificate: Buffer): CertificateId {
  const fields = elementsOf(firstOf(firstOf(certificate).body).body);
  const serial = fields.findIndex(({ tag }) => tag === INTEGER); // before it only the version, in a wrapping of its own
  const issuer = fields[serial + 2]; // between them the algorithm
  if (serial < 0 || issuer === undefined) throw new RangeError("this is no certificate");
  return { issuer: hexOf(issuer.whole), serial: hexOf((fields[serial] as Element).body) };
}

/** @param list a revocation list in DER */
export function listRevoked(list: Buffer): readonly CertificateId[] {
  const fields = elementsOf(firstOf(firstOf(list).body).body);
  // An optional version, the algorithm, the issuer, one or two times; then what is revoked, unless nothing is.
  const [, issuer] = fields.filter(({ tag }) => tag === SEQUENCE);
  const entries = fields[fields.findLastIndex(({ tag }) => TIMES.has(tag)) + 1];
  if (issuer === undefined) throw new RangeError("this is no certificate revocation list");
  if (entries?.tag !== SEQUENCE) return [];
  const ofIssuer = hexOf(issuer.whole);
  return elementsOf(entries.body).map(({ body }) => ({
    issuer: ofIssuer,
    serial: hexOf(firstOf(body).body),
  }));
}

const hexOf = (bytes: Buffer): string => bytes.toString("hex");

const firstOf = (der: Buffer): Element => elementAt(der, 0);

function elementsOf(der: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < der.length; ) {
    const element = elementAt(der, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/** A tag of one byte, the length, and so many bytes. @throws RangeError where these are not there */
function elementAt(der: Buffer, at: number): Element {
  const tag = der.readUInt8(at);
  const short = der.readUInt8(at + 1);
  const isLong = short >= 0x80;
  const lengthBytes = isLong ? short - 0x80 : 0;
  const length = isLong ? der.readUIntBE(at + 2, lengthBytes) : short;
  const start = at + 2 + lengthBytes;
  const end = start + length;
  if (end > der.length) throw new RangeError("it ends before its time");
  return { tag, body: der.subarray(start, end), whole: der.subarray(at, end) };
}
