/**
 * Which addresses a provider may be at. What the environment of the process names is the word of whoever runs the machine, and may be
 * anywhere; what a published configuration names may only be where everybody can be, unless the environment says more.
 */
import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Whether there may be a connection to an IP address, without brackets or zone. */
export type AddressRule = (address: string) => boolean;

/** Everything that is not for everybody, from the registries of special-purpose addresses, and what leads there by another name. */
const NOT_PUBLIC = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"],
  ...["198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  // Unspecified, loopback and IPv4 in the old form; NAT64, twice; discard-only; Teredo and the like; documentation; 6to4.
  ...["::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"],
  // Documentation again; segment routing; unique local; link-local; site-local of old; multicast.
  ...["3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
];

/** @param range an address, or a network as "10.0.0.0/8". @returns false when it is neither */
function addRange(list: BlockList, range: string): boolean {
  const [address = "", bits, ...rest] = range.split("/");
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : -1;
  if (version === 0 || rest.length > 0 || prefix < 0 || prefix > most || address.includes("%")) return false;
  list.addSubnet(address, prefix, familyOf(address));
  return true;
}

export const isRange = (text: string): boolean => addRange(new BlockList(), text);

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 4 ? "ipv4" : "ipv6");

/** Public addresses, and those in the ranges, which are what `isRange` says is one. */
export function publicAnd(ranges: readonly string[]): AddressRule {
  const [closed, opened] = [new BlockList(), new BlockList()];
  for (const range of NOT_PUBLIC) addRange(closed, range);
  for (const range of ranges) addRange(opened, range);
  return (address) => {
    const [plain = ""] = address.split("%");
    if (isIP(plain) === 0) return false;
    // An IPv4 address in IPv6's clothes is found by its own rules, too.
    return opened.check(plain, familyOf(plain)) || !closed.check(plain, familyOf(plain));
  };
}

export class AddressError extends Error {
  override readonly name = "AddressError";
  readonly code = ADDRESS_NOT_ALLOWED;

  constructor() {
    super("the address is not one that providers of a configuration may be at");
  }
}

/** The code of its errors, as those of sockets have one. */
export const ADDRESS_NOT_ALLOWED = "ERR_ADDRESS_NOT_ALLOWED";

/** As URLs have it. @returns the IP address that a host is; undefined: it is a name */
export function literalOf(hostname: string): string | undefined {
  const plain = hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(plain) === 0 ? undefined : plain;
}

/**
 * Resolves names to what the rule allows, and fails with AddressError when that is nothing. What it gives is what is dialled: a name
 * that means something else a moment later changes nothing.
 */
export const checkedLookup =
  (isAllowed: AddressRule, lookup: LookupFunction = systemLookup as LookupFunction): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const addresses = typeof found === "string" ? [] : found;
      const allowed = addresses.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      if (first === undefined) return callback(new AddressError(), []);
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
