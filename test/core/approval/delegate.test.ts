import { describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import { type DelegateInput, delegate, maySeeDelegation, refuseRevoking } from '../../../core/approval/delegate.ts';
import type { Delegation } from '../../../core/approval/delegation.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { Refusal } from '../../../core/errors.ts';
import { actor, delegation, demoConfiguration, keyOf, NOW, robotOf } from '../promotion/fixture.ts';

const DAY = 86_400_000;
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY).toISOString();

type Wish = Partial<Pick<DelegateInput, 'from' | 'to' | 'since' | 'until' | 'actor' | 'known'>>;

function ask(who: string, wish: Wish = {}, change: (configuration: Configuration) => void = () => {}): Delegation {
  const configuration = demoConfiguration();
  change(configuration);
  const person = wish.actor ?? actor(who);
  const membership = membershipOfKey(configuration, person.key);
  return delegate({ id: 'dg-1', membership, configuration, known: [], until: inDays(7), now: NOW, ...wish, actor: person });
}

function outcomeOf(run: () => unknown): string {
  try {
    run();
    return 'done';
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

describe('a delegation', () => {
  it('holds from now on when nothing else is said, between identities and in the tenant of who is away', () => {
    expect(ask('lead', { to: 'Security@Example.com' })).toEqual({
      id: 'dg-1',
      tenant: 'tenant-finance',
      from: { key: keyOf('lead'), email: 'lead@example.com', name: 'Lee Lead' },
      to: { key: keyOf('security'), email: 'security@example.com', name: 'Sam Security' },
      since: NOW.toISOString(),
      until: inDays(7),
      createdAt: NOW.toISOString(),
    });
    expect(ask('lead')).not.toHaveProperty('to');
    expect(ask('lead', { since: inDays(2), until: `${inDays(3).slice(0, 19)}+00:00` })).toMatchObject({
      since: inDays(2),
      until: inDays(3),
    });
  });

  const people: [string, () => unknown, string][] = [
    ['is made by the one who is away', () => ask('lead', { from: 'lead@example.com', to: 'security@example.com' }), 'done'],
    [
      'is made by an administrator of the tenant for somebody who has fallen ill',
      () => ask('admin', { from: 'lead@example.com', to: 'qa@example.com' }),
      'done',
    ],
    ['is not made by a colleague', () => ask('security', { from: 'lead@example.com' }), 'FORBIDDEN'],
    [
      'is not made by an administrator of another tenant',
      () => ask('outsider', { from: 'lead@example.com' }, outsiderAdministers),
      'FORBIDDEN',
    ],
    ['is not made for an unknown person', () => ask('admin', { from: 'nobody@example.com' }), 'FORBIDDEN'],
    ['is not made by who has nothing to lend', () => ask('dev'), 'FORBIDDEN'],
    ['is not made by who is not known', () => ask('nobody'), 'FORBIDDEN'],
    ['is not made for who has nothing to lend', () => ask('admin', { from: 'viewer@example.com' }), 'FORBIDDEN'],
    ['is not made by a robot', () => ask('lead', { actor: robotOf('lead') }), 'HUMAN_REQUIRED'],
    ['names nobody who may not approve', () => ask('lead', { to: 'viewer@example.com' }), 'NOT_A_DELEGATE'],
    ['names nobody of another tenant', () => ask('lead', { to: 'outsider@example.com' }), 'NOT_A_DELEGATE'],
    ['names nobody who is unknown', () => ask('lead', { to: 'nobody@example.com' }), 'NOT_A_DELEGATE'],
    ['does not name oneself', () => ask('lead', { to: 'lead@example.com' }), 'NOT_A_DELEGATE'],
    ['does not name another account of oneself', () => ask('lead', { to: 'l.e.a.d@example.com' }, secondAccount), 'NOT_A_DELEGATE'],
    ['does not name an address that two people have', () => ask('lead', { to: 'qa@example.com' }, sharedAddress), 'NOT_A_DELEGATE'],
    ['does not name who was disabled', () => ask('lead', { to: 'qa@example.com' }, disable('qa')), 'NOT_A_DELEGATE'],
    [
      'of who sees all tenants names anybody who may approve',
      () => ask('admin', { to: 'outsider@example.com' }, adminWithoutTenants),
      'done',
    ],
    [
      'of who sees all tenants names nobody who may not',
      () => ask('admin', { to: 'viewer@example.com' }, adminWithoutTenants),
      'NOT_A_DELEGATE',
    ],
  ];
  it.each(people)('%s', (_name, run, expected) => expect(outcomeOf(run)).toBe(expected));

  const dates: [string, Wish, string][] = [
    ['a beginning a little past means now', { since: inDays(-4 / 24 / 60) }, 'done'],
    ['a beginning in the past', { since: inDays(-6 / 24 / 60) }, 'INVALID_DATE'],
    ['an end before its beginning', { since: inDays(3), until: inDays(2) }, 'INVALID_DATE'],
    ['an end at its beginning', { since: inDays(3), until: inDays(3) }, 'INVALID_DATE'],
    ['an end now', { until: inDays(0) }, 'INVALID_DATE'],
    ['92 days', { until: inDays(92) }, 'done'],
    ['longer than 92 days', { until: inDays(92.01) }, 'INVALID_DATE'],
  ];
  it.each(dates)('with %s', (_name, wish, expected) => expect(outcomeOf(() => ask('lead', wish))).toBe(expected));

  it('does not begin before it was made', () => {
    expect(ask('lead', { since: inDays(-4 / 24 / 60) }).since).toBe(NOW.toISOString());
  });

  it('is one of at most 20 that are not over', () => {
    const known = Array.from({ length: 20 }, (_, index) => delegation('lead', undefined, { id: `dg-${index}`, until: inDays(1) }));
    expect(outcomeOf(() => ask('lead', { known }))).toBe('LIMIT');
    expect(outcomeOf(() => ask('lead', { known: known.slice(1) }))).toBe('done');
    expect(outcomeOf(() => ask('lead', { known: known.map((one) => ({ ...one, until: inDays(0) })) }))).toBe('done');
    expect(outcomeOf(() => ask('lead', { known: known.map((one) => ({ ...one, revokedAt: inDays(0) })) }))).toBe('done');
    expect(outcomeOf(() => ask('security', { known }))).toBe('done');
  });

  it('stands without a tenant where its person belongs to none that is reached', () => {
    expect(ask('admin', {}, adminWithoutTenants).tenant).toBe('');
  });
});

describe('who sees and ends a delegation', () => {
  const one = delegation('lead', 'qa', { since: inDays(0), until: inDays(7) });
  const attempt = (who: string, now: string, its: Delegation | undefined = one, person = actor(who)) =>
    outcomeOf(() => refuseRevoking(its, person, membershipOfKey(demoConfiguration(), keyOf(who)), now));

  it('both sides and the administrators see it', () => {
    const sees = (who: string) => maySeeDelegation(one, actor(who), membershipOfKey(demoConfiguration(), keyOf(who)));
    expect(['lead', 'qa', 'admin', 'security', 'cpi', 'outsider', 'viewer'].filter(sees)).toEqual(['lead', 'qa', 'admin']);
    expect(maySeeDelegation(delegation('lead'), actor('qa'), membershipOfKey(demoConfiguration(), keyOf('qa')))).toBe(false);
  });

  it.each<[string, string, string]>([
    ['lead', 'its person', 'done'],
    ['admin', 'an administrator', 'done'],
    ['qa', 'not who stands in', 'FORBIDDEN'],
    ['security', 'not a colleague, who does not even learn of it', 'NOT_FOUND'],
    ['outsider', 'nor somebody of another tenant', 'NOT_FOUND'],
  ])('%s ends it: %s', (who, _name, expected) => expect(attempt(who, inDays(1))).toBe(expected));

  it('until it is over, also before it has begun', () => {
    expect(attempt('lead', inDays(-1))).toBe('done');
    expect(attempt('lead', inDays(7))).toBe('STATE_CONFLICT');
    expect(attempt('lead', inDays(1), { ...one, revokedAt: inDays(0.5) })).toBe('STATE_CONFLICT');
  });

  it('not by a robot, and not where there is none', () => {
    expect(attempt('lead', inDays(1), one, { ...robotOf('lead'), key: keyOf('lead') })).toBe('HUMAN_REQUIRED');
    expect(outcomeOf(() => refuseRevoking(undefined, actor('lead'), membershipOfKey(demoConfiguration(), keyOf('lead')), inDays(1)))).toBe(
      'NOT_FOUND',
    );
  });
});

const find = ({ people }: Configuration, subject: string) => people.find((person) => person.subject === subject)!;
function outsiderAdministers(configuration: Configuration): void {
  configuration.roles['local-admin'] = { verbs: ['read', 'admin'], sees: 'tenant' };
  find(configuration, 'outsider').roles = ['local-admin'];
}
function secondAccount(configuration: Configuration): void {
  configuration.people.push({ ...find(configuration, 'lead'), subject: 'lead2', email: 'l.e.a.d@example.com' });
}
function sharedAddress(configuration: Configuration): void {
  configuration.people.push({ ...find(configuration, 'qa'), subject: 'qa2' });
}
function disable(subject: string) {
  return (configuration: Configuration) => {
    find(configuration, subject).disabled = true;
  };
}
function adminWithoutTenants(configuration: Configuration): void {
  find(configuration, 'admin').tenants = [];
}
