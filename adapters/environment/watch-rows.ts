/** Rows `WATCH#<env>#<artifact>`: what the watch has seen last. Written by the watch alone, so that no promotion waits for it. */
import type { Watch } from '../../core/environment/watch.ts';
import { VersionConflict } from '../../core/promotion/ports.ts';
import type { AfterLook } from '../../core/rollout/after-promotion.ts';
import { HEAD, watchKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

/** Sort key of the looks after a promotion. */
const AFTER = 'AFTER';
/** No promotion is watched for that long. */
const KEEP_SECONDS = 30 * 86_400;

export function watchRows(table: Table) {
  return {
    async get(environment: string, artifact: string): Promise<Watch | undefined> {
      return (await table.get(watchKey(environment, artifact), HEAD))?.['body'] as Watch | undefined;
    },
    async put(environment: string, artifact: string, watch: Watch): Promise<void> {
      await table.put({ PK: watchKey(environment, artifact), SK: HEAD, at: watch.checkedAt, body: watch });
    },
    /** What the looks at a promotion have seen since it succeeded. */
    async after(environment: string, artifact: string): Promise<AfterLook | undefined> {
      return (await table.get(watchKey(environment, artifact), AFTER))?.['body'] as AfterLook | undefined;
    },
    async putAfter(environment: string, artifact: string, look: AfterLook): Promise<void> {
      await table.put({ PK: watchKey(environment, artifact), SK: AFTER, at: look.lookedAt, body: look });
    },
    /** The one id under which that promotion is ever taken back by itself: whoever comes second, after a crash or at the same time, gets the first one's. */
    async claim(environment: string, artifact: string, requestId: string, now: Date, newId: () => Promise<string>): Promise<string> {
      const pk = watchKey(environment, artifact);
      const sort = `BACK#${requestId}`;
      const claimed = async () => (await table.get(pk, sort))?.['id'] as string | undefined;
      const before = await claimed();
      if (before !== undefined) return before;
      const id = await newId();
      try {
        await table.put(
          { PK: pk, SK: sort, id, ttl: Math.ceil(now.getTime() / 1000) + KEEP_SECONDS },
          { expression: 'attribute_not_exists(PK)' },
        );
        return id;
      } catch (error) {
        if (!(error instanceof VersionConflict)) throw error;
        return (await claimed())!;
      }
    },
  };
}

export type WatchRows = ReturnType<typeof watchRows>;
