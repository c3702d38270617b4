import { describe, expect, it, test } from 'vitest';
import { type EnvironmentList, isNewer, lanesOf, needsAttention, summaryOf } from '../../console/environment/lanes.ts';

type Artifact = EnvironmentList['items'][number]['artifacts'][number];

const place = (artifact: string, more: Partial<Artifact> = {}): Artifact => ({
  artifact,
  tenant: 'tenant-finance',
  current: null,
  previous: null,
  health: 'healthy',
  held: [],
  flags: { frozen: false, locked: false, out_of_date: false, drifted: false },
  pending: [],
  ...more,
});
const request = (phase: Artifact['pending'][number]['phase'], state: Artifact['pending'][number]['state']) => ({
  id: 'PR-2026-0001',
  version: '1.1.0',
  phase,
  state,
  createdAt: '2026-11-28T12:00:00.000Z',
  createdBy: 'dev@example.com',
});
const list = (...environments: Artifact[][]): EnvironmentList => ({
  items: environments.map((artifacts, index) => ({ environment: ['dev', 'prod'][index]!, tier: 'standard', artifacts })),
});

describe('the lanes of the board', () => {
  it('go through every environment, also those that an artifact has not reached', () => {
    const lanes = lanesOf(list([place('web'), place('api')], [place('api')]));
    expect(lanes.map(({ artifact, places }) => [artifact, places.map(({ environment }) => environment)])).toEqual([
      ['api', ['dev', 'prod']],
      ['web', ['dev', 'prod']],
    ]);
    expect(lanes[1]!.places[1]).toMatchObject({ current: null, health: 'unknown', tenant: 'tenant-finance' });
  });

  it.each([
    ['a failed place', place('api', { health: 'failed' })],
    ['drift', place('api', { flags: { frozen: false, locked: false, out_of_date: false, drifted: true } })],
    ['a request under way', place('api', { pending: [request('pending_approval', 'pending')] })],
  ])('need attention for %s', (_what, one) => {
    expect(needsAttention(lanesOf(list([one]))[0]!)).toBe(true);
  });

  it('need none when all is well, even where something newer waits', () => {
    const calm = place('api', { flags: { frozen: false, locked: false, out_of_date: true, drifted: false } });
    expect(needsAttention(lanesOf(list([calm]))[0]!)).toBe(false);
  });

  it('are summed up in a sentence', () => {
    expect(summaryOf(lanesOf(list([place('api')])))).toBe('Nothing is under way, and nothing needs attention.');
    const pending = [request('pending_approval', 'pending'), request('promoting', 'deploying'), request('promoting', 'deploying')];
    expect(summaryOf(lanesOf(list([place('api', { pending, health: 'failed' })])))).toBe(
      '1 waits for approval, 2 are being deployed, 1 place has failed.',
    );
  });
});

test.each([
  ['1.10.0', '1.9.0', true],
  ['1.9.0', '1.10.0', false],
  ['1.0.0', '1.0.0', false],
  ['2026-11-20', '2026-11-09', true],
])('%s is newer than %s: %s', (version, than, expected) => {
  expect(isNewer(version, than)).toBe(expected);
});
