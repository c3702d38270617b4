import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../../greenlight.yaml'), 'utf8');
const GITHUB = 'https://token.actions.githubusercontent.com';

const ENTRY = {
  name: 'github-payments',
  issuer: GITHUB,
  audience: 'greenlight',
  claims: { repository: 'acme/payments', ref: ['refs/heads/main'], ref_protected: true },
  tenants: ['tenant-finance'],
  roles: ['devops', { role: 'cpi', environments: ['staging'] }],
  owner: 'Dev@Example.com',
};

/** The demo's file with jobs of build systems. JSON is YAML. */
const read = (...entries: object[]) => readConfiguration(`${FILE}\nci: ${JSON.stringify(entries)}\n`);

function problems(result: ReturnType<typeof readConfiguration>): string[] {
  return result.ok ? [] : result.problems.map(({ message, hint }) => `${message}${hint ? ` (${hint})` : ''}`);
}

describe('jobs of build systems', () => {
  it('are read with what they hold and who answers for them', () => {
    const result = read(ENTRY);
    expect(problems(result)).toEqual([]);
    expect(result.ok && result.configuration.ci).toEqual([
      {
        ...{ name: 'github-payments', issuer: GITHUB, audience: 'greenlight', tenants: ['tenant-finance'], owner: 'dev' },
        claims: { repository: ['acme/payments'], ref: ['refs/heads/main'], ref_protected: ['true'] },
        roles: ['devops', 'cpi'],
        roleEnvironments: { cpi: ['staging'] },
      },
    ]);
  });

  it.each<[string, object, RegExp]>([
    ['an issuer without TLS', { issuer: 'http://ci.example.com' }, /not an https issuer/],
    ['an issuer with a password', { issuer: 'https://me:pw@ci.example.com' }, /not an https issuer/],
    ['an issuer that is a pattern', { issuer: 'https://*.example.com/x y' }, /not an https issuer/],
    ['an issuer with a query', { issuer: 'https://ci.example.com?x=1' }, /not an https issuer/],
    ['no claims', { claims: {} }, /every job of that issuer would be let in/],
    ['a claim that is anything', { claims: { repository: '*' } }, /no patterns/],
    ['a claim with a pattern', { claims: { repository: 'acme/payments', ref: ['refs/heads/main', 'refs/heads/*'] } }, /no patterns/],
    ['a claim without values', { claims: { repository: [] } }, /claims/],
    ['a shared issuer without whose job it is', { claims: { ref: 'refs/heads/main' } }, /do not say whose job it is/],
    ['the same with a slash', { issuer: `${GITHUB}/`, claims: { ref: 'refs/heads/main' } }, /do not say whose job it is/],
    ['an owner who is nobody', { owner: 'nobody@example.com' }, /"nobody@example.com" is none/],
    ['no owner', { owner: undefined }, /owner/],
    ['no audience', { audience: '' }, /audience/],
    ['a role that does not exist', { roles: ['devop'] }, /there is no role devop \(did you mean "devops"\?\)/],
    ['a role in an environment that does not exist', { roles: [{ role: 'cpi', environments: ['stagin'] }] }, /did you mean "staging"\?/],
    ['no tenant', { tenants: [] }, /tenants/],
    ['a key that is misspelt', { claim: {} }, /unknown key "claim" \(did you mean "claims"\?\)/],
  ])('are refused with %s', (_what, change, expected) => {
    expect(problems(read({ ...ENTRY, ...change })).join('\n')).toMatch(expected);
  });

  it('are refused when a token could choose between two of them', () => {
    const other = { ...ENTRY, name: 'other', claims: { repository: 'acme/payments', environment: 'release' } };
    expect(problems(read(ENTRY, other)).join()).toMatch(/a token could fit both github-payments and other/);
    expect(problems(read(ENTRY, { ...other, claims: { repository: 'acme/other' } }))).toEqual([]);
    expect(problems(read(ENTRY, { ...other, claims: { ...ENTRY.claims, environment: 'release' } }))).toEqual([]);
    expect(problems(read(ENTRY, { ...ENTRY, claims: { repository: 'acme/other' } })).join()).toMatch(/two entries have the name/);
  });
});

describe('machines among the people', () => {
  const withMachine = (owner: string) =>
    readConfiguration(
      FILE.replace(
        /^people:$/m,
        `people:\n  - { subject: batch, email: batch@example.com, name: B, tenants: [tenant-finance], roles: [devops], owner: ${owner} }`,
      ),
    );

  it('name a person who answers for them', () => {
    const result = withMachine('dev@example.com');
    expect(result.ok && result.configuration.people[0]).toMatchObject({ subject: 'batch', owner: 'dev' });
    expect(problems(withMachine('batch@example.com')).join()).toMatch(/is none of the people here/);
    expect(problems(withMachine('nobody@example.com')).join()).toMatch(/is none of the people here/);
  });
});

describe('roles', () => {
  const held = (roles: string) => {
    const result = readConfiguration(FILE.replace('roles: [devops]', `roles: ${roles}`));
    return result.ok ? result.configuration.people[0] : problems(result);
  };

  it('hold everywhere when they are named without environments, and join the environments that they are named with', () => {
    expect(held('[cpi, { role: cpi, environments: [staging] }]')).toMatchObject({ roles: ['cpi'] });
    expect(held('[cpi, { role: cpi, environments: [staging] }]')).not.toHaveProperty('roleEnvironments');
    expect(held('[{ role: cpi, environments: [staging] }, { role: cpi, environments: [prod, staging] }]')).toMatchObject({
      roles: ['cpi'],
      roleEnvironments: { cpi: ['staging', 'prod'] },
    });
    expect(held('[cpii]')).toEqual(['there is no role cpii (did you mean "cpi"?)']);
  });
});
