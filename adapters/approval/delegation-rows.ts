/** Rows of delegations: all in one partition, because every decision reads all of them. */
import type { Delegation } from '../../core/approval/delegation.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { DELEGATIONS } from '../state/keys.ts';
import { type Item, type Table, WriteConflict } from '../state/table.ts';

/** Longer than approvals hold: an approval that was given by a delegation outlives it. */
const KEEP_SECONDS = 90 * 86_400;

export interface DelegationRows {
  /** Those that hold, will hold, or held lately. */
  recent(): Promise<Delegation[]>;
  add(delegation: Delegation, acting: Acting): Promise<void>;
  /** Ends it now. False when it does not exist or is over. */
  revoke(delegation: Delegation, acting: Acting): Promise<boolean>;
}

export function delegationRows(table: Table, clock: Clock): DelegationRows {
  const eventOf = (delegation: Delegation, seq: number, prev: string, type: 'delegation.created' | 'delegation.revoked', acting: Acting) =>
    outboxWrite({
      rid: `sys:delegation:${delegation.id}`,
      seq,
      prev,
      tenant: delegation.tenant,
      at: clock.now(),
      event: { type, ...acting, data: { since: delegation.since, until: delegation.until, standIn: delegation.to !== undefined } },
    });
  return {
    async recent() {
      return (await table.all({ pk: DELEGATIONS })).map(delegationOf);
    },
    async add(delegation, acting) {
      const ttl = Math.ceil(Date.parse(delegation.until) / 1000) + KEEP_SECONDS;
      const { write, lastLine } = eventOf(delegation, 1, '', 'delegation.created', acting);
      await table.transact([
        {
          put: { PK: DELEGATIONS, SK: delegation.id, until: delegation.until, ttl, lastLine, body: delegation },
          condition: { expression: 'attribute_not_exists(PK)' },
        },
        write,
      ]);
    },
    async revoke(delegation, acting) {
      const item = (await table.all({ pk: DELEGATIONS, prefix: delegation.id })).find(({ SK }) => SK === delegation.id);
      if (!item) return false;
      const now = clock.now().toISOString();
      const { write } = eventOf(delegation, 2, item['lastLine'] as string, 'delegation.revoked', acting);
      try {
        await table.transact([
          {
            update: { pk: DELEGATIONS, sk: delegation.id },
            expression: 'SET revokedAt = :now',
            values: { ':now': now },
            condition: {
              expression: 'attribute_exists(PK) AND attribute_not_exists(revokedAt) AND #until > :now',
              names: { '#until': 'until' },
              values: { ':now': now },
            },
          },
          write,
        ]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}

function delegationOf(item: Item): Delegation {
  const revokedAt = item['revokedAt'] as string | undefined;
  return { ...(item['body'] as Delegation), ...(revokedAt === undefined ? {} : { revokedAt }) };
}
