import { describe, expect, it } from 'vitest';
import {
  API_TOKEN,
  API_TOKEN_PREFIX,
  type ApiToken,
  type AskedScope,
  identityOfApiToken,
  mayManageToken,
  membershipOfApiToken,
  scopeWithin,
  type TokenScope,
  tenantOfToken,
} from '../../../core/access/api-token.ts';
import { belongsToTenant, holdsVerb, membershipOfKey } from '../../../core/access/membership.ts';
import { ROBOT_VERBS, VERBS } from '../../../core/access/verb.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { Refusal } from '../../../core/errors.ts';
import { actor, becomes, demoConfiguration, keyOf, robotOf } from '../promotion/fixture.ts';

const SCOPE: TokenScope = { verbs: ['read', 'request'], tenants: null, environments: null };
const tokenOf = (owner: string, scope: Partial<TokenScope> = {}): Pick<ApiToken, 'id' | 'name' | 'owner' | 'scope'> => ({
  id: 'at-1',
  name: 'nightly',
  owner: keyOf(owner),
  scope: { ...SCOPE, ...scope },
});
const configurationOf = (change: (configuration: Configuration) => void = () => {}): Configuration => {
  const configuration = demoConfiguration();
  change(configuration);
  return configuration;
};

describe('who acts by a token', () => {
  it('a robot with a name of its own, and the person who answers for it', () => {
    expect(identityOfApiToken(demoConfiguration(), tokenOf('dev'))).toEqual({
      issuer: 'greenlight',
      subject: 'token:at-1',
      email: 'token:nightly',
      name: 'nightly',
      kind: 'robot',
      auth: 'token',
      owner: { key: keyOf('dev'), email: 'dev@example.com' },
    });
  });

  it('nobody once its owner has left, or is a robot too', () => {
    for (const change of [becomes('dev', { disabled: true }), becomes('dev', { subject: 'dev-new' }), becomes('dev', { owner: 'cpi' })])
      expect(identityOfApiToken(configurationOf(change), tokenOf('dev'))).toBeUndefined();
  });
});

describe('what may be done by a token', () => {
  it('no more than its owner may now, whatever the owner could when it was made', () => {
    const scope = { verbs: ROBOT_VERBS };
    const before = membershipOfApiToken(demoConfiguration(), tokenOf('cpi', scope));
    expect(VERBS.filter((verb) => holdsVerb(before, verb))).toEqual([
      'read',
      'request',
      'execute',
      'rollback',
      'lifecycle.edit',
      'gc.apply',
    ]);
    const after = membershipOfApiToken(configurationOf(becomes('cpi', { roles: ['viewer'] })), tokenOf('cpi', scope));
    expect(VERBS.filter((verb) => holdsVerb(after, verb))).toEqual(['read']);
    expect(membershipOfApiToken(configurationOf(becomes('cpi', { disabled: true })), tokenOf('cpi', scope)).grants).toEqual([]);
  });

  it('never what a person has to answer for, also where its scope says so, and never as a member of a team', () => {
    const all = membershipOfApiToken(demoConfiguration(), tokenOf('admin', { verbs: VERBS }));
    for (const verb of ['approve', 'reject', 'break_glass', 'admin'] as const) expect(holdsVerb(all, verb), verb).toBe(false);
    expect(membershipOfApiToken(demoConfiguration(), tokenOf('lead', { verbs: VERBS })).teams).toEqual([]);
  });

  it('in its tenants and environments only', () => {
    const cut = membershipOfApiToken(demoConfiguration(), tokenOf('admin', { tenants: ['tenant-retail'], environments: ['staging'] }));
    expect([belongsToTenant(cut, 'tenant-retail'), belongsToTenant(cut, 'tenant-finance')]).toEqual([true, false]);
    expect([holdsVerb(cut, 'request', 'staging'), holdsVerb(cut, 'request', 'prod')]).toEqual([true, false]);
  });
});

describe('the scope of a new token', () => {
  const ask = (who: string, asked: AskedScope = {}, change?: (configuration: Configuration) => void, as = actor(who)) => {
    const configuration = configurationOf(change);
    return scopeWithin({ actor: as, membership: membershipOfKey(configuration, keyOf(who)) }, configuration, asked);
  };
  const outcomeOf = (...args: Parameters<typeof ask>): string => {
    try {
      ask(...args);
      return 'made';
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };

  it('is all that its maker holds and a robot may, fixed now', () => {
    expect(ask('dev')).toEqual({ verbs: ['read', 'request', 'execute'], tenants: ['tenant-finance'], environments: null });
    expect(ask('admin').tenants).toBeNull();
    expect(ask('admin').verbs).toEqual(ROBOT_VERBS);
    expect(ask('dev', { verbs: ['read'], tenants: ['tenant-finance', 'tenant-finance'], environments: ['prod', 'prod'] })).toEqual({
      verbs: ['read'],
      tenants: ['tenant-finance'],
      environments: ['prod'],
    });
  });

  const limited = becomes('dev', { roleEnvironments: { devops: ['staging'] } });
  const table: [string, string, AskedScope, string, ((configuration: Configuration) => void)?][] = [
    ['a verb that its maker does not hold', 'dev', { verbs: ['read', 'rollback'] }, 'FORBIDDEN'],
    ['a verb that only people hold', 'lead', { verbs: ['approve'] }, 'HUMAN_REQUIRED'],
    ['a verb that its maker holds elsewhere', 'dev', { verbs: ['request'], environments: ['prod'] }, 'FORBIDDEN', limited],
    ['a verb where its maker holds it', 'dev', { verbs: ['request'], environments: ['staging'] }, 'made', limited],
    ['an environment where it could do nothing', 'dev', { environments: ['staging', 'prod'] }, 'FORBIDDEN', limited],
    ['nothing at all', 'dev', { verbs: [] }, 'FORBIDDEN'],
    ['a tenant of others', 'dev', { tenants: ['tenant-retail'] }, 'NOT_FOUND'],
    ['a tenant that is not there', 'admin', { tenants: ['tenant-x'] }, 'NOT_FOUND'],
    ['an environment that is not there', 'dev', { environments: ['qa'] }, 'NOT_FOUND'],
    ['an environment with the name of an object member', 'dev', { environments: ['toString'] }, 'NOT_FOUND'],
  ];
  it.each(table)('with %s', (_name, who, asked, expected, change) => expect(outcomeOf(who, asked, change)).toBe(expected));

  it('is not asked for by a robot, which could outlive its end so, nor by who holds nothing', () => {
    expect(outcomeOf('dev', {}, undefined, robotOf('dev'))).toBe('HUMAN_REQUIRED');
    expect(outcomeOf('nobody')).toBe('FORBIDDEN');
  });
});

describe('who sees and revokes a token', () => {
  const manages = (who: string, owner: string, scope: Partial<TokenScope> = {}, as = actor(who)) =>
    mayManageToken(tokenOf(owner, scope), { actor: as, membership: membershipOfKey(demoConfiguration(), keyOf(who)) });

  it('its owner, the owner’s robots, and the administrators of what it reaches', () => {
    expect(manages('dev', 'dev')).toBe(true);
    expect(manages('dev', 'dev', {}, robotOf('dev'))).toBe(true);
    expect(manages('admin', 'dev')).toBe(true);
    expect(manages('admin', 'dev', { tenants: ['tenant-finance'] })).toBe(true);
    expect(manages('cpi', 'dev')).toBe(false);
    expect(manages('cpi', 'dev', { tenants: ['tenant-finance'] })).toBe(false);
  });
});

it('an audit line names the tenant of a token where there is one only', () => {
  const of = (tenants: string[] | null) => tenantOfToken({ scope: { ...SCOPE, tenants } });
  expect([of(['a']), of(['a', 'b']), of([]), of(null)]).toEqual(['a', '', '', '']);
});

it('a token is spelled in one way', () => {
  expect(API_TOKEN.test(`${API_TOKEN_PREFIX}${'a'.repeat(43)}`)).toBe(true);
  for (const other of [
    'a'.repeat(47),
    `glt_${'a'.repeat(42)}`,
    `glt_${'a'.repeat(44)}`,
    `glt_${'a'.repeat(42)}=`,
    `glt_${'a'.repeat(43)}\n`,
  ])
    expect(API_TOKEN.test(other), other).toBe(false);
});
