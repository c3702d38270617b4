import { describe, expect, it } from 'vitest';
import { canonicalEmail, identityKey, isSamePerson, mailAddressOf, nameInFull, principalKey } from '../../../core/access/identity.ts';
import { belongsToTenant, maySee, mayUse, membershipOf } from '../../../core/access/membership.ts';
import { DEFAULT_ROLES } from '../../../core/access/verb.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';

const ISSUER = 'https://issuer.example';

describe('identity', () => {
  it('SELF-02 sees the same person behind case, dots, plus tags and full-width letters of an address', () => {
    const one = { key: 'a', email: 'pierre.durand@cab-i.com' };
    for (const email of [
      'Pierre.Durand@CAB-I.com',
      'pierredurand+approve@cab-i.com',
      'ｐierre.durand@cab-i.com',
      'pierre.durand@cab-i.com.',
    ]) {
      expect(isSamePerson(one, { key: 'b', email }), email).toBe(true);
    }
    expect(isSamePerson(one, { key: 'b', email: 'pierre.durant@cab-i.com' })).toBe(false);
  });

  it('compares no address that is none, so that two unknown ones are not the same person', () => {
    for (const email of ['', '@', 'x', '...@example.com', '+tag@example.com', '@example.com', 'a\u202eb@example.com', 'a@ex ample.com'])
      expect(canonicalEmail(email), email).toBeUndefined();
    expect(isSamePerson({ key: 'a', email: '' }, { key: 'b', email: '' })).toBe(false);
  });

  it('keeps the subjects of issuers apart', () => {
    expect(identityKey({ issuer: 'a', subject: 'b' })).not.toBe(identityKey({ issuer: 'c', subject: 'b' }));
    expect(identityKey({ issuer: 'a', subject: 'b\nc' })).not.toBe(identityKey({ issuer: 'a\nb', subject: 'd' }));
  });
});

describe('a robot', () => {
  const dev = { key: 'd', email: 'dev@x.io' };
  const robot = { key: 'r', email: 'ci:main', owner: dev };

  it('counts as the person who answers for it, who also gets its mail', () => {
    expect([principalKey(dev), principalKey(robot)]).toEqual(['d', 'd']);
    expect([mailAddressOf(dev), mailAddressOf(robot)]).toEqual(['dev@x.io', 'dev@x.io']);
    expect([nameInFull(dev), nameInFull(robot)]).toEqual(['dev@x.io', 'ci:main for dev@x.io']);
  });
});

describe('membership', () => {
  const people = [
    { subject: 'dev', email: 'dev@x.io', name: 'd', tenants: ['finance'], roles: ['devops'], teams: [], disabled: false },
    { subject: 'cpi', email: 'cpi@x.io', name: 'c', tenants: ['finance'], roles: ['cpi'], teams: [], disabled: false },
    { subject: 'admin', email: 'a@x.io', name: 'a', tenants: [], roles: ['cpi-admin'], teams: [], disabled: false },
    { subject: 'left', email: 'l@x.io', name: 'l', tenants: ['finance'], roles: ['cpi-admin'], teams: [], disabled: true },
  ];
  const configuration = { issuer: ISSUER, people, roles: DEFAULT_ROLES } as unknown as Configuration;
  const member = (subject: string) => membershipOf(configuration, { issuer: ISSUER, subject });
  const promotion = (subject: string) => ({
    tenant: 'finance',
    to: 'prod',
    requester: { id: '', key: identityKey({ issuer: ISSUER, subject }), kind: 'person' as const, email: '' },
  });

  it("is seed 000's table: who sees which requests", () => {
    const actor = (subject: string) => ({ key: identityKey({ issuer: ISSUER, subject }) });
    expect(maySee(member('dev'), actor('dev'), promotion('dev'))).toBe(true);
    expect(maySee(member('dev'), actor('dev'), promotion('cpi'))).toBe(false);
    expect(maySee(member('cpi'), actor('cpi'), promotion('dev'))).toBe(true);
    expect(maySee(member('cpi'), actor('cpi'), { ...promotion('dev'), tenant: 'retail' })).toBe(false);
    expect(maySee(member('admin'), actor('admin'), { ...promotion('dev'), tenant: 'retail' })).toBe(true);
  });

  it('SELF-08 belongs to issuer and subject: the disabled, the unknown and another issuer have none', () => {
    for (const identity of [
      { issuer: ISSUER, subject: 'left' },
      { issuer: ISSUER, subject: 'nobody' },
      { issuer: 'https://other.example', subject: 'admin' },
    ]) {
      const found = membershipOf(configuration, identity);
      expect(found.grants).toEqual([]);
      expect(belongsToTenant(found, 'finance')).toBe(false);
    }
    expect(mayUse(member('dev'), 'approve', 'finance')).toBe(false);
    expect(mayUse(member('cpi'), 'approve', 'finance')).toBe(true);
  });
});
