/** Who can sign in at the demo's issuer: the people of the configuration that was built. */
import { readFileSync } from 'node:fs';
import type { IssuerPerson } from '../issuer/people.ts';

/** The normalized greenlight.yaml, which the build puts beside every function. */
const CONFIGURATION = new URL('../../dist/functions/read/greenlight.json', import.meta.url);

interface Configured {
  people: { subject: string; email: string; name: string }[];
}

/** Throws when nothing was built: `npm start` builds first. */
export function readPeople(): IssuerPerson[] {
  const { people } = JSON.parse(readFileSync(CONFIGURATION, 'utf8')) as Configured;
  return people.map(({ subject, email, name }) => ({ subject, email, name }));
}
