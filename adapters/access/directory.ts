/** The erasable directory: who is behind a pseudonym. Audit lines hold the pseudonym alone. */
import { randomBytes } from 'node:crypto';
import { type Actor, type Identity, identityKey } from '../../core/access/identity.ts';
import { personKey } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

const SORT = 'PERSON';

export interface Directory {
  /** Actor of a verified identity; its pseudonym is made at its first act and kept. */
  actorFor(identity: Identity): Promise<Actor>;
}

export function directory(table: Table): Directory {
  return {
    async actorFor(identity) {
      const key = identityKey(identity);
      const known = await table.get(personKey(key), SORT);
      const person = { kind: identity.kind, key, email: identity.email, name: identity.name };
      // Who answers for a robot is said by the configuration of the day, not by what was written at its first act.
      const owner = identity.owner ? { owner: identity.owner } : {};
      if (known) return { ...person, ...owner, id: known['id'] as string };
      const id = `p-${randomBytes(12).toString('hex')}`;
      try {
        await table.put({ PK: personKey(key), SK: SORT, id, ...person }, { expression: 'attribute_not_exists(PK)' });
        return { ...person, ...owner, id };
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        const winner = await table.get(personKey(key), SORT);
        return { ...person, ...owner, id: winner?.['id'] as string };
      }
    },
  };
}
