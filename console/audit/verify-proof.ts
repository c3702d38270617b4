/**
 * Checks in the browser, by WebCrypto alone, that a line is in the log that a pinned key has signed. Everything but the key comes from the service and is
 * not believed.
 */
import { inclusionSides } from '../../core/audit/inclusion-sides.ts';

/** As `GET /v1/audit/{eventId}/proof` answers, and `greenlight audit prove` writes. */
export interface InclusionProof {
  index: number;
  line: string;
  /** Hashes in base64, lowest first. */
  proof: readonly string[];
  /** C2SP signed note. */
  checkpoint: string;
}

export type Verdict = { valid: true; size: number; origin: string } | { valid: false; why: string };

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export interface PinnedKey {
  key: Key;
  /** What people compare: the first bytes of the key's SHA-256. */
  fingerprint: string;
  /** How it signs. */
  scheme: { name: 'Ed25519' } | { name: 'ECDSA'; hash: 'SHA-256' };
  /** The four bytes that name it in the notes of a log; those of Ed25519 hang on the log's name. */
  idFor(origin: string): Promise<string>;
}

const invalid = (why: string): Verdict => ({ valid: false, why });

/** A public key in PEM, Ed25519 or P-256, as logs have them. Throws when it is none. */
export async function readKey(pem: string): Promise<PinnedKey> {
  const body = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(pem)?.[1];
  if (body === undefined) throw new Error('this is not a public key in PEM');
  const spki = fromBase64(body.replaceAll(/\s/g, ''));
  const whole = hex(await sha256(spki));
  const fingerprint = whole.slice(0, 16);
  if (hex(spki).startsWith(ED25519)) {
    const key = await crypto.subtle.importKey('spki', spki, { name: 'Ed25519' }, false, ['verify']);
    const idFor = async (origin: string) =>
      hex(await sha256(new TextEncoder().encode(`${origin}\n`), Uint8Array.of(1), spki.subarray(-32))).slice(0, 8);
    return { key, fingerprint, scheme: { name: 'Ed25519' }, idFor };
  }
  const key = await crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  return { key, fingerprint, scheme: { name: 'ECDSA', hash: 'SHA-256' }, idFor: async () => whole.slice(0, 8) };
}

/** How the SPKI of an Ed25519 key begins. */
const ED25519 = '302a300506032b6570';

/** Holds the proof against the key. `eventId` is what was asked for: a true proof of another line proves nothing. */
export async function verifyProof(proof: InclusionProof, eventId: string, { key, scheme, idFor }: PinnedKey): Promise<Verdict> {
  const { index, line, proof: siblings, checkpoint } = proof;
  const note = readNote(checkpoint);
  if (!note) return invalid('the signed state of the log cannot be read');
  const id = await idFor(note.origin);
  const named = note.signatures.filter(({ name, bytes }) => name === note.origin && hex(bytes.subarray(0, 4)) === id);
  if (named.length === 0) return invalid('the state of the log is not signed by the pinned key');
  const signed = new TextEncoder().encode(note.body);
  for (const { bytes } of named) {
    const signature = scheme.name === 'Ed25519' ? bytes.slice(4) : rawSignature(bytes.subarray(4));
    if (!signature || !(await crypto.subtle.verify(scheme, key, signature, signed)))
      return invalid('the signature of the state of the log does not hold');
  }
  const sides = inclusionSides(index, note.size, siblings.length);
  if (!sides) return invalid('there is no such line in the log that was signed');
  let hash = await sha256(Uint8Array.of(0), new TextEncoder().encode(line));
  for (const [step, text] of siblings.entries()) {
    const sibling = fromBase64(text);
    if (sibling.length !== 32) return invalid('the proof is malformed');
    hash = sides[step] === 'left' ? await sha256(Uint8Array.of(1), sibling, hash) : await sha256(Uint8Array.of(1), hash, sibling);
  }
  if (hex(hash) !== hex(fromBase64(note.root))) return invalid('the line does not lead to the root that was signed');
  if (idOf(line) !== eventId) return invalid('the proof is of another event');
  return { valid: true, size: note.size, origin: note.origin };
}

function idOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { id?: unknown }).id;
  } catch {
    return undefined;
  }
}

interface Note {
  body: string;
  origin: string;
  size: number;
  root: string;
  signatures: { name: string; bytes: Uint8Array<ArrayBuffer> }[];
}

function readNote(text: string): Note | undefined {
  const split = text.lastIndexOf('\n\n');
  if (split < 0 || !text.endsWith('\n')) return undefined;
  const body = text.slice(0, split + 1);
  const lines = body.slice(0, -1).split('\n');
  const [origin, size, root] = lines;
  if (lines.length !== 3 || !origin || !/^(0|[1-9]\d{0,15})$/.test(size!) || !/^[A-Za-z0-9+/]{43}=$/.test(root!)) return undefined;
  const signatures = text
    .slice(split + 2, -1)
    .split('\n')
    .map((line) => /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line));
  if (signatures.includes(null)) return undefined;
  return {
    body,
    origin,
    size: Number(size),
    root: root!,
    signatures: signatures.map((found) => ({ name: found![1]!, bytes: fromBase64(found![2]!) })),
  };
}

/** ECDSA signatures are DER in notes and two numbers of 32 bytes in WebCrypto. */
function rawSignature(der: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const raw = new Uint8Array(64);
  let at = 2;
  for (const half of [0, 32]) {
    if (der[at] !== 2) return undefined;
    const length = der[at + 1]!;
    const number = der.subarray(at + 2, at + 2 + length);
    const trimmed = number[0] === 0 ? number.subarray(1) : number;
    if (number.length !== length || trimmed.length > 32) return undefined;
    raw.set(trimmed, half + 32 - trimmed.length);
    at += 2 + length;
  }
  return at === der.length ? raw : undefined;
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
}

/** Base64; empty where it is none, which fits nothing. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
