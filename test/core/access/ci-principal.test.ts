import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areAmbiguous, ciPrincipalOf, identityOfCi, membershipOfCi } from '../../../core/access/ci-principal.ts';
import { holdsVerb } from '../../../core/access/membership.ts';
import { ROBOT_VERBS, VERBS } from '../../../core/access/verb.ts';
import type { CiPrincipalConfiguration } from '../../../core/environment/configuration.ts';
import { demoConfiguration } from '../promotion/fixture.ts';

const ISSUER = 'https://ci.example.com';

function entry(name: string, claims: Record<string, string[]>, more: Partial<CiPrincipalConfiguration> = {}): CiPrincipalConfiguration {
  return { name, issuer: ISSUER, audience: 'greenlight', claims, tenants: ['tenant-finance'], roles: ['devops'], owner: 'dev', ...more };
}

const wide = entry('wide', { repository: ['acme/a'] });
const narrow = entry('narrow', { repository: ['acme/a'], ref: ['refs/heads/main', 'refs/heads/next'] });
const token = { aud: 'greenlight', repository: 'acme/a', ref: 'refs/heads/main' };

describe('the entry of a token', () => {
  it('is the one that names the most claims, in whatever order they stand', () => {
    for (const entries of [
      [wide, narrow],
      [narrow, wide],
    ]) {
      expect(ciPrincipalOf(entries, ISSUER, token)?.name).toBe('narrow');
      expect(ciPrincipalOf(entries, ISSUER, { ...token, ref: 'refs/heads/x' })?.name).toBe('wide');
    }
  });

  it('is none when issuer, audience or a claim differ, when a claim is inherited, or when two fit equally well', () => {
    expect(ciPrincipalOf([wide], 'https://other.example.com', token)).toBeUndefined();
    expect(ciPrincipalOf([wide], ISSUER, { ...token, aud: ['others'] })).toBeUndefined();
    expect(ciPrincipalOf([narrow], ISSUER, { ...token, ref: undefined })).toBeUndefined();
    expect(ciPrincipalOf([entry('x', { constructor: ['function Object() { [native code] }'] })], ISSUER, token)).toBeUndefined();
    const twin = { ...wide, name: 'twin', audience: 'elsewhere' };
    expect(ciPrincipalOf([wide, twin], ISSUER, { ...token, aud: ['greenlight', 'elsewhere'] })).toBeUndefined();
    expect(ciPrincipalOf([wide, twin], ISSUER, { ...token, aud: ['elsewhere'] })?.name).toBe('twin');
  });

  it('compares true, numbers and words by how they are written, and nothing that is a list or an object', () => {
    const flagged = entry('flagged', { ref_protected: ['true'], run: ['7'] });
    for (const claims of [
      { ref_protected: true, run: 7 },
      { ref_protected: 'true', run: '7' },
    ])
      expect(ciPrincipalOf([flagged], ISSUER, { aud: 'greenlight', ...claims })?.name).toBe('flagged');
    for (const ref of [['true'], { 0: 'true' }, null, 'TRUE', ' true', 'true\n'])
      expect(ciPrincipalOf([flagged], ISSUER, { aud: 'greenlight', ref_protected: ref, run: 7 })).toBeUndefined();
  });

  it('is never left to chance by entries that the configuration check lets through', () => {
    const value = fc.constantFrom('a', 'b', 'c');
    const claims = fc.dictionary(fc.constantFrom('p', 'q', 'r'), fc.uniqueArray(value, { minLength: 1 }), { minKeys: 1 });
    const jobs = fc.dictionary(fc.constantFrom('p', 'q', 'r'), value);
    fc.assert(
      fc.property(claims, claims, jobs, (left, right, job) => {
        const [one, other] = [entry('one', left), entry('other', right)];
        const bothFit = [one, other].every((each) => ciPrincipalOf([each], ISSUER, { aud: 'greenlight', ...job }));
        if (!bothFit) return;
        const chosen = ciPrincipalOf([one, other], ISSUER, { aud: 'greenlight', ...job });
        expect(areAmbiguous(one, other)).toBe(areAmbiguous(other, one));
        if (!areAmbiguous(one, other)) expect(chosen).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it('is ambiguous between entries that overlap without one naming all that the other does', () => {
    expect(areAmbiguous(wide, narrow)).toBe(false);
    expect(areAmbiguous(wide, entry('x', { repository: ['acme/b'] }))).toBe(false);
    expect(areAmbiguous(wide, entry('x', { repository: ['acme/b', 'acme/a'] }))).toBe(true);
    expect(areAmbiguous(wide, entry('x', { actor: ['dana'] }))).toBe(true);
    expect(areAmbiguous(narrow, entry('x', { repository: ['acme/a'], environment: ['release'], actor: ['dana'] }))).toBe(true);
    expect(areAmbiguous(wide, { ...wide, audience: 'elsewhere' })).toBe(false);
  });
});

describe('a job', () => {
  it('holds what its entry gives where it gives it, without what only people do', () => {
    const configuration = demoConfiguration();
    const membership = membershipOfCi(configuration, { ...wide, roles: ['cpi-admin'], roleEnvironments: { 'cpi-admin': ['staging'] } });
    expect(VERBS.filter((verb) => holdsVerb(membership, verb, 'staging'))).toEqual(ROBOT_VERBS);
    expect(VERBS.filter((verb) => holdsVerb(membership, verb, 'prod'))).toEqual([]);
    expect(membership.teams).toEqual([]);
  });

  it('is nobody once its owner is', () => {
    const configuration = demoConfiguration();
    expect(identityOfCi(configuration, wide, 'job')).toMatchObject({
      kind: 'robot',
      email: 'ci:wide',
      owner: { email: 'dev@example.com' },
    });
    configuration.people.find(({ subject }) => subject === 'dev')!.disabled = true;
    expect(identityOfCi(configuration, wide, 'job')).toBeUndefined();
    expect(membershipOfCi(configuration, wide)).toEqual({ teams: [], tenants: [], grants: [] });
  });
});
