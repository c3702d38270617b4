import { describe, expect, it } from 'vitest';
import { judgeReadiness } from '../../../core/rollout/readiness.ts';
import type { ContainerStatus, Deployment, Pod } from '../../../core/rollout/workload.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const image = `host/app@${A}`;
const wanted = { container: 'app', image, digest: A, replicas: 2 };

function deployment(status: Deployment['status'] = {}, generation = 4): Deployment {
  const counts = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
  return {
    metadata: { name: 'x', resourceVersion: '1', generation },
    spec: { replicas: 2, selector: {}, template: { spec: { containers: [{ name: 'app', image }] } } },
    status: { observedGeneration: 4, ...counts, ...status },
  };
}

function pod(status: Partial<ContainerStatus> = {}, ready = true): Pod {
  const container = { name: 'app', ready, restartCount: 0, imageID: `host/app@${A}`, ...status };
  return {
    metadata: { name: 'pod', resourceVersion: '1' },
    spec: { containers: [{ name: 'app', image }] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }], containerStatuses: [container] },
  };
}

it('all pods ready, updated and on the digest are ready', () => {
  expect(judgeReadiness(deployment(), [pod(), pod({ restartCount: 1 })], wanted)).toEqual({ state: 'ready', restarts: 1 });
});

describe('it is still coming', () => {
  it.each([
    ['before the controller has seen the change', deployment({}, 5), [pod(), pod()]],
    ['while old pods remain', deployment({ replicas: 3 }), [pod(), pod()]],
    ['while pods are not available', deployment({ availableReplicas: 1 }), [pod(), pod()]],
    ['while the list of pods lags behind', deployment(), [pod()]],
    [
      'while an image is pulled',
      deployment({ readyReplicas: 1 }),
      [pod(), pod({ imageID: '', state: { waiting: { reason: 'ErrImagePull' } } }, false)],
    ],
  ])('%s', (_name, given, pods) => {
    expect(judgeReadiness(given, pods, wanted).state).toBe('waiting');
  });
});

describe('it will never be', () => {
  it.each([
    ['with a crash loop', pod({ state: { waiting: { reason: 'CrashLoopBackOff' } }, ready: false }, false), 'ROLLOUT_TIMEOUT'],
    [
      'with an image that cannot be pulled',
      pod({ state: { waiting: { reason: 'ImagePullBackOff' } }, imageID: '' }, false),
      'ROLLOUT_TIMEOUT',
    ],
    ['after two restarts', pod({ restartCount: 2, ready: false }, false), 'ROLLOUT_TIMEOUT'],
    ['on another digest', pod({ imageID: `host/app@${B}` }), 'WRONG_DIGEST'],
    ['on an image that is named by its config', pod({ imageID: B }), 'WRONG_DIGEST'],
  ])('%s', (_name, bad, code) => {
    expect(judgeReadiness(deployment(), [pod(), bad], wanted)).toMatchObject({ state: 'failed', code });
  });

  it('once the progress deadline has passed', () => {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    expect(judgeReadiness(deployment({ readyReplicas: 1, conditions }), [], wanted)).toMatchObject({ state: 'failed' });
  });
});

it('pods that are going away do not count', () => {
  const going = pod({ imageID: `host/app@${B}` });
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  expect(judgeReadiness(deployment(), [pod(), pod(), going], wanted).state).toBe('ready');
});
