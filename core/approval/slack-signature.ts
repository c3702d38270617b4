/** Signatures of what Slack sends: `v0=` and the HMAC-SHA-256 of `v0:<timestamp>:<body>` with the signing secret of the app. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far a time stamp may lie from now, in seconds: older messages are replays. */
const TOLERANCE_SECONDS = 300;
/** Slack's secrets have 32 characters. What is far shorter is a slip, and could be guessed. */
const SHORTEST_SECRET = 16;
const TIMESTAMP = /^[0-9]{10}$/;
const SIGNATURE = /^v0=[0-9a-f]{64}$/;

/**
 * The secrets in the value that an operator put: one, or while it is rotated the new and the old one, separated by commas or white space, or as a JSON
 * array of texts.
 */
export function signingSecretsOf(value: string): string[] {
  return partsOf(value.trim()).filter((part): part is string => typeof part === 'string' && part.length >= SHORTEST_SECRET);
}

function partsOf(text: string): unknown[] {
  if (!text.startsWith('[')) return text.split(/[\s,]+/);
  try {
    return JSON.parse(text) as unknown[];
  } catch {
    return [];
  }
}

/** Time stamp and signature as they must be spelled, and a time stamp of now: whoever fails here needs no secret to be read. Both are attacker-controlled. */
export function isFreshlySigned(headers: Readonly<Record<string, string | undefined>>, now: Date): boolean {
  const { 'x-slack-request-timestamp': timestamp = '', 'x-slack-signature': signature = '' } = headers;
  if (!TIMESTAMP.test(timestamp) || !SIGNATURE.test(signature)) return false;
  return Math.abs(Math.floor(now.getTime() / 1000) - Number(timestamp)) <= TOLERANCE_SECONDS;
}

/** True when Slack signed these very bytes with one of the secrets just now. All arguments but `secrets` and `now` are attacker-controlled. */
export function isSignedBySlack(
  secrets: readonly string[],
  headers: Readonly<Record<string, string | undefined>>,
  body: Uint8Array,
  now: Date,
): boolean {
  if (!isFreshlySigned(headers, now)) return false;
  const given = Buffer.from(headers['x-slack-signature']!.slice('v0='.length), 'hex');
  return secrets.some((secret) => timingSafeEqual(given, macOf(secret, headers['x-slack-request-timestamp']!, body)));
}

function macOf(secret: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
}
