/** Which addresses the product may talk to: https and public, unless whoever deploys allows an exact origin. */
import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Fault } from '../core/errors.ts';

/** Everything that is not the public internet (IANA special-purpose registries), so that no input reaches metadata, runtime APIs or a VPC. */
const PRIVATE = new BlockList();
const IPV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
for (const [network, prefix] of IPV4) PRIVATE.addSubnet(network, prefix, 'ipv4');
/** Of IPv6 only 2000::/3 is public; these parts of it are not: Teredo, documentation, 6to4 (it embeds any IPv4 address). */
const PUBLIC_IPV6 = new BlockList();
PUBLIC_IPV6.addSubnet('2000::', 3, 'ipv6');
const IPV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];
for (const [network, prefix] of IPV6) PRIVATE.addSubnet(network, prefix, 'ipv6');

/** True for an address literal of the public internet. Mapped, compatible, NAT64 and unique local IPv6 addresses are not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !PRIVATE.check(address, 'ipv4');
    case 6:
      return PUBLIC_IPV6.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6');
    default:
      return false;
  }
}

const named = new Set<string>();

/** Allows an origin for this process: for the command line, where the person who starts it names the registry. Never called by functions. */
export function allowOrigin(origin: string): void {
  named.add(new URL(origin).origin);
}

let read: { text: string; named: number; origins: ReadonlySet<string> } | undefined;

/** Origins of the environment variable ALLOWED_ORIGINS (comma-separated, or `none`): set by whoever deploys. */
export function allowedOrigins(): ReadonlySet<string> {
  const text = process.env['ALLOWED_ORIGINS'] ?? '';
  if (read?.text !== text || read.named !== named.size) {
    const listed = text.split(',').map((entry) => entry.trim());
    const origins = new Set([...named, ...listed.flatMap((entry) => (URL.canParse(entry) ? [new URL(entry).origin] : []))]);
    read = { text, named: named.size, origins };
  }
  return read.origins;
}

/** Characters that browsers and parsers drop, fold or read as a separator. */
const TRAP = /[^\x21-\x7e]|[\\<>^`{|}"]/;

/**
 * Parses an address that may come from an attacker; throws EGRESS_REFUSED. The host must stand there exactly as it is parsed, so that `127.1`,
 * `2130706433` and `①②⑦.0.0.1` are refused by their spelling.
 */
export function checkedUrl(text: string): { url: URL; allowed: boolean } {
  const refuse = (why: string): never => {
    throw new Fault('EGRESS_REFUSED', `the address is refused: ${why}`, { hint: 'use a public https address' });
  };
  const authority = /^https?:\/\/([^/?#]+)/.exec(text)?.[1];
  const url = TRAP.test(text) || authority === undefined ? null : parsed(text);
  if (!url || authority === undefined) return refuse('it is not a plain http(s) address');
  if (authority.includes('@')) return refuse('it holds a user name or password');
  const host = authority.replace(/:\d*$/, '');
  if (host.toLowerCase() !== url.hostname) return refuse('its host is not spelled in the canonical form');
  const allowed = allowedOrigins().has(url.origin);
  if (allowed) return { url, allowed };
  if (url.protocol !== 'https:') return refuse('it is not https');
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) {
    if (!isPublicAddress(bare)) return refuse('it is not a public address');
  } else if (!bare.includes('.') || bare.endsWith('.') || bare.endsWith('.localhost')) {
    return refuse('its host is not a public name');
  }
  return { url, allowed };
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** Resolves once for a connection and answers only if every address is public: the connection then uses exactly what was checked. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const isBad = !error && (addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address)));
    if (error) callback(error, '', 0);
    else if (isBad)
      callback(new Fault('EGRESS_REFUSED', 'the address is refused: its host resolves to an address that is not public'), '', 0);
    else if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};
