/**
 * The token of a mailed approval link: `base64url(payload) "." base64url(mac)`. It lets its bearer see a request and try to decide; it never
 * carries the decision. The whole text is attacker-controlled until the MAC is verified, so decoding is strict and touches nothing else.
 */
import { Refusal } from '../errors.ts';

export interface LinkClaims {
  /** Key id: which MAC key made it. */
  kid: string;
  /** Origin of the deployment: a link of another stack is worth nothing here. */
  audience: string;
  /** 128 random bits, hex: the database key. */
  id: string;
  requestId: string;
  /** Identity key of the one person it was sent to. */
  approver: string;
  planHash: string;
  /** Seconds since the epoch. */
  issuedAt: number;
  expiresAt: number;
}

/** Keeps our MACs apart from any other use of the key. */
const DOMAIN = 'greenlight-link-v1\0';
/** A token has about 450 characters; twice that is no token. */
const LONGEST = 1_000;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const MAC_BYTES = 32;

/** The part of the token that the MAC covers. Keys are in fixed order. */
export function encodeClaims(claims: LinkClaims): string {
  const payload = JSON.stringify({
    v: 1,
    k: claims.kid,
    aud: claims.audience,
    j: claims.id,
    r: claims.requestId,
    s: claims.approver,
    p: claims.planHash,
    i: claims.issuedAt,
    e: claims.expiresAt,
  });
  return Buffer.from(payload).toString('base64url');
}

/** Bytes to authenticate. */
export function macMessage(encodedClaims: string): Buffer {
  return Buffer.from(DOMAIN + encodedClaims, 'ascii');
}

export function joinToken(encodedClaims: string, mac: Uint8Array): string {
  return `${encodedClaims}.${Buffer.from(mac).toString('base64url')}`;
}

export interface DecodedToken {
  claims: LinkClaims;
  encodedClaims: string;
  mac: Buffer;
}

/** Takes a token apart. Anything but the exact spelling that we produce is BAD_LINK. The claims are unverified until the MAC is. */
export function decodeToken(token: string): DecodedToken {
  if (token.length === 0 || token.length > LONGEST) throw badLink();
  const parts = token.split('.');
  const [encodedClaims, encodedMac] = parts;
  if (parts.length !== 2 || !encodedClaims || !encodedMac || !BASE64URL.test(encodedClaims) || !BASE64URL.test(encodedMac)) throw badLink();
  const mac = Buffer.from(encodedMac, 'base64url');
  const payload = Buffer.from(encodedClaims, 'base64url');
  // base64 has several spellings of the same bytes; only ours is a token.
  if (mac.length !== MAC_BYTES || mac.toString('base64url') !== encodedMac || payload.toString('base64url') !== encodedClaims)
    throw badLink();
  const claims = parseClaims(payload.toString('utf8'));
  if (encodeClaims(claims) !== encodedClaims) throw badLink();
  return { claims, encodedClaims, mac };
}

function parseClaims(payload: string): LinkClaims {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    throw badLink();
  }
  if (value === null || typeof value !== 'object') throw badLink();
  const { v, k, aud, j, r, s, p, i, e } = value as Record<string, unknown>;
  const text = (field: unknown, grammar: RegExp): string => {
    if (typeof field !== 'string' || !grammar.test(field)) throw badLink();
    return field;
  };
  if (v !== 1 || !Number.isSafeInteger(i) || !Number.isSafeInteger(e)) throw badLink();
  return {
    kid: text(k, /^[a-z0-9-]{1,20}$/),
    audience: text(aud, /^https?:\/\/[a-z0-9.:-]{1,200}$/),
    id: text(j, /^[0-9a-f]{32}$/),
    requestId: text(r, /^PR-[0-9]{4}-[0-9]{4,10}$/),
    approver: text(s, /^[0-9a-f]{32}$/),
    planHash: text(p, /^sha256:[0-9a-f]{64}$/),
    issuedAt: i as number,
    expiresAt: e as number,
  };
}

/** One answer for every kind of bad token: it tells nothing about which part was wrong. */
export function badLink(): Refusal {
  return new Refusal('BAD_LINK', 'this link is not valid', {
    hint: 'open the newest mail about this request, or sign in and decide there',
  });
}

/** What an approver types to show that a person read the page: environment and the last six characters of the digest. */
export function confirmationOf(environment: string, digest: string): string {
  return `${environment} ${digest.slice(-6)}`;
}
