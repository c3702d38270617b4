/** Robots: tokens, build systems, machines. Each acts for a person who answers for it, and none does what a person has to do. */
import { Refusal } from '../errors.ts';
import type { Actor } from './identity.ts';

/** Refusal HUMAN_REQUIRED. `what` completes "a person has to …". */
export function refuseRobot({ kind }: Pick<Actor, 'kind'>, what = 'do this'): void {
  if (kind !== 'person') {
    throw new Refusal('HUMAN_REQUIRED', `a person has to ${what}; this credential belongs to a machine`, { hint: 'sign in as yourself' });
  }
}
