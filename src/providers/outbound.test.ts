import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressError, checkedLookup, isRange, literalOf, publicAnd } from "./outbound.ts";

const isPublic = publicAnd([]);
const v4 = (a: number, b: number, c: number, d: number) => [a, b, c, d].join(".");
const byte = fc.nat(255);

/** An address of IPv4 as URLs may spell it. */
const spellings = ([a, b, c, d]: readonly [number, number, number, number]): readonly string[] => {
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const [high, low] = [hex(a * 256 + b, 4), hex(c * 256 + d, 4)];
  return [
    v4(a, b, c, d),
    String(number),
    `0x${hex(number, 8)}`,
    `0${a.toString(8)}.${b}.${c}.${d}`,
    `${a}.${b}.${c * 256 + d}`,
    `[::ffff:${high}:${low}]`,
    `[::ffff:${v4(a, b, c, d)}]`,
    `[64:ff9b::${high}:${low}]`,
    `[2002:${high}:${low}::1]`,
    `[::${high}:${low}]`,
  ];
};

/** As a base URL is read and dialled. */
const mayDial = (host: string, isAllowed = isPublic): boolean => {
  const literal = literalOf(new URL(`http://${host}/v1`).hostname);
  if (literal === undefined) throw new Error(`${host} is read as a name`);
  return isAllowed(literal);
};

describe("an address that is not public", () => {
  it("is refused in every spelling that a URL knows", () => {
    const anAddress = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), byte, byte, byte),
      fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
      fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
      fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
    );
    fc.assert(
      fc.property(anAddress, (address) => {
        for (const host of spellings(address)) expect(mayDial(host), host).toBe(false);
      }),
    );
  });

  it.each([
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2001:0:1::1",
    "100::1",
  ])("is refused as IPv6: %s", (address) => expect(isPublic(address)).toBe(false));

  it("may be called where the setting names it, in every spelling, and nothing beside it", () => {
    const isAllowed = publicAnd(["10.1.0.0/16", "127.0.0.1", "fd00:1::/32"]);
    for (const host of ["10.1.255.3", "0x0a01ff03", "[::ffff:10.1.2.3]", "2130706433", "[fd00:1::9]"])
      expect(mayDial(host, isAllowed), host).toBe(true);
    for (const host of ["10.2.0.1", "127.0.0.2", "[fd00:2::9]", "[::1]"])
      expect(mayDial(host, isAllowed), host).toBe(false);
  });
});

it.each([
  "1.1.1.1",
  "8.8.8.8",
  "172.15.255.255",
  "172.32.0.1",
  "192.167.1.1",
  "100.128.0.1",
  "2606:4700::1111",
])("%s is public", (address) => expect(isPublic(address)).toBe(true));

it("what is no address is none that may be called", () => {
  for (const text of ["", "localhost", "1.2.3", "[::1]", "1.1.1.1:80"])
    expect(isPublic(text), text).toBe(false);
});

it.each(["10.0.0.0/8", "10.1.2.3", "fd00::/8", "::1", "0.0.0.0/0"])("%s names addresses", (range) => {
  expect(isRange(range)).toBe(true);
});
it.each([
  "",
  "all",
  "10.0.0.0/33",
  "10.0.0/8",
  "fd00::/129",
  "10.0.0.0/8/8",
  "10.0.0.0/-1",
  "host",
  "fe80::1%eth0",
])('"%s" names none', (range) => {
  expect(isRange(range)).toBe(false);
});

describe("a name", () => {
  const answering =
    (...addresses: LookupAddress[]): LookupFunction =>
    (_, options, callback) => {
      if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 4);
    };
  const ask = (lookup: LookupFunction, all: boolean) =>
    new Promise((resolve) => {
      checkedLookup(isPublic, lookup)("llm.example.com", { all }, (error, found) => resolve(error ?? found));
    });

  it("leads to those of its addresses that are public, and to no other", async () => {
    const lookup = answering({ address: "10.0.0.1", family: 4 }, { address: "1.1.1.1", family: 4 });
    expect(await ask(lookup, true)).toEqual([{ address: "1.1.1.1", family: 4 }]);
    expect(await ask(lookup, false)).toBe("1.1.1.1");
  });

  it("leads nowhere when none is", async () => {
    const lookup = answering({ address: "10.0.0.1", family: 4 }, { address: "::1", family: 6 });
    for (const all of [true, false]) expect(await ask(lookup, all)).toBeInstanceOf(AddressError);
  });
});
