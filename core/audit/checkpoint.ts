/** Checkpoints: C2SP signed notes that say "the log of this origin has this size and this root". */
import { createHash, type KeyObject, verify } from 'node:crypto';

/** What a checkpoint says, before it is signed. */
export interface TreeHead {
  origin: string;
  size: number;
  root: Buffer;
}

/** A C2SP signed note: some text and who signed it. */
export interface Note {
  /** The signed bytes: the text without the empty line that follows. */
  body: string;
  /** Signature lines in their order; several may stand there, also of keys that nobody knows. */
  signatures: readonly { name: string; keyId: Buffer; signature: Buffer }[];
}

export type Checkpoint = TreeHead & Note;

export type KeyAlgorithm = 'ed25519' | 'ecdsa-p256';

/** A note that is not exactly what the format says. */
export class BadCheckpoint extends Error {
  override readonly name = 'BadCheckpoint';
}

/** Ours are below 300 bytes; 16 witnesses of post-quantum size still fit. */
const LONGEST_NOTE = 128 * 1024;
const SIZE = /^(0|[1-9]\d{0,15})$/;
/** Key names have no space of any kind and no plus. */
const KEY_NAME = /^[^\s+]+$/u;
/** 32 bytes in base64, and the last character carries no stray bits. */
const ROOT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

export function checkpointBody(head: TreeHead): string {
  return `${head.origin}\n${head.size}\n${head.root.toString('base64')}\n`;
}

/** Algorithm of a public key. TypeError for keys that sign no log of ours. */
export function algorithmOf(key: KeyObject): KeyAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ecdsa-p256';
  throw new TypeError('the key is neither Ed25519 nor ECDSA P-256');
}

/** The four bytes that name a key: over name, type 0x01 and the key for Ed25519; over the SPKI bytes alone for ECDSA, for historical reasons. */
export function keyIdOf(name: string, key: KeyObject): Buffer {
  const spki = key.export({ format: 'der', type: 'spki' });
  const hash = createHash('sha256');
  // The last 32 bytes of an Ed25519 SPKI are the raw key.
  if (algorithmOf(key) === 'ed25519') hash.update(`${name}\n`).update(Uint8Array.of(1)).update(spki.subarray(-32));
  else hash.update(spki);
  return hash.digest().subarray(0, 4);
}

/** The whole note. Signature: 64 raw bytes for Ed25519, DER for ECDSA, each over the body. */
export function noteOf(body: string, name: string, key: KeyObject, signature: Uint8Array): string {
  return `${body}\n— ${name} ${Buffer.concat([keyIdOf(name, key), signature]).toString('base64')}\n`;
}

/** Reads a note (attacker-controlled bytes). BadCheckpoint when one byte is not as the format wants it. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > LONGEST_NOTE) throw new BadCheckpoint('the note is too long');
  const note = decode(bytes);
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw new BadCheckpoint('the note has no signature block');
  const signatures = note
    .slice(split + 2, -1)
    .split('\n')
    .map(signatureOf);
  return { body: note.slice(0, split + 1), signatures };
}

/** Reads a checkpoint (attacker-controlled bytes). BadCheckpoint when one byte is not as the format wants it. */
export function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  const { body, signatures } = parseNote(bytes);
  const lines = body.slice(0, -1).split('\n');
  if (lines.length !== 3) throw new BadCheckpoint('the body is not origin, size and root');
  const [origin, size, root] = lines as [string, string, string];
  if (!KEY_NAME.test(origin)) throw new BadCheckpoint('the origin is not a name');
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size))) throw new BadCheckpoint('the size is not a number');
  if (!ROOT.test(root)) throw new BadCheckpoint('the root is not 32 bytes of base64');
  return { origin, size: Number(size), root: Buffer.from(root, 'base64'), body, signatures };
}

function decode(bytes: Uint8Array): string {
  let note: string;
  try {
    note = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BadCheckpoint('the note is not UTF-8');
  }
  for (const character of note) {
    if (character < ' ' && character !== '\n') throw new BadCheckpoint('the note holds a control character');
  }
  return note;
}

function signatureOf(line: string): Checkpoint['signatures'][number] {
  const [dash, name, text, ...rest] = line.split(' ');
  if (dash !== '—' || !name || !text || rest.length > 0 || !KEY_NAME.test(name)) throw new BadCheckpoint('a signature line is malformed');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length < 5 || bytes.toString('base64') !== text) throw new BadCheckpoint('a signature is not base64');
  return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
}

/** What the key says of the checkpoint, as for any note; the origin is the key's name. */
export function checkSignature(checkpoint: Checkpoint, key: KeyObject): SignatureCheck {
  return checkNote(checkpoint, checkpoint.origin, key);
}

/** `unknown`: none of the signatures names the key; `forged`: one does and does not verify. */
export type SignatureCheck = 'valid' | 'unknown' | 'forged';

/** What the key of this name says of a note. */
export function checkNote(note: Note, name: string, key: KeyObject): SignatureCheck {
  const keyId = keyIdOf(name, key);
  const named = note.signatures.filter((entry) => entry.name === name && entry.keyId.equals(keyId));
  if (named.length === 0) return 'unknown';
  const digest = algorithmOf(key) === 'ed25519' ? null : 'sha256';
  const holds = named.every((entry) => verify(digest, Buffer.from(note.body), key, entry.signature));
  return holds ? 'valid' : 'forged';
}
