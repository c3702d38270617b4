/** The directory the other way round: who is behind a pseudonym of the log. For those who read the log; everybody else has the key. */
import { personKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';
import { PERSON_SORT, PSEUDONYM_SORT } from './directory.ts';

const PSEUDONYM = /^p-[0-9a-f]{24}$/;

/** As far as the directory still knows somebody. */
export interface KnownPerson {
  email: string;
  name?: string;
}

export interface WhoIs {
  /** Pseudonym behind an identity key; undefined for who has never acted. */
  pseudonymOf(key: string): Promise<string | undefined>;
  /** Who is behind a pseudonym; undefined when that was erased, or is nobody's. */
  personBehind(pseudonym: string): Promise<KnownPerson | undefined>;
}

export function whoIs(table: Table): WhoIs {
  return {
    async pseudonymOf(key) {
      return (await table.get(personKey(key), PERSON_SORT))?.['id'] as string | undefined;
    },
    async personBehind(pseudonym) {
      if (!PSEUDONYM.test(pseudonym)) return undefined;
      const key = (await table.get(personKey(pseudonym), PSEUDONYM_SORT))?.['key'] as string | undefined;
      const row = key === undefined ? undefined : await table.get(personKey(key), PERSON_SORT);
      return row && { email: row['email'] as string, ...(row['name'] === undefined ? {} : { name: row['name'] as string }) };
    },
  };
}
