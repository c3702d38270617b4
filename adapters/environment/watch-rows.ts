/** Rows `WATCH#<env>#<artifact>`: what the watch has seen last. Written by the watch alone, so that no promotion waits for it. */
import type { Watch } from '../../core/environment/watch.ts';
import { HEAD, watchKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export function watchRows(table: Table) {
  return {
    async get(environment: string, artifact: string): Promise<Watch | undefined> {
      return (await table.get(watchKey(environment, artifact), HEAD))?.['body'] as Watch | undefined;
    },
    async put(environment: string, artifact: string, watch: Watch): Promise<void> {
      await table.put({ PK: watchKey(environment, artifact), SK: HEAD, at: watch.checkedAt, body: watch });
    },
  };
}

export type WatchRows = ReturnType<typeof watchRows>;
