/**
 * What we hand out and check when it comes back: `base64url(payload) "." base64url(mac)`. The whole text is attacker-controlled until the MAC is
 * verified, so taking it apart is strict and touches nothing else.
 */

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const MAC_BYTES = 32;

export interface TokenParts {
  /** Members of the payload, unchecked. */
  fields: Readonly<Record<string, unknown>>;
  /** The part that the MAC covers. */
  encoded: string;
  mac: Buffer;
}

/** The part of a token that its MAC covers. Members keep the order in which they are given. */
export function encodeFields(fields: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

export function joinToken(encoded: string, mac: Uint8Array): string {
  return `${encoded}.${Buffer.from(mac).toString('base64url')}`;
}

/** The parts of a token of at most `longest` characters, or undefined for anything but the exact spelling that we produce. */
export function takeApart(token: string, longest: number): TokenParts | undefined {
  if (token.length > longest) return undefined;
  const parts = token.split('.');
  const [encoded, encodedMac] = parts;
  if (parts.length !== 2 || !encoded || !encodedMac || !BASE64URL.test(encoded) || !BASE64URL.test(encodedMac)) return undefined;
  const mac = Buffer.from(encodedMac, 'base64url');
  const payload = Buffer.from(encoded, 'base64url');
  // base64 has several spellings of the same bytes; only ours is a token.
  if (mac.length !== MAC_BYTES || mac.toString('base64url') !== encodedMac || payload.toString('base64url') !== encoded) return undefined;
  const fields = objectOf(payload.toString('utf8'));
  return fields && { fields, encoded, mac };
}

function objectOf(payload: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
