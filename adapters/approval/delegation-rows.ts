/** Rows of delegations: all in one partition, because every decision reads all of them. */
import type { Delegation } from '../../core/approval/delegation.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { DELEGATIONS } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

/** Longer than approvals hold: an approval that was given by a delegation outlives it. */
const KEEP_SECONDS = 90 * 86_400;

export interface DelegationRows {
  /** Those that hold, will hold, or held lately. */
  recent(): Promise<Delegation[]>;
  add(delegation: Delegation): Promise<void>;
  /** Ends it now. False when it does not exist or is over. */
  revoke(id: string): Promise<boolean>;
}

export function delegationRows(table: Table, clock: Clock): DelegationRows {
  return {
    async recent() {
      const items = await table.all({ pk: DELEGATIONS });
      return items.map((item) => ({
        ...(item['body'] as Delegation),
        ...(item['revokedAt'] === undefined ? {} : { revokedAt: item['revokedAt'] as string }),
      }));
    },
    async add(delegation) {
      const ttl = Math.ceil(Date.parse(delegation.until) / 1000) + KEEP_SECONDS;
      await table.put(
        { PK: DELEGATIONS, SK: delegation.id, until: delegation.until, ttl, body: delegation },
        { expression: 'attribute_not_exists(PK)' },
      );
    },
    async revoke(id) {
      const now = clock.now().toISOString();
      try {
        await table.update({
          update: { pk: DELEGATIONS, sk: id },
          expression: 'SET revokedAt = :now',
          values: { ':now': now },
          condition: {
            expression: 'attribute_exists(PK) AND attribute_not_exists(revokedAt) AND #until > :now',
            names: { '#until': 'until' },
            values: { ':now': now },
          },
        });
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}
