/** Rows `LOCK#<env>`: who keeps an environment from being changed. A row stays when it is unlocked, because it chains its audit events. */
import type { EnvironmentLock } from '../../core/environment/lock.ts';
import { lockKey } from '../state/keys.ts';
import type { Item, Table } from '../state/table.ts';

export interface LockRows {
  /** Every lock that holds something of the environment now. */
  of(environment: string): Promise<EnvironmentLock[]>;
}

export function lockRows(table: Table): LockRows {
  return {
    async of(environment) {
      return (await table.all({ pk: lockKey(environment) })).flatMap((row) => heldIn(row) ?? []);
    },
  };
}

export function heldIn(row: Item | undefined): EnvironmentLock | undefined {
  return row?.['body'] as EnvironmentLock | undefined;
}
