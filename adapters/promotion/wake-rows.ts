/** Rows that wake runs, and the task tokens that only the wake function may read. */
import { ulid } from 'ulid';
import type { WaitKind, WakeDraft } from '../../core/promotion/change.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { tokenKey, WAKE } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export interface WakeRow extends WakeDraft {
  /** Sort key in the wake partition. */
  row: string;
  at: string;
}

export interface WakeRows {
  /** Keeps the token of a waiting run. The token never leaves the state table but to Step Functions. */
  keepToken(requestId: string, attempt: number, wait: WaitKind, taskToken: string): Promise<void>;
  add(wake: WakeDraft): Promise<void>;
  pending(): Promise<WakeRow[]>;
  /** Token of the run's present wait, if it waits. */
  token(requestId: string, attempt: number): Promise<{ taskToken: string; wait: WaitKind } | undefined>;
  dropToken(requestId: string, attempt: number, taskToken: string): Promise<void>;
  done(wake: WakeRow): Promise<void>;
}

export function wakeRows(table: Table, clock: Clock): WakeRows {
  const sort = (attempt: number) => String(attempt);
  return {
    async keepToken(requestId, attempt, wait, taskToken) {
      await table.put({ PK: tokenKey(requestId), SK: sort(attempt), token: taskToken, wait, at: clock.now().toISOString() });
    },
    async add(wake) {
      const now = clock.now();
      await table.put({ PK: WAKE, SK: ulid(now.getTime()), at: now.toISOString(), body: wake });
    },
    async pending() {
      const items = await table.all({ pk: WAKE });
      return items.map((item) => ({ ...(item['body'] as WakeDraft), row: item['SK'] as string, at: item['at'] as string }));
    },
    async token(requestId, attempt) {
      const item = await table.get(tokenKey(requestId), sort(attempt));
      return item ? { taskToken: item['token'] as string, wait: item['wait'] as WaitKind } : undefined;
    },
    async dropToken(requestId, attempt, taskToken) {
      // A newer wait may have stored its own token meanwhile: that one stays.
      const condition = {
        expression: 'attribute_not_exists(PK) OR #token = :token',
        names: { '#token': 'token' },
        values: { ':token': taskToken },
      };
      await table.remove(tokenKey(requestId), sort(attempt), condition).catch(ignoreConflict);
    },
    async done(wake) {
      await table.remove(WAKE, wake.row);
    },
  };
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'VersionConflict') throw error;
}
