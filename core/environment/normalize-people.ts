/** People and robots of the configuration file: who they are, what they hold, and who answers for each robot. */
import { areAmbiguous } from '../access/ci-principal.ts';
import type { CiPrincipalConfiguration, PersonConfiguration } from './configuration.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import type { Refuse } from './refuse.ts';

type FilePerson = NonNullable<ConfigurationFile['people']>[number];
type FilePrincipal = NonNullable<ConfigurationFile['ci']>[number];

/**
 * Build systems that sign for all of their customers with one key: an entry that does not say whose job it is would let anybody in. Any one of
 * these claims does.
 */
const SHARED_ISSUERS: Readonly<Record<string, readonly string[]>> = {
  'https://token.actions.githubusercontent.com': [
    'repository',
    'repository_id',
    'repository_owner',
    'repository_owner_id',
    'job_workflow_ref',
    'sub',
  ],
  'https://gitlab.com': ['project_path', 'project_id', 'namespace_path', 'namespace_id', 'sub'],
  'https://agent.buildkite.com': ['organization_slug', 'organization_id', 'pipeline_id', 'sub'],
};

export function teamName(name: string): string {
  return name.replace(/^@/, '');
}

/** A machine names by address who answers for it; what is kept is that person's subject. */
export function peopleOf(file: ConfigurationFile, refuse: Refuse): PersonConfiguration[] {
  const people = file.people ?? [];
  refuseSharedSlack(people, refuse);
  return people.map(({ roles, teams, owner: address, slack, ...person }, index) => {
    const owner = address === undefined ? undefined : ownerIn(people, address, ['people', index, 'owner'], refuse);
    return {
      ...person,
      ...rolesOf(roles),
      teams: teams.map(teamName),
      ...(owner === undefined ? {} : { owner }),
      ...(slack === undefined ? {} : { slack }),
    };
  });
}

/** A Slack member is one person: two would let one click as the other. */
function refuseSharedSlack(people: readonly FilePerson[], refuse: Refuse): void {
  const members = new Set<string>();
  for (const [index, { slack }] of people.entries()) {
    if (slack === undefined) continue;
    if (members.has(slack))
      refuse(['people', index, 'slack'], `${slack} is the Slack member of two people`, 'give each person their own member id');
    members.add(slack);
  }
}

/** A role that is named without environments holds everywhere, whatever else is said of it. */
function rolesOf(roles: FilePerson['roles']): Pick<PersonConfiguration, 'roles' | 'roleEnvironments'> {
  const everywhere = new Set(roles.filter((role) => typeof role === 'string'));
  const limited: Record<string, string[]> = {};
  for (const role of roles) {
    if (typeof role === 'string' || everywhere.has(role.role)) continue;
    limited[role.role] = [...new Set([...(limited[role.role] ?? []), ...role.environments])];
  }
  return {
    roles: [...new Set(roles.map((role) => (typeof role === 'string' ? role : role.role)))],
    ...(Object.keys(limited).length > 0 ? { roleEnvironments: limited } : {}),
  };
}

/** Subject of the one person with that address: robots do not answer for robots. */
function ownerIn(people: readonly FilePerson[], address: string, path: readonly PropertyKey[], refuse: Refuse): string {
  const found = people.filter(({ email, owner }) => owner === undefined && email.toLowerCase() === address.toLowerCase());
  if (found.length === 1) return found[0]!.subject;
  refuse(
    path,
    `"${address}" is ${found.length === 0 ? 'none' : 'more than one'} of the people here`,
    'name the address of a person under people: somebody answers for every robot',
  );
  return '';
}

/** Refuses what would let in jobs that nobody meant: open claims, patterns, tokens without TLS, entries between which a token could choose. */
export function ciOf(file: ConfigurationFile, complete: boolean, refuse: Refuse): CiPrincipalConfiguration[] {
  const principals = (file.ci ?? []).map(({ roles, claims, owner, ...entry }, index): CiPrincipalConfiguration => {
    checkPrincipal({ claims, ...entry }, index, refuse);
    return {
      ...entry,
      claims: Object.fromEntries(Object.entries(claims).map(([name, allowed]) => [name, [allowed].flat().map(String)])),
      ...rolesOf(roles),
      owner: complete ? ownerIn(file.people ?? [], owner, ['ci', index, 'owner'], refuse) : '',
    };
  });
  for (const [index, entry] of principals.entries()) {
    for (const before of principals.slice(0, index)) {
      if (before.name === entry.name) refuse(['ci', index, 'name'], `two entries have the name ${entry.name}`);
      else if (areAmbiguous(before, entry))
        refuse(
          ['ci', index, 'claims'],
          `a token could fit both ${before.name} and ${entry.name}`,
          'give them different values of one claim, or let one of them name every claim of the other and more',
        );
    }
  }
  return principals;
}

function checkPrincipal({ issuer, claims }: Pick<FilePrincipal, 'issuer' | 'claims'>, index: number, refuse: Refuse): void {
  const at = ['ci', index] as const;
  if (!isIssuer(issuer))
    refuse([...at, 'issuer'], `"${issuer}" is not an https issuer`, 'write it exactly as the tokens do, e.g. https://gitlab.example.com');
  if (Object.keys(claims).length === 0)
    refuse([...at, 'claims'], 'no claim is demanded: every job of that issuer would be let in', 'demand at least whose job it is');
  for (const [name, allowed] of Object.entries(claims))
    if ([allowed].flat().some((value) => typeof value === 'string' && value.includes('*')))
      refuse([...at, 'claims', name], 'values are compared as they stand, there are no patterns', 'write every allowed value, as a list');
  const whose = Object.hasOwn(SHARED_ISSUERS, issuer.replace(/\/$/, '')) ? SHARED_ISSUERS[issuer.replace(/\/$/, '')]! : [];
  if (whose.length > 0 && !whose.some((name) => Object.hasOwn(claims, name)))
    refuse(
      [...at, 'claims'],
      `${issuer} signs for everybody, and these claims do not say whose job it is`,
      `demand one of ${whose.join(', ')}`,
    );
}

function isIssuer(text: string): boolean {
  if (!/^https:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
