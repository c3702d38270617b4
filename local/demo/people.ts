/** Who can sign in at the demo's issuer: the people of the configuration that was built. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuerPerson } from '../issuer/people.ts';

/** The normalized greenlight.yaml, which the build puts beside every function; GREENLIGHT_BUILD names the folder of the build. */
const configurationFile = (): string =>
  join(process.env['GREENLIGHT_BUILD'] ?? join(import.meta.dirname, '../../dist'), 'functions/read/greenlight.json');

interface Configured {
  people: { subject: string; email: string; name: string }[];
}

/** Throws when nothing was built: `npm start` builds first. */
export function readPeople(): IssuerPerson[] {
  const { people } = JSON.parse(readFileSync(configurationFile(), 'utf8')) as Configured;
  return people.map(({ subject, email, name }) => ({ subject, email, name }));
}
