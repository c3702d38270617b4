import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { algorithmOf, BadCheckpoint, checkSignature, keyIdOf, noteOf, parseCheckpoint } from '../../../core/audit/checkpoint.ts';
import { keyPair, ORIGIN, signedNote } from './log-fixture.ts';

const keys = keyPair();
const ROOT = Buffer.alloc(32, 7);
const note = signedNote(keys, 99, ROOT);
const parse = (text: string) => parseCheckpoint(Buffer.from(text));

/** Public key of Go's checksum database, as every Go installation carries it: name, key id, type and key. */
const SUMDB = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';

describe('key ids', () => {
  it('of Ed25519 are those of the ecosystem', () => {
    const [name, id, key] = SUMDB.split('+', 2).concat(SUMDB.split('+').slice(2).join('+')) as [string, string, string];
    const raw = Buffer.from(key, 'base64');
    expect(raw[0]).toBe(1);
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw.subarray(1)]);
    expect(keyIdOf(name, createPublicKey({ key: spki, format: 'der', type: 'spki' })).toString('hex')).toBe(id);
  });

  it('are refused for keys that sign no log', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(() => algorithmOf(publicKey)).toThrow(TypeError);
  });
});

describe('a checkpoint', () => {
  it('is read as it was written', () => {
    const checkpoint = parse(note);
    expect(checkpoint).toMatchObject({ origin: ORIGIN, size: 99, root: ROOT, body: `${ORIGIN}\n99\n${ROOT.toString('base64')}\n` });
    expect(checkSignature(checkpoint, keys.publicKey)).toBe('valid');
  });

  it('is unknown to another key and forged when its body was changed', () => {
    expect(checkSignature(parse(note), keyPair().publicKey)).toBe('unknown');
    expect(checkSignature(parse(note.replace('\n99\n', '\n98\n')), keys.publicKey)).toBe('forged');
    expect(checkSignature(parse(note.replace(`— ${ORIGIN}`, '— other')), keys.publicKey)).toBe('unknown');
  });

  it('may carry signatures of witnesses, and of P-256 keys', () => {
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { body } = parse(note);
    const other = noteOf(body, ORIGIN, p256.publicKey, sign('sha256', Buffer.from(body), p256.privateKey));
    const both = parse(note + other.slice(body.length + 1));
    expect(both.signatures).toHaveLength(2);
    expect(checkSignature(both, keys.publicKey)).toBe('valid');
    expect(checkSignature(both, p256.publicKey)).toBe('valid');
  });

  it.each([
    ['without signatures', `${ORIGIN}\n1\n${ROOT.toString('base64')}\n`],
    ['without a last newline', note.slice(0, -1)],
    ['with a size that begins with zero', note.replace('\n99\n', '\n099\n')],
    ['with a negative size', note.replace('\n99\n', '\n-9\n')],
    ['with a size beyond exact numbers', note.replace('\n99\n', '\n9999999999999999\n')],
    ['with a root of 31 bytes', note.replace(ROOT.toString('base64'), Buffer.alloc(31).toString('base64'))],
    ['with a root in another alphabet', note.replace(ROOT.toString('base64'), ROOT.toString('base64url'))],
    ['with stray bits in the root', note.replace(/=\n\n/, 'd=\n\n').replace(/.d=\n\n/, 'd=\n\n')],
    ['with a further line in the body', note.replace('\n99\n', '\n99\nmore\n')],
    ['with CRLF', note.replaceAll('\n', '\r\n')],
    ['with a hyphen for the dash', note.replace('—', '-')],
    ['with a signature that is not base64', note.replace(/ \S+\n$/, ' ###\n')],
    ['with an empty signature line', `${note}\n`],
    ['with a control character', note.replace('greenlight', 'green\tlight')],
  ])('%s is refused', (_, text) => {
    expect(() => parse(text)).toThrow(BadCheckpoint);
  });

  it('that is not UTF-8 is refused', () => {
    expect(() => parseCheckpoint(Buffer.concat([Buffer.from([0xff]), Buffer.from(note)]))).toThrow(BadCheckpoint);
  });
});
