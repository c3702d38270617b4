import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { closureRoot } from '../../../core/registry/closure-root.ts';
import { OCI_IMAGE, OCI_INDEX, readManifest } from '../../../core/registry/manifest.ts';
import { isUnambiguousJson } from '../../../core/registry/unambiguous-json.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const entry = { mediaType: 'x', digest, size: 1 };
const image = { schemaVersion: 2, mediaType: OCI_IMAGE, config: entry, layers: [entry] };
const index = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [{ ...entry, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }],
};
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe('a manifest', () => {
  test('of an image or an index is read', () => {
    expect(readManifest(bytes(image), OCI_IMAGE)).toMatchObject({ kind: 'image', config: entry, layers: [entry], children: [] });
    expect(readManifest(bytes(index), `${OCI_INDEX}; charset=utf-8`)).toMatchObject({
      kind: 'index',
      children: [{ platform: 'linux/arm/v7' }],
    });
  });

  test.each([
    ['that is image and index at once', { ...image, manifests: [] }, OCI_IMAGE],
    ['that is index and image at once', { ...index, layers: [] }, OCI_INDEX],
    ['that holds the layers of schema 1 too', { ...image, fsLayers: [] }, OCI_IMAGE],
    ['whose body names another type than its content type', image, OCI_INDEX],
    ['of an unknown type', { schemaVersion: 2 }, 'application/json'],
    ['without content type', { schemaVersion: 2 }, undefined],
    ['of schema 1', { ...image, schemaVersion: 1 }, OCI_IMAGE],
    ['that names a member twice', JSON.stringify(image).replace('"layers"', '"layers":[],"layers"'), OCI_IMAGE],
    ['that names a member twice in another case', JSON.stringify(image).replace('"layers"', '"Layers":[],"layers"'), OCI_IMAGE],
    ['whose digest is no sha256', { ...image, layers: [{ ...entry, digest: 'sha256:../../x' }] }, OCI_IMAGE],
    ['whose size is negative', { ...image, layers: [{ ...entry, size: -1 }] }, OCI_IMAGE],
    ['that is no JSON', 'x', OCI_IMAGE],
    ['that is a list', [], OCI_IMAGE],
  ])('%s is refused', (_name, body, type) => {
    expect(() => readManifest(bytes(body), type)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_MANIFEST' }));
  });

  test('beyond the limits is refused as such', () => {
    const layers = Array(4_201).fill(entry);
    expect(() => readManifest(bytes({ ...image, layers }), OCI_IMAGE)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
    const huge = [{ ...entry, size: 2 ** 40 }];
    expect(() => readManifest(bytes({ ...image, layers: huge }), OCI_IMAGE)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });
});

test.each([
  ['{"a":{"b":1},"c":{"b":1}}', true],
  ['[{"a":1},{"a":2}]', true],
  ['{"a":"a","b":["a","b"]}', true],
  ['{"a\\u0062":1,"ab":2}', false],
  ['{"x":{"A":1,"a":2}}', false],
  ['{"a" : 1, "a" : 2}', false],
])('%s is unambiguous: %s', (text, expected) => {
  expect(isUnambiguousJson(text)).toBe(expected);
});

describe('the closure root', () => {
  const sha = (...parts: (string | Buffer)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
  const leaf = (line: string) => sha(Buffer.of(0), line);
  const contents = ['c', 'a', 'b'].map((letter) => ({ digest: letter, size: 1 }));

  test('is the Merkle tree hash of RFC 6962 over sorted lines, whatever the order', () => {
    const expected = sha(Buffer.of(1), sha(Buffer.of(1), leaf('a 1'), leaf('b 1')), leaf('c 1'));
    expect(closureRoot(contents)).toBe(`sha256:${expected.toString('hex')}`);
    expect(closureRoot([...contents].reverse())).toBe(closureRoot(contents));
  });

  test('changes with a size, a digest and a missing entry', () => {
    const roots = [
      contents,
      contents.slice(1),
      [{ digest: 'c', size: 2 }, ...contents.slice(1)],
      [{ digest: 'd', size: 1 }, ...contents.slice(1)],
    ];
    expect(new Set(roots.map((entries) => closureRoot(entries))).size).toBe(4);
  });
});
