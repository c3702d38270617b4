/** HMAC signatures of gate requests and callbacks in the shape of Standard Webhooks. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far a time stamp may lie from now, in seconds: older messages are replays. */
const TOLERANCE_SECONDS = 300;
const MOST_SIGNATURES = 5;

export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** Secrets may be written `whsec_<base64>`, as Standard Webhooks has them; any other text is taken as it is. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret, 'utf8');
}

function macOf(secret: string, id: string, timestamp: string, body: Buffer): Buffer {
  return createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
}

/** Headers of a message that we send. */
export function signMessage(secret: string, id: string, now: Date, body: Buffer): SignedHeaders {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${macOf(secret, id, timestamp, body).toString('base64')}`,
  };
}

type ReceivedHeaders = Readonly<Record<string, string | undefined>>;

/** True when the message is ours to believe. All arguments but `secret` and `now` are attacker-controlled. */
export function isSignedMessage(secret: string, headers: ReceivedHeaders, body: Buffer, now: Date): boolean {
  return signatureOf(secret, headers, body, now) !== undefined;
}

/** The signature of a message that is ours to believe, as it has to be: the same message has the same one, however often and wherever it is sent. */
export function signatureOf(secret: string, headers: ReceivedHeaders, body: Buffer, now: Date): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures || !/^[0-9]{1,12}$/.test(timestamp)) return undefined;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return undefined;
  const expected = macOf(secret, id, timestamp, body);
  const isRight = signatures
    .split(' ')
    .slice(0, MOST_SIGNATURES)
    .some((entry) => {
      const [version, value = ''] = entry.split(',');
      const given = Buffer.from(value, 'base64');
      return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
    });
  return isRight ? expected.toString('base64') : undefined;
}
