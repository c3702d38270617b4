import { describe, expect, it } from 'vitest';
import {
  asRobot,
  belongsToTenant,
  grantsIn,
  holdsVerb,
  isOwnRequest,
  limitedTo,
  type Membership,
  maySee,
  mayUse,
  membershipFrom,
  membershipOfKey,
  NOBODY,
  reachOf,
  rolesIn,
} from '../../../core/access/membership.ts';
import { DEFAULT_ROLES, type Verb } from '../../../core/access/verb.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { actor, becomes, demoConfiguration, keyOf, robotOf } from '../promotion/fixture.ts';

const roles = { ...DEFAULT_ROLES, releaser: { verbs: ['approve', 'execute'] as const, sees: 'all' as const } };
const member = (names: string[], more: Partial<Parameters<typeof membershipFrom>[1]> = {}): Membership =>
  membershipFrom({ roles }, { tenants: ['finance'], roles: names, teams: ['leads'], ...more });

describe('a role', () => {
  it('holds everywhere, or only where the configuration says so', () => {
    const everywhere = member(['approver']);
    const somewhere = member(['approver'], { roleEnvironments: { approver: ['staging'] } });
    const table: [Membership, string | undefined, boolean][] = [
      [everywhere, 'prod', true],
      [everywhere, 'staging', true],
      [everywhere, undefined, true],
      [somewhere, 'staging', true],
      [somewhere, 'prod', false],
      [somewhere, undefined, true],
    ];
    for (const [membership, environment, expected] of table) {
      expect(holdsVerb(membership, 'approve', environment)).toBe(expected);
      expect(mayUse(membership, 'approve', 'finance', environment)).toBe(expected);
      expect(mayUse(membership, 'approve', 'retail', environment)).toBe(false);
    }
  });

  it('of one environment adds to one of another, each with its own verbs', () => {
    const both = member(['viewer', 'cpi'], { roleEnvironments: { cpi: ['dev'] } });
    expect(rolesIn(both, 'dev')).toEqual(['viewer', 'cpi']);
    expect(rolesIn(both, 'prod')).toEqual(['viewer']);
    expect(holdsVerb(both, 'approve', 'prod')).toBe(false);
    expect(holdsVerb(both, 'read', 'prod')).toBe(true);
  });

  it('that nobody has described gives nothing, also not one with the name of an object member', () => {
    for (const name of ['toString', '__proto__', 'constructor', 'unknown']) expect(member([name]).grants, name).toEqual([]);
  });

  it('that sees all reaches every tenant; without one only the own are reached', () => {
    expect(belongsToTenant(member(['cpi-admin'], { tenants: [] }), 'anything')).toBe(true);
    expect(belongsToTenant(member(['cpi'], { tenants: [] }), 'finance')).toBe(false);
    expect(belongsToTenant(member(['cpi']), 'finance')).toBe(true);
    expect(belongsToTenant(NOBODY, 'finance')).toBe(false);
  });
});

describe('whose requests are seen', () => {
  it.each<[string[], Record<string, string[]>, string | undefined, string]>([
    [['devops'], {}, 'prod', 'own'],
    [['devops', 'viewer'], {}, 'prod', 'tenant'],
    [['viewer', 'devops'], {}, 'prod', 'tenant'],
    [['devops', 'cpi-admin'], {}, 'prod', 'all'],
    [['viewer', 'devops'], { viewer: ['dev'] }, 'prod', 'own'],
    [['viewer'], { viewer: ['dev'] }, 'prod', 'none'],
    [['viewer'], { viewer: ['dev'] }, undefined, 'tenant'],
    [['auditor'], {}, 'prod', 'none'],
    [['auditor', 'devops'], {}, 'prod', 'own'],
    [['releaser'], {}, 'prod', 'none'],
    [[], {}, 'prod', 'none'],
  ])('with the roles %j limited to %j in %s: %s', (names, roleEnvironments, environment, expected) => {
    expect(reachOf(member(names, { roleEnvironments }), environment)).toBe(expected);
  });

  it('the own ones are those of oneself and of the own robots', () => {
    const of = (requester: ReturnType<typeof actor>) => ({ tenant: 'finance', to: 'prod', requester });
    const dev = member(['devops']);
    const table: [ReturnType<typeof actor>, boolean][] = [
      [actor('dev'), true],
      [robotOf('dev'), true],
      [robotOf('cpi'), false],
      [actor('cpi'), false],
    ];
    for (const [requester, expected] of table) {
      expect(isOwnRequest(of(requester), actor('dev'))).toBe(expected);
      expect(maySee(dev, actor('dev'), of(requester))).toBe(expected);
      expect(maySee(member(['viewer']), actor('dev'), of(requester))).toBe(true);
      expect(maySee(member(['viewer']), actor('dev'), { ...of(requester), tenant: 'retail' })).toBe(false);
      expect(maySee(member(['auditor']), actor('dev'), of(requester))).toBe(false);
    }
  });
});

describe('a robot of the configuration', () => {
  const configuration = (owner: string, change: (its: Configuration) => void = () => {}): Configuration => {
    const demo = demoConfiguration();
    demo.people.push({
      subject: 'robot',
      email: 'robot@example.com',
      name: 'Robot',
      tenants: ['tenant-finance'],
      roles: ['cpi'],
      teams: ['qa'],
      disabled: false,
      owner,
    });
    change(demo);
    return demo;
  };
  const robotIn = (its: Configuration) => membershipOfKey(its, keyOf('robot'));

  it('may what its entry says, without what a person has to answer for and without teams', () => {
    const robot = robotIn(configuration('dev'));
    expect(rolesIn(robot, 'prod')).toEqual(['cpi']);
    expect([holdsVerb(robot, 'request'), holdsVerb(robot, 'approve'), holdsVerb(robot, 'reject')]).toEqual([true, false, false]);
    expect(robot.teams).toEqual([]);
    expect(asRobot(robot)).toEqual(robot);
  });

  it('may nothing once its owner has left, is unknown, or is a robot too', () => {
    for (const its of [configuration('dev', becomes('dev', { disabled: true })), configuration('nobody'), configuration('robot')])
      expect(robotIn(its)).toEqual(NOBODY);
  });
});

describe('a credential that is cut down', () => {
  const wide = member(['cpi-admin', 'approver'], { roleEnvironments: { approver: ['staging', 'prod'] } });
  const narrow = member(['approver'], { roleEnvironments: { approver: ['staging'] } });

  it('keeps what lies within its scope, and nothing where nothing is named', () => {
    expect(limitedTo(wide, {})).toEqual(wide);
    const read = limitedTo(wide, { verbs: ['read'] });
    for (const verb of ['approve', 'admin', 'request'] as Verb[]) expect(holdsVerb(read, verb)).toBe(false);
    expect(holdsVerb(read, 'read')).toBe(true);
    expect(limitedTo(wide, { verbs: [], tenants: [], environments: [] })).toMatchObject({
      tenants: [],
      grants: [{ environments: [] }, { environments: [] }],
    });
  });

  it('never has more than its person: not a verb, a tenant, or an environment', () => {
    const scoped = limitedTo(narrow, {
      verbs: ['approve', 'admin', 'gc.apply'],
      tenants: ['finance', 'retail'],
      environments: ['staging', 'prod'],
    });
    expect(scoped.grants.map(({ verbs }) => [...verbs])).toEqual([['approve']]);
    expect(scoped.tenants).toEqual(['finance']);
    expect(grantsIn(scoped, 'prod')).toEqual([]);
    expect(grantsIn(scoped, 'staging')).toHaveLength(1);
    expect(scoped.teams).toEqual(narrow.teams);
  });

  it('sees no further than its tenants, although its person sees all', () => {
    const scoped = limitedTo(wide, { tenants: ['retail'] });
    expect(reachOf(scoped, 'prod')).toBe('tenant');
    expect([belongsToTenant(scoped, 'retail'), belongsToTenant(scoped, 'finance')]).toEqual([true, false]);
    expect(reachOf(limitedTo(wide, { environments: ['prod'] }), 'prod')).toBe('all');
    expect(reachOf(limitedTo(wide, { environments: ['prod'] }), 'dev')).toBe('none');
  });
});
