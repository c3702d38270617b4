/** Who is signed in: what of the console is worth showing. What may be done is said by the API, thing by thing. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Answered } from './operations.ts';

export type Me = Answered<'me'>;
type Verb = Me['verbs'][number];

export const MeContext = createContext<Me | undefined>(undefined);

export function useMe(): Me | undefined {
  return useContext(MeContext);
}

/** Whether the person holds the verb in an environment, or in any. */
export function holds(me: Me | undefined, verb: Verb, environment?: string): boolean {
  if (environment === undefined) return me?.verbs.includes(verb) ?? false;
  return me?.environments.find(({ name }) => name === environment)?.verbs.includes(verb) ?? false;
}
