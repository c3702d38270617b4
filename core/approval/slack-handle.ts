/**
 * The value of a Slack button (`signed-token.ts`): which plan of which request it decides on, until when. Whoever sees the message may click, so it
 * names no approver and no decision; who decides is who clicks.
 */
import { Refusal } from '../errors.ts';
import { encodeFields, takeApart } from './signed-token.ts';

export interface SlackHandle {
  /** Key id: which MAC key made it. */
  kid: string;
  /** Origin of the deployment: a button of another stack is worth nothing here. */
  audience: string;
  requestId: string;
  planHash: string;
  /** Seconds since the epoch. */
  issuedAt: number;
  expiresAt: number;
}

export interface DecodedHandle {
  handle: SlackHandle;
  encodedHandle: string;
  mac: Buffer;
}

/** Keeps a handle apart from a mailed link, which is made with the same key. */
const DOMAIN = 'greenlight-slack-v1\0';
const AUDIENCE = 'slack:';
/** A handle has about 330 characters; Slack's limit is 2,000. */
const LONGEST = 1_000;

const GRAMMAR = {
  k: /^[a-z0-9-]{1,20}$/,
  aud: /^slack:https?:\/\/[a-z0-9.:-]{1,200}$/,
  r: /^PR-[0-9]{4}-[0-9]{4,10}$/,
  p: /^sha256:[0-9a-f]{64}$/,
} as const;

/** The part of the handle that the MAC covers. Keys are in fixed order. */
export function encodeHandle(handle: SlackHandle): string {
  const { kid, audience, requestId, planHash, issuedAt, expiresAt } = handle;
  return encodeFields({ v: 1, k: kid, aud: AUDIENCE + audience, r: requestId, p: planHash, i: issuedAt, e: expiresAt });
}

/** Bytes to authenticate. */
export function handleMessage(encodedHandle: string): Buffer {
  return Buffer.from(DOMAIN + encodedHandle, 'ascii');
}

/** Takes the value of a button apart. Anything but the exact spelling that we produce is BAD_LINK. It is unverified until the MAC is. */
export function decodeHandle(value: string): DecodedHandle {
  const parts = takeApart(value, LONGEST);
  if (!parts) throw badButton();
  const { v, i, e } = parts.fields;
  if (v !== 1 || !Number.isSafeInteger(i) || !Number.isSafeInteger(e)) throw badButton();
  const text = (name: keyof typeof GRAMMAR): string => {
    const field = parts.fields[name];
    if (typeof field !== 'string' || !GRAMMAR[name].test(field)) throw badButton();
    return field;
  };
  const handle: SlackHandle = {
    kid: text('k'),
    audience: text('aud').slice(AUDIENCE.length),
    requestId: text('r'),
    planHash: text('p'),
    issuedAt: i as number,
    expiresAt: e as number,
  };
  if (encodeHandle(handle) !== parts.encoded) throw badButton();
  return { handle, encodedHandle: parts.encoded, mac: parts.mac };
}

/** One answer for every kind of bad value: it tells nothing about which part was wrong. */
export function badButton(): Refusal {
  return new Refusal('BAD_LINK', 'this button is not valid', { hint: 'use the newest message about this request, or decide on its page' });
}
