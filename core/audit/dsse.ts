/** DSSE envelopes: what is signed is the type and the bytes of the payload, so that a signature made for one kind of document is none for another. */
import { type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { sha256Hex } from '../promotion/canonical-json.ts';

/** Media type of in-toto statements, as cosign and others expect it. */
export const IN_TOTO = 'application/vnd.in-toto+json';

const envelope = z.strictObject({
  payloadType: z.string().max(200),
  payload: z.base64().max(8 * 1024 * 1024),
  signatures: z.array(z.strictObject({ keyid: z.string().max(200), sig: z.base64().max(1_000) })).length(1),
});

export interface SignedPayload {
  payloadType: string;
  payload: Buffer;
  keyid: string;
  signature: Buffer;
}

/** The bytes that are signed: PAE of DSSE v1. */
export function signedBytes(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** SHA-256 over the SPKI, in hex. */
export function keyidOf(key: KeyObject): string {
  return `sha256:${sha256Hex(key.export({ format: 'der', type: 'spki' }))}`;
}

/** Text of the envelope; `signature` is DER over SHA-256 for ECDSA. */
export function envelopeText({ payloadType, payload, keyid, signature }: SignedPayload): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  return `${JSON.stringify({ payloadType, payload: base64(payload), signatures: [{ keyid, sig: base64(signature) }] })}\n`;
}

/** Reads an envelope (attacker-controlled bytes); undefined when it is none, or none with exactly one signature. */
export function readEnvelope(bytes: Uint8Array): SignedPayload | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const { payloadType, payload, signatures } = envelope.parse(JSON.parse(text));
    const { keyid, sig } = signatures[0]!;
    return { payloadType, payload: exactly(payload), keyid, signature: exactly(sig) };
  } catch {
    return undefined;
  }
}

/** One spelling per value: base64 may carry bits that nothing reads. */
function exactly(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new TypeError('the base64 has stray bits');
  return bytes;
}

export function isSignedBy(key: KeyObject, { payloadType, payload, keyid, signature }: SignedPayload): boolean {
  return keyid === keyidOf(key) && verify('sha256', signedBytes(payloadType, payload), key, signature);
}
