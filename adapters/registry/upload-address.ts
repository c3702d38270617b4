/** Addresses of uploads, as the target names them: bytes and credentials go to its own origin, below its API, or nowhere. */
import { Fault } from '../../core/errors.ts';
import type { Repository } from './repository.ts';

/** Path and query of an upload. `location` comes from the target. Fault REGISTRY_REFUSED. */
export function uploadAddress(target: Repository, location: string | undefined): string {
  const refuse = (why: string): never => {
    throw new Fault('REGISTRY_REFUSED', `the upload is refused: ${why}; nothing was sent there`);
  };
  const base = `${target.origin}${target.path('blobs/uploads/')}`;
  if (location === undefined || !URL.canParse(location, base)) return refuse('the registry names no address for it');
  if (/(?:^|\/)(?:\.|%2e){2}(?:\/|$)/i.test(location.split('?')[0]!)) return refuse('its address climbs out of its folder');
  const url = new URL(location, base);
  if (url.origin !== target.origin) return refuse('its address is on another origin');
  if (!url.pathname.startsWith('/v2/')) return refuse('its address is outside the registry API');
  return `${url.pathname}${url.search}`;
}

/** The address that completes an upload. */
export function withDigest(address: string, digest: string): string {
  return `${address}${address.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}
