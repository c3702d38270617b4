import { describe, expect, it } from 'vitest';
import { BEFORE, decideDeployment, FENCE, GENERATION, REQUEST, WAY } from '../../../core/rollout/deployment-change.ts';
import { digestOf, runningDigest, tagOf, withDigest } from '../../../core/rollout/image.ts';
import type { Deployment } from '../../../core/rollout/workload.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const holder = { requestId: 'PR-2026-0001', fence: 5 };
const wanted = { container: 'app', image: `host:1/app@${B}`, replicas: 3 };
const ours = { [FENCE]: '5', [REQUEST]: 'PR-2026-0001', [GENERATION]: '7', [WAY]: 'forward', [BEFORE]: `host:1/app@${A}` };

function deployment(annotations: Record<string, string> = {}, image = `host:1/app@${A}`, replicas = 3, generation = 7): Deployment {
  return {
    metadata: { name: 'x-stable', resourceVersion: '42', generation, annotations },
    spec: { replicas, selector: { matchLabels: { app: 'x' } }, template: { spec: { containers: [{ name: 'app', image }] } } },
  };
}

describe('a write', () => {
  it('names the version that was read, the fence, the generation it makes and the image before', () => {
    const decision = decideDeployment(deployment(), wanted, holder);
    const annotations = { [FENCE]: '5', [REQUEST]: 'PR-2026-0001', [GENERATION]: '8', [WAY]: 'forward', [BEFORE]: `host:1/app@${A}` };
    expect(decision).toEqual({
      kind: 'patch',
      patch: {
        metadata: { resourceVersion: '42', annotations },
        spec: { replicas: 3, template: { spec: { containers: [{ name: 'app', image: wanted.image }] } } },
      },
    });
  });

  it('is not needed when our last write left it so', () => {
    expect(decideDeployment(deployment(ours, wanted.image), wanted, holder)).toEqual({ kind: 'is-so' });
  });

  it('that takes over a spec which is right already counts a generation too: it changes annotations', () => {
    const decision = decideDeployment(deployment({}, wanted.image), wanted, holder);
    expect(decision).toMatchObject({ patch: { metadata: { annotations: { [GENERATION]: '8' } } } });
  });

  it.each([
    ['a later fence', deployment({ ...ours, [FENCE]: '6' }), 'LOCK_LOST'],
    ['a fence that is no number', deployment({ ...ours, [FENCE]: 'x' }), 'LOCK_LOST'],
    ['an edit since our write', deployment(ours, undefined, 9, 8), 'CLUSTER_CONFLICT'],
    ['an edit that happens to be what we want', deployment(ours, wanted.image, 3, 8), 'CLUSTER_CONFLICT'],
    ['the way back that has begun', deployment({ ...ours, [WAY]: 'back' }), 'LOCK_LOST'],
  ])('over %s is refused', (_name, read, code) => {
    expect(() => decideDeployment(read, wanted, holder)).toThrow(expect.objectContaining({ name: code }));
  });

  it('to a container that does not exist is refused: a patch would add it', () => {
    expect(() => decideDeployment(deployment(), { ...wanted, container: 'other' }, holder)).toThrow(/no container other/);
  });

  it('on the way back follows a forward one and welcomes an edit that restored everything', () => {
    expect(decideDeployment(deployment(ours), wanted, holder, true)).toMatchObject({
      patch: { metadata: { annotations: { [WAY]: 'back' } } },
    });
    expect(decideDeployment(deployment(ours, wanted.image, 3, 9), wanted, holder, true)).toEqual({ kind: 'is-so' });
  });
});

it('an image reference keeps host, port and path and changes its digest only', () => {
  expect(withDigest('host:5000/a/b:1.0', A)).toBe(`host:5000/a/b@${A}`);
  expect(withDigest('host:5000/a/b', A)).toBe(`host:5000/a/b@${A}`);
  expect(withDigest(`host/a:1.0@${B}`, A)).toBe(`host/a@${A}`);
  expect([tagOf('host:5000/a'), tagOf(`host:5000/a:1@${A}`), digestOf(`h/a@${A}`), digestOf('h/a:1')]).toEqual([
    undefined,
    '1',
    A,
    undefined,
  ]);
  expect([runningDigest(`docker-pullable://h/a@${A}`), runningDigest(A), runningDigest('')]).toEqual([A, A, undefined]);
});
