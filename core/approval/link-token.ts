/**
 * The token of a mailed approval link (`signed-token.ts`). It lets its bearer see a request and try to decide; it never carries the decision.
 */
import { Refusal } from '../errors.ts';
import { encodeFields, takeApart } from './signed-token.ts';

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

/** The part of the token that the MAC covers. Keys are in fixed order. */
export function encodeClaims(claims: LinkClaims): string {
  return encodeFields({
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
}

/** Bytes to authenticate. */
export function macMessage(encodedClaims: string): Buffer {
  return Buffer.from(DOMAIN + encodedClaims, 'ascii');
}

export interface DecodedToken {
  claims: LinkClaims;
  encodedClaims: string;
  mac: Buffer;
}

/** Takes a token apart. Anything but the exact spelling that we produce is BAD_LINK. The claims are unverified until the MAC is. */
export function decodeToken(token: string): DecodedToken {
  const parts = takeApart(token, LONGEST);
  if (!parts) throw badLink();
  const claims = claimsOf(parts.fields);
  if (encodeClaims(claims) !== parts.encoded) throw badLink();
  return { claims, encodedClaims: parts.encoded, mac: parts.mac };
}

function claimsOf({ v, k, aud, j, r, s, p, i, e }: Readonly<Record<string, unknown>>): LinkClaims {
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
