/**
 * Keeps requests to upstreams away from the network we run in: loopback, private ranges, metadata
 * services. The address that was checked is the address that is dialled, so DNS cannot rebind.
 */
import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Ranges that no public upstream answers from (IANA special-purpose registries). */
const privateRanges4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/**
 * Global unicast is 2000::/3 and nothing else, so everything outside is refused as a whole: this
 * covers ::1, ::, mapped IPv4, unique-local (with AWS's fd00:ec2::254) and link-local. Inside, what
 * carries an IPv4 address (6to4, Teredo) or serves documentation is refused too. NAT64 addresses
 * are what DNS64 gives for public hosts: they are as public as the IPv4 address they end in.
 */
const nat64Prefix = '64:ff9b::';
const globalRanges6 = ['2000::/3', `${nat64Prefix}/96`];
const privateRanges6 = [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  ...privateRanges4.map(throughNat64),
];

/** Thrown (or given to a lookup's callback) for a host that must not be dialled. */
export class RefusedAddress extends Error {
  readonly code = 'FAIRLEAD_REFUSED_ADDRESS';
  constructor(host: string) {
    super(`${host} is not a public address`);
    this.name = 'RefusedAddress';
  }
}

function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}

function throughNat64(range: string): string {
  const [network, bits] = range.split('/');
  return `${nat64Prefix}${network}/${96 + Number(bits)}`;
}

const private4 = blockList(privateRanges4, 'ipv4');
const private6 = blockList(privateRanges6, 'ipv6');
const global6 = blockList(globalRanges6, 'ipv6');

/** Is this literal IP address one that only our own network could answer from? */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return private4.check(address, 'ipv4');
  if (family !== 6) return true;
  const bare = address.replace(/%.*$/, '');
  return !global6.check(bare, 'ipv6') || private6.check(bare, 'ipv6');
}

/**
 * Checks what can be checked of a URL without asking DNS: scheme, credentials in it, literal
 * addresses. `URL` has already brought odd notations (octal, hexadecimal, one number) to one form.
 */
export function checkUpstreamUrl(url: URL, allowPrivateAddresses: boolean): void {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new RefusedAddress(url.protocol);
  if (url.username !== '' || url.password !== '')
    throw new RefusedAddress('a URL with credentials');
  if (allowPrivateAddresses) return;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isPrivateAddress(host)) throw new RefusedAddress(host);
}

type Resolve = (
  host: string,
  options: dns.LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: dns.LookupAddress[]) => void,
) => void;

/**
 * A `lookup` for sockets that refuses a host as soon as one of its addresses is private. It hands
 * the socket the very addresses it has checked.
 */
export function guardedLookup(resolve: Resolve = dns.lookup): LookupFunction {
  return (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) {
        callback(error, '');
      } else if (first === undefined || addresses.some((each) => isPrivateAddress(each.address))) {
        callback(new RefusedAddress(host), '');
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
