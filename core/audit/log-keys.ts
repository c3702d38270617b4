/**
 * The keys that sign a log, one after the other. The first is declared by a plain manifest; each later one by a note that the key before it signed, with
 * the size up to which the key before it goes on signing. Whoever trusts one of them can check all that follow.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { algorithmOf, checkNote, type Note, parseNote } from './checkpoint.ts';
import { manifestName } from './layout.ts';

export interface LogKey {
  key: KeyObject;
  /** Signs checkpoints above this size, up to that of the next key. */
  fromSize: number;
}

/** A manifest that does not say what it must, or that nobody entitled signed. */
export class BadManifest extends Error {
  override readonly name = 'BadManifest';
  readonly isForeign: boolean;
  /** `isForeign`: it is well formed, but signed by somebody else. */
  constructor(message: string, isForeign = false) {
    super(message);
    this.isForeign = isForeign;
  }
}

/** Text of a manifest. Of the first key it is the whole object; of a later one it becomes a note by the signature of the key before it. */
export function manifestBody(origin: string, { key, fromSize }: LogKey): string {
  const spki = key.export({ format: 'der', type: 'spki' }).toString('base64');
  return `${JSON.stringify({ v: 1, name: origin, alg: algorithmOf(key), spki, fromSize })}\n`;
}

/** Reads the manifest (attacker-controlled bytes) that follows `before`. BadManifest when it must not be believed. */
export function readKeyManifest(bytes: Buffer, before: readonly LogKey[]): LogKey & { origin: string } {
  const last = before.at(-1);
  if (!last) {
    const first = declaredIn(bytes.toString('utf8'));
    if (first.fromSize !== 0) throw new BadManifest('the first key signs from the beginning');
    return first;
  }
  const note = asNote(bytes);
  const declared = declaredIn(note.body);
  if (declared.fromSize <= last.fromSize) throw new BadManifest('a key begins after the key that it follows');
  if (checkNote(note, declared.origin, last.key) !== 'valid') throw new BadManifest('it is not signed by the key that it follows', true);
  return declared;
}

function asNote(bytes: Buffer): Note {
  try {
    return parseNote(bytes);
  } catch (error) {
    throw new BadManifest((error as Error).message);
  }
}

function declaredIn(text: string): LogKey & { origin: string } {
  try {
    const { v, name, spki, fromSize } = JSON.parse(text) as Record<string, unknown>;
    if (v !== 1 || typeof name !== 'string' || typeof spki !== 'string' || !Number.isSafeInteger(fromSize) || (fromSize as number) < 0)
      throw new TypeError('members are missing');
    const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
    algorithmOf(key);
    return { origin: name, key, fromSize: fromSize as number };
  } catch {
    throw new BadManifest('it is not a key manifest');
  }
}

/** The key that signs a checkpoint of this size. `keys` holds at least one. */
export function keyForSize(keys: readonly LogKey[], size: number): LogKey {
  return keys.findLast(({ fromSize }) => fromSize < size) ?? keys[0]!;
}

export interface KeyRing {
  origin: string;
  keys: readonly LogKey[];
  /** Which of them is the one that the reader trusts. */
  trusted: number;
}

/** All keys of a log by its manifests, in their order. BadManifest when one must not be believed, or none declares the key that the reader trusts. */
export function readKeyRing(manifests: readonly Buffer[], trust: KeyObject): KeyRing {
  const keys: LogKey[] = [];
  let origin: string | undefined;
  for (const [place, bytes] of manifests.entries()) {
    let declared: ReturnType<typeof readKeyManifest>;
    try {
      declared = readKeyManifest(bytes, keys);
    } catch (error) {
      throw new BadManifest(`${manifestName(place + 1)}: ${(error as Error).message}`, error instanceof BadManifest && error.isForeign);
    }
    origin ??= declared.origin;
    if (declared.origin !== origin) throw new BadManifest(`${manifestName(place + 1)} belongs to another log`);
    keys.push({ key: declared.key, fromSize: declared.fromSize });
  }
  const trusted = keys.findIndex(({ key }) => key.equals(trust));
  if (origin === undefined || trusted < 0) throw new BadManifest('the log declares another key than the one you trust', true);
  return { origin, keys, trusted };
}
