/** Environment rows in DynamoDB. */
import { ulid } from 'ulid';
import { ENGINE } from '../../core/access/identity.ts';
import { auditLine, eventId } from '../../core/audit/line.ts';
import type { EnvironmentHistoryEntry, EnvironmentRecord, Occupant } from '../../core/environment/environment.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { deletingRefusal, pinWrite } from '../retention/pin-writes.ts';
import { digestSort, environmentKey, HEAD, historySort, OUTBOX, WAKE, waiterSort } from '../state/keys.ts';
import { type Item, type Table, WriteConflict } from '../state/table.ts';

/** A run that waits looks again after an hour at the latest and registers anew: the row of one that gave up must not stay for ever. */
const WAITER_SECONDS = 2 * 3_600;

/** Place of the pin among the writes of an adoption. */
const ADOPTING_PIN = 4;

export function environmentStore(table: Table, clock: Clock): EnvironmentStore {
  return {
    async get(environment, artifact) {
      const item = await table.get(environmentKey(environment, artifact), HEAD);
      return item ? recordOf(item) : undefined;
    },
    async history(environment, artifact, limit) {
      const past = { pk: environmentKey(environment, artifact), prefix: 'AT#', descending: true };
      const items = limit === undefined ? await table.all(past) : (await table.query({ ...past, limit })).items;
      return items.map((item) => item['body'] as EnvironmentHistoryEntry);
    },
    async evidence(environment, artifact, digest) {
      const item = await table.get(environmentKey(environment, artifact), digestSort(digest));
      return item?.['body'] as Occupant | undefined;
    },
    async wait(environment, artifact, requestId, attempt) {
      const now = clock.now();
      const ttl = Math.ceil(now.getTime() / 1000) + WAITER_SECONDS;
      const body = { requestId, attempt };
      await table.put({ PK: environmentKey(environment, artifact), SK: waiterSort(requestId), at: now.toISOString(), ttl, body });
    },
    async wakeWaiters(environment, artifact) {
      const waiters = await table.all({ pk: environmentKey(environment, artifact), prefix: 'WAITER#' });
      const now = clock.now();
      for (const { body } of waiters) {
        await table.put({ PK: WAKE, SK: ulid(now.getTime()), at: now.toISOString(), body: { kind: 'resume', ...(body as object) } });
      }
    },
    async adopt(environment, artifact, tenant, occupant) {
      const now = clock.now().toISOString();
      const pk = environmentKey(environment, artifact);
      const rid = `sys:adopt:${environment}:${artifact}`;
      const line = auditLine(
        { rid, seq: 1, prev: '', ts: now, tenant, artifact, digest: occupant.digest, to: environment },
        { type: 'environment.adopted', actor: ENGINE, auth: 'engine', channel: 'schedule', data: { version: occupant.version } },
      );
      const entry: EnvironmentHistoryEntry = {
        version: occupant.version,
        digest: occupant.digest,
        requestId: 'adopted',
        at: occupant.at,
        outcome: 'adopted',
      };
      const pin = { artifact, digest: occupant.digest, addEnvironment: environment };
      const record = { environment, artifact, tenant, current: occupant, health: 'healthy', fence: 0, revision: 1 };
      try {
        await table.transact([
          { put: { PK: pk, SK: HEAD, ...record }, condition: { expression: 'attribute_not_exists(PK)' } },
          { put: { PK: pk, SK: historySort(entry.at, entry.requestId), body: entry } },
          { put: { PK: pk, SK: digestSort(occupant.digest), body: occupant } },
          { put: { PK: OUTBOX, SK: ulid(clock.now().getTime()), id: eventId(rid, 1), rid, seq: 1, line } },
          pinWrite(pin, now),
        ]);
        return true;
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        if (error.index === ADOPTING_PIN) throw deletingRefusal(pin);
        return false;
      }
    },
  };
}

function recordOf(item: Item): EnvironmentRecord {
  const { PK: _pk, SK: _sk, heldSince: _since, ...record } = item;
  const { current, previous, ...rest } = record;
  // `previous` is null where nothing ran before.
  return { ...rest, ...(current ? { current } : {}), ...(previous ? { previous } : {}) } as unknown as EnvironmentRecord;
}
