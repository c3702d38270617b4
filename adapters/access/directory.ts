/** The erasable directory: who is behind a pseudonym. Audit lines hold the pseudonym alone. */
import { randomBytes } from 'node:crypto';
import { type Actor, type Identity, identityKey } from '../../core/access/identity.ts';
import { personKey } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

export const PERSON_SORT = 'PERSON';
/** Row under the pseudonym that names the key: who reads the log asks this way round. */
export const PSEUDONYM_SORT = 'PSEUDONYM';
/** Of two first acts at once the later one reads what the other has made. */
const CONFLICT_PAUSE_MS = 10;

export interface Directory {
  /** Actor of a verified identity; its pseudonym is made at its first act and kept. */
  actorFor(identity: Identity): Promise<Actor>;
}

export function directory(table: Table): Directory {
  const people: Directory = {
    async actorFor(identity) {
      const key = identityKey(identity);
      const known = await table.get(personKey(key), PERSON_SORT);
      const person = { kind: identity.kind, key, email: identity.email, name: identity.name };
      // Who answers for a robot is said by the configuration of the day, not by what was written at its first act.
      const owner = identity.owner ? { owner: identity.owner } : {};
      if (known) return { ...person, ...owner, id: known['id'] as string };
      const id = `p-${randomBytes(12).toString('hex')}`;
      try {
        await table.transact([
          { put: { PK: personKey(key), SK: PERSON_SORT, id, ...person }, condition: { expression: 'attribute_not_exists(PK)' } },
          { put: { PK: personKey(id), SK: PSEUDONYM_SORT, key } },
        ]);
        return { ...person, ...owner, id };
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        // Somebody makes the same row just now: then it is read.
        await new Promise((resolve) => setTimeout(resolve, CONFLICT_PAUSE_MS));
        return people.actorFor(identity);
      }
    },
  };
  return people;
}
