/** The erasable directory: who is behind a pseudonym. Audit lines hold the pseudonym alone. */
import { randomBytes } from 'node:crypto';
import { type Actor, type Identity, identityKey } from '../../core/access/identity.ts';
import { personKey } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

const SORT = 'PERSON';
/** Row under the pseudonym that names the key: who reads the log asks this way round. */
const REVERSE_SORT = 'PSEUDONYM';
/** Of two first acts at once the later one reads what the other has made. */
const CONFLICT_PAUSE_MS = 10;
const PSEUDONYM = /^p-[0-9a-f]{24}$/;

/** As far as the directory still knows somebody. */
export interface KnownPerson {
  email: string;
  name?: string;
}

export interface Directory {
  /** Actor of a verified identity; its pseudonym is made at its first act and kept. */
  actorFor(identity: Identity): Promise<Actor>;
  /** Pseudonym behind an identity key; undefined for who has never acted. */
  pseudonymOf(key: string): Promise<string | undefined>;
  /** Who is behind a pseudonym; undefined when that was erased, or is nobody's. */
  personBehind(pseudonym: string): Promise<KnownPerson | undefined>;
}

export function directory(table: Table): Directory {
  const people: Directory = {
    async actorFor(identity) {
      const key = identityKey(identity);
      const known = await table.get(personKey(key), SORT);
      const person = { kind: identity.kind, key, email: identity.email, name: identity.name };
      // Who answers for a robot is said by the configuration of the day, not by what was written at its first act.
      const owner = identity.owner ? { owner: identity.owner } : {};
      if (known) return { ...person, ...owner, id: known['id'] as string };
      const id = `p-${randomBytes(12).toString('hex')}`;
      try {
        await table.transact([
          { put: { PK: personKey(key), SK: SORT, id, ...person }, condition: { expression: 'attribute_not_exists(PK)' } },
          { put: { PK: personKey(id), SK: REVERSE_SORT, key } },
        ]);
        return { ...person, ...owner, id };
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        // Somebody makes the same row just now: then it is read.
        await new Promise((resolve) => setTimeout(resolve, CONFLICT_PAUSE_MS));
        return people.actorFor(identity);
      }
    },
    async pseudonymOf(key) {
      return (await table.get(personKey(key), SORT))?.['id'] as string | undefined;
    },
    async personBehind(pseudonym) {
      if (!PSEUDONYM.test(pseudonym)) return undefined;
      const key = (await table.get(personKey(pseudonym), REVERSE_SORT))?.['key'] as string | undefined;
      const row = key === undefined ? undefined : await table.get(personKey(key), SORT);
      return row && { email: row['email'] as string, ...(row['name'] === undefined ? {} : { name: row['name'] as string }) };
    },
  };
  return people;
}
