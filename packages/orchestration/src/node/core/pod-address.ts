// Addresses for pods, out of a node's share of the loopback network.

export interface AddressRange {
  readonly first: number;
  readonly count: number;
}

/** @param cidr such as `127.64.0.0/16` @throws RangeError */
export function addressRange(cidr: string): AddressRange {
  const [, address = "", bits = ""] = /^([\d.]+)\/(\d+)$/.exec(cidr) ?? [];
  const octets = address.split(".").map(Number);
  const isAddress = octets.length === 4 && octets.every((octet) => octet >= 0 && octet <= 255);
  if (!isAddress || bits === "" || Number(bits) > 30)
    throw new RangeError(`not a range of IPv4 addresses: ${cidr}`);
  const count = 2 ** (32 - Number(bits));
  const number = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return { first: number - (number % count), count };
}

/** Shares of nodes that name none: large ones up to 127.94.0.0/16, then 127.95.0.0/16 in small ones; services have what follows. */
const shares = [
  ...Array.from({ length: 31 }, (_, i) => `127.${64 + i}.0.0/16`),
  ...Array.from({ length: 256 }, (_, i) => `127.95.${i}.0/24`),
];

/** @returns the first share that overlaps none of those that are taken; undefined when all do */
export function freeShare(taken: readonly string[]): string | undefined {
  return shares.find((share) => overlapping(addressRange(share), taken) === undefined);
}

/** @returns the first of `cidrs` that has an address in common with a range */
export function overlapping(
  { first, count }: AddressRange,
  cidrs: readonly string[],
): string | undefined {
  return cidrs.find((cidr) => {
    const other = addressRange(cidr);
    return first < other.first + other.count && other.first < first + count;
  });
}

/** @returns the next free address after `last`, round and round; undefined when all are taken */
export function nextAddress(
  { first, count }: AddressRange,
  taken: ReadonlySet<string>,
  last: string | undefined,
): string | undefined {
  const from = last === undefined ? 0 : Math.max(0, toNumber(last) - first);
  // Neither the network's own address nor the broadcast address.
  for (let step = 1; step <= count; step += 1) {
    const at = (from + step) % count;
    if (at === 0 || at === count - 1) continue;
    const address = toAddress(first + at);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
