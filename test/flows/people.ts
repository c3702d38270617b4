/** Who can sign in: the people of the configuration that was built. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuerPerson } from '../../local/issuer/people.ts';

export function readPeopleOf(build: string): IssuerPerson[] {
  const { people } = JSON.parse(readFileSync(join(build, 'functions/read/greenlight.json'), 'utf8')) as { people: IssuerPerson[] };
  return people.map(({ subject, email, name }) => ({ subject, email, name }));
}
