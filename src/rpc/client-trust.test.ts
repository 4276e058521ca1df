/** Certificates and lists that openssl made, with an authority in between. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Authority, makeAuthority } from "../../test/support/certificates.ts";
import { ClientTrust } from "./client-trust.ts";

const authorities: Authority[] = [];
let root: Authority;
let stranger: Authority;
let between: Authority;
beforeAll(async () => {
  root = await makeAuthority("root");
  stranger = await makeAuthority("stranger");
  between = await root.delegate("between");
  authorities.push(root, stranger, between);
});
afterAll(() => {
  for (const one of authorities) one.remove();
});

const trust = (trusted: readonly Authority[], lists: readonly string[] = []) =>
  new ClientTrust(
    Buffer.concat(trusted.map(({ caFile }) => readFileSync(caFile))),
    lists.length === 0 ? undefined : Buffer.concat(lists.map((list) => readFileSync(list))),
  );
const certificateFrom = async (authority: Authority, name: string) => {
  const issued = await authority.issue(name, [`URI:spiffe://example.test/${name}`]);
  return { issued, certificate: new X509Certificate(readFileSync(issued.certFile)) };
};

it("a certificate ends with its place on its authority's list, and one of the same number elsewhere does not", async () => {
  const { issued, certificate } = await certificateFrom(root, "one");
  const { certificate: another } = await certificateFrom(root, "two");
  const before = trust([root, stranger], [await root.revoke(), await stranger.revoke()]);
  expect(before.judge(certificate, before)).toBe("holds");
  const now = trust([root, stranger], [await stranger.revoke(), await root.revoke(issued)]);
  expect([now.judge(certificate, before), now.judge(another, before)]).toEqual(["ended", "holds"]);
});

it("a certificate ends when its authority is gone, or the one above that", async () => {
  const { certificate } = await certificateFrom(between, "below");
  const { certificate: direct } = await certificateFrom(root, "direct");
  const before = trust([root, between, stranger]);
  const verdicts = (now: ClientTrust) => [now.judge(certificate, before), now.judge(direct, before)];
  expect(verdicts(trust([root, between]))).toEqual(["holds", "holds"]);
  expect(verdicts(trust([between, stranger]))).toEqual(["ended", "ended"]);
  expect(verdicts(trust([root]))).toEqual(["ended", "holds"]);
});

it("a certificate ends when an authority between is on the root's list", async () => {
  const { certificate } = await certificateFrom(between, "under");
  const before = trust([root, between]);
  const issuer = { certFile: between.caFile, keyFile: "" };
  expect(trust([root, between], [await root.revoke(issuer)]).judge(certificate, before)).toBe("ended");
});

it("one whose authority the client itself sent is doubted only where an authority is gone, or has revoked another's", async () => {
  const { certificate } = await certificateFrom(between, "hidden");
  const before = trust([root, stranger]);
  expect(before.judge(certificate, before)).toBe("holds");
  expect(trust([root]).judge(certificate, before)).toBe("doubtful");
  const lists = [await root.revoke(), await stranger.revoke()];
  const later = trust([root, stranger], lists);
  const { issued } = await certificateFrom(root, "third");
  const now = trust([root, stranger], [await root.revoke(issued), await stranger.revoke()]);
  expect(now.judge(certificate, later)).toBe("doubtful");
  expect(now.judge(certificate, now)).toBe("holds");
});

it("a block that is cut short is an error, and a file without one trusts nobody", () => {
  const whole = readFileSync(root.caFile, "latin1");
  const cut = whole.replace(/\n[^\n]+\n-----END/, "\n-----END");
  expect(() => new ClientTrust(Buffer.from(cut), undefined)).toThrow();
  expect(new ClientTrust(Buffer.from(whole.slice(0, 200)), undefined).isEmpty).toBe(true);
});
