/** Pins and decided deletions in DynamoDB, for whoever deletes: the other side of `pin-writes.ts`. */
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import { type Clock, changing } from '../../core/promotion/ports.ts';
import { CLOSED_SECONDS, mayLetGo, type Standing } from '../../core/retention/pin.ts';
import type { PinStore } from '../../core/retention/ports.ts';
import { environmentKey, HEAD, pinKey } from '../state/keys.ts';
import { type Table, type Write, WriteConflict } from '../state/table.ts';
import { deletionWrites } from './plan-rows.ts';

export function pinRows(table: Table, clock: Clock): PinStore {
  const row = (artifact: string, digest: string) => ({ pk: pinKey(artifact, digest), sk: HEAD });
  /** Tried again when it met a promotion on the same row, until one of the two is refused; that is answered. */
  const transact = (writes: () => Write[]): Promise<WriteConflict | undefined> =>
    changing(
      async () => {},
      async () => {
        try {
          await table.transact(writes());
          return undefined;
        } catch (error) {
          if (error instanceof WriteConflict && error.isRefused) return error;
          throw error;
        }
      },
    );
  const mustTransact = async (writes: () => Write[]): Promise<void> => {
    const refused = await transact(writes);
    if (refused) throw refused;
  };
  return {
    async standing(artifact, digest) {
      const item = await table.get(pinKey(artifact, digest), HEAD);
      const { requests, environments, deletedBy, closedUntil } = (item ?? {}) as {
        requests?: Set<string>;
        environments?: Set<string>;
        deletedBy?: string;
        closedUntil?: string;
      };
      const deletion =
        deletedBy === undefined ? {} : { deletion: { by: deletedBy, ...(closedUntil === undefined ? {} : { closedUntil }) } };
      return { requests: requests ?? new Set(), environments: environments ?? new Set(), ...deletion } satisfies Standing;
    },
    async decideDeletion(artifact, digests, by) {
      const refused = await transact(() =>
        digests.map((digest) => ({
          update: row(artifact, digest),
          expression: 'SET deletedBy = :by REMOVE closedUntil, #ttl',
          names: { '#ttl': 'ttl' },
          values: { ':by': by, ':now': clock.now().toISOString() },
          condition: {
            // `mayDelete`, in the words of the table: an empty set does not exist there.
            expression:
              'attribute_not_exists(requests) AND attribute_not_exists(environments) AND (attribute_not_exists(deletedBy) OR closedUntil <= :now OR (deletedBy = :by AND attribute_not_exists(closedUntil)))',
          },
        })),
      );
      return refused && digests[refused.index];
    },
    async finishDeletion(artifact, digests, by, told) {
      const until = clock.now().getTime() + CLOSED_SECONDS * 1000;
      await mustTransact(() => [
        ...digests.map((digest) => ({
          update: row(artifact, digest),
          expression: 'SET closedUntil = if_not_exists(closedUntil, :until), #ttl = :ttl',
          names: { '#ttl': 'ttl' },
          values: { ':until': new Date(until).toISOString(), ':ttl': Math.ceil(until / 1000) },
          condition: { expression: 'deletedBy = :by', values: { ':by': by } },
        })),
        ...(told ? deletionWrites(told, clock.now()) : []),
      ]);
    },
    async abandonDeletion(artifact, digests, by) {
      await mustTransact(() =>
        digests.map((digest) => ({
          update: row(artifact, digest),
          expression: 'REMOVE deletedBy',
          condition: { expression: 'deletedBy = :by AND attribute_not_exists(closedUntil)', values: { ':by': by } },
        })),
      );
    },
    async letGo(environment, artifact, digest) {
      const place = { pk: environmentKey(environment, artifact), sk: HEAD };
      const record = (await table.get(place.pk, place.sk)) as EnvironmentRecord | undefined;
      if (!record || !mayLetGo(record, digest)) return false;
      try {
        await table.transact([
          { check: place, condition: { expression: 'revision = :revision', values: { ':revision': record.revision } } },
          {
            update: row(artifact, digest),
            expression: 'DELETE environments :environment',
            values: { ':environment': new Set([environment]) },
          },
        ]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}
