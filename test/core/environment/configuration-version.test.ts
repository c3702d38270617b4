import { describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import {
  approveVersion,
  type ConfigurationVersion,
  differenceOf,
  needsReview,
  refuseConfigurationReviewer,
  refuseUndeployed,
} from '../../../core/environment/configuration-version.ts';
import { actor, demoConfiguration, keyOf, NOW, robotOf } from '../promotion/fixture.ts';

const changed = (change: (configuration: Configuration) => void) => {
  const configuration = demoConfiguration();
  change(configuration);
  return configuration;
};
const version = (more: Partial<ConfigurationVersion> = {}): ConfigurationVersion => ({
  hash: 'sha256:b',
  base: 'sha256:a',
  proposedBy: actor('admin'),
  proposedAt: NOW.toISOString(),
  reason: 'why',
  needsReview: true,
  difference: [],
  warnings: [],
  ...more,
});

describe('what differs', () => {
  it('is named by its path, and people and stages by their names', () => {
    const next = changed(({ environments, people }) => {
      environments['prod']!.rollout.bakeSeconds = 7;
      people.push({ ...people[0]!, subject: 'new', email: 'new@example.com' });
      people[1]!.disabled = true;
    });
    const paths = differenceOf(demoConfiguration(), next).map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['environments.prod.rollout.bakeSeconds', 'people[cpi].disabled', 'people[new].email']));
    expect(paths.some((path) => path.startsWith('people[dev]'))).toBe(false);
    expect(differenceOf(demoConfiguration(), { ...demoConfiguration(), issuer: 'https://other', hash: 'x' })).toEqual([]);
  });

  it('is cut where nobody reads it any more, and says so', () => {
    const next = changed(({ artifacts }) => {
      for (let index = 0; index < 300; index++) artifacts[`a${index}`] = { name: `a${index}`, tenant: 't' };
    });
    expect(differenceOf(demoConfiguration(), next)).toHaveLength(201);
    expect(differenceOf(demoConfiguration(), next).at(-1)).toEqual({ path: '…', before: null, after: '400 more' });
  });
});

describe('a second person', () => {
  it.each<[string, boolean, (configuration: Configuration) => void]>([
    ['an environment of production', true, ({ environments }) => void Object.assign(environments['prod']!, { waitSeconds: 1 })],
    ['one that becomes production', true, ({ environments }) => void Object.assign(environments['staging']!, { tier: 'production' })],
    ['one that is production no more', true, ({ environments }) => void Object.assign(environments['prod']!, { tier: 'standard' })],
    [
      'a new one of production',
      true,
      ({ environments }) => void Object.assign(environments, { live: { ...environments['prod']!, name: 'live' } }),
    ],
    ['a gate', true, ({ gates }) => void Object.assign(gates['policy']!, { timeoutSeconds: 1 })],
    ['people', true, ({ people }) => void people.pop()],
    ['a role', true, ({ roles }) => void Object.assign(roles, { viewer: { verbs: ['approve'], sees: 'all' } })],
    ['another environment', false, ({ environments }) => void Object.assign(environments['staging']!, { approvals: [] })],
    ['who is told', false, ({ notifications }) => void Object.assign(notifications, { from: 'ops@example.com' })],
  ])('is needed for %s: %s', (_what, expected, change) => {
    expect(needsReview(demoConfiguration(), changed(change))).toBe(expected);
    expect(needsReview(changed(change), demoConfiguration())).toBe(expected);
  });

  it('is another one than who proposed it, or whose robot did, and may edit policies', () => {
    const configuration = changed(({ people }) => {
      people.find(({ subject }) => subject === 'cpi2')!.roles = ['cpi-admin'];
      people.push({ ...people.find(({ subject }) => subject === 'admin')!, subject: 'alias', email: 'a.dmin+x@example.com' });
    });
    const by = (subject: string, email?: string) => ({
      actor: { ...actor(subject), ...(email ? { email } : {}) },
      membership: membershipOfKey(configuration, keyOf(subject)),
    });
    expect(() => refuseConfigurationReviewer(version(), by('cpi2'))).not.toThrow();
    expect(() => refuseConfigurationReviewer(version(), by('cpi'))).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    for (const [subject, email] of [['admin'], ['alias', 'a.dmin+x@example.com']] as const)
      expect(() => refuseConfigurationReviewer(version(), by(subject!, email))).toThrow(expect.objectContaining({ code: 'SELF_APPROVAL' }));
    expect(() => refuseConfigurationReviewer(version({ proposedBy: robotOf('cpi2') }), by('cpi2'))).toThrow(
      expect.objectContaining({ code: 'SELF_APPROVAL' }),
    );
  });

  it('agrees to what was compared with what is in force now, once', () => {
    expect(approveVersion(version(), actor('cpi2'), 'sha256:a', 'now')).toMatchObject({
      inForceSince: 'now',
      approvedBy: { key: keyOf('cpi2') },
    });
    expect(() => approveVersion(version(), actor('cpi2'), 'sha256:b', 'now')).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    expect(() => approveVersion(version(), actor('cpi2'), 'sha256:c', 'now')).toThrow(expect.objectContaining({ code: 'PLAN_STALE' }));
  });
});

it('places that the functions cannot reach are no part of a version', () => {
  const next = changed(({ registries }) => void Object.assign(registries['prod']!, { account: '999999999999' }));
  expect(() => refuseUndeployed(demoConfiguration(), next)).toThrow(expect.objectContaining({ code: 'POLICY_FLOOR' }));
  expect(() => refuseUndeployed(demoConfiguration(), demoConfiguration())).not.toThrow();
});
