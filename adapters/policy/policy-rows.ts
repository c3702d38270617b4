/** Rows `POLICY#<name>`: which requests a policy has made, and by what facts. Kept a little longer than a replay looks back. */
import type { PolicyRecord } from '../../core/policy/replay.ts';
import { policyKey } from '../state/keys.ts';
import type { Table, Write } from '../state/table.ts';

const KEPT_SECONDS = 400 * 86_400;

/** Once per stay of a version in the source: two jobs at once ask for it once. */
export function policyWrite(record: PolicyRecord): Write {
  const { policy, facts, at } = record;
  return {
    put: {
      PK: policyKey(policy.name),
      SK: sortOf(record),
      at,
      ttl: Math.ceil(Date.parse(at) / 1000) + KEPT_SECONDS,
      artifact: facts.artifact,
      body: record,
    },
    condition: { expression: 'attribute_not_exists(PK)' },
  };
}

function sortOf({ policy, facts }: Pick<PolicyRecord, 'policy' | 'facts'>): string {
  return `${policy.to}#${facts.artifact}#${facts.since}#${facts.digest}`;
}

export function policyRows(table: Pick<Table, 'get' | 'all'>) {
  return {
    /** Whether it was asked for already; strongly consistent. */
    async hasAsked(about: Pick<PolicyRecord, 'policy' | 'facts'>): Promise<boolean> {
      return (await table.get(policyKey(about.policy.name), sortOf(about))) !== undefined;
    },
    /** What a policy of that name has asked for between two instants. */
    async between(name: string, since: string, until: string): Promise<PolicyRecord[]> {
      const rows = await table.all({ pk: policyKey(name) });
      return rows.map((row) => row['body'] as PolicyRecord).filter(({ at }) => at >= since && at <= until);
    },
  };
}
