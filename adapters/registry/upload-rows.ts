/** Open uploads in the state table, one row for each large blob of a promotion. */
import type { Clock } from '../../core/promotion/ports.ts';
import type { OpenUpload, UploadLedger } from '../../core/registry/ports.ts';
import { uploadKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

/** Registries drop an upload that nobody continues: Debian's after 7 days, ECR does not say when. */
const LIFETIME_SECONDS = 3 * 86_400;

/** The uploads of one promotion. Two promotions of the same blob never write to one upload. */
export function uploadRows(table: Table, clock: Clock, requestId: string): UploadLedger {
  const pk = uploadKey(requestId);
  return {
    async find(key) {
      return (await table.get(pk, key))?.['body'] as OpenUpload | undefined;
    },
    async keep(key, upload) {
      const ttl = Math.floor(clock.now().getTime() / 1000) + LIFETIME_SECONDS;
      await table.put({ PK: pk, SK: key, ttl, body: upload });
    },
    async forget(key) {
      await table.remove(pk, key);
    },
  };
}
