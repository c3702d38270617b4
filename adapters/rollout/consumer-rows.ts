/** Who builds on an artifact, in DynamoDB: what teams have registered, and what the clusters' labels said last. */
import { randomBytes } from 'node:crypto';
import { Refusal } from '../../core/errors.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { type Clock, changing } from '../../core/promotion/ports.ts';
import type { ClusterSight } from '../../core/rollout/cluster-view.ts';
import type { RegisteredConsumer } from '../../core/rollout/consumer.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { clusterViewKey, consumerKey, consumerSort } from '../state/keys.ts';
import { type Item, type Table, unchanged, WriteConflict } from '../state/table.ts';

const VIEW = 'VIEW';
/** More is a mistake, and would not fit a report. */
const MOST_CONSUMERS = 500;

export interface ConsumerRows {
  /** Those of an artifact, or of every artifact of the tenant. */
  of(tenant: string, artifact?: string): Promise<RegisteredConsumer[]>;
  /** Writes it, or what it replaces: one entry for each product of an artifact. Refusal LIMIT. */
  put(consumer: Omit<RegisteredConsumer, 'id' | 'updatedAt' | 'updatedBy'>, acting: Acting): Promise<RegisteredConsumer>;
  /** False when it is gone. */
  remove(consumer: RegisteredConsumer, acting: Acting): Promise<boolean>;
  /** What was seen last in the namespace of an environment. */
  seen(environment: string): Promise<ClusterSight | undefined>;
  see(environment: string, sight: ClusterSight): Promise<void>;
}

export function consumerRows(table: Table, clock: Clock): ConsumerRows {
  /** The chain of a consumer's audit events is that of its id. */
  const eventOf = (consumer: RegisteredConsumer, before: Item | undefined, type: 'consumer.changed' | 'consumer.removed', acting: Acting) =>
    outboxWrite({
      rid: `sys:consumer:${consumer.id}`,
      seq: Number(before?.['seq'] ?? 0) + 1,
      prev: (before?.['lastLine'] as string | undefined) ?? '',
      tenant: consumer.tenant,
      at: clock.now(),
      event: {
        type,
        ...acting,
        data: { artifact: consumer.artifact, product: consumer.product, pipelines: consumer.pipelines.length },
      },
    });
  return {
    async of(tenant, artifact) {
      const rows = await table.all({ pk: consumerKey(tenant), ...(artifact === undefined ? {} : { prefix: `${artifact}#` }) });
      return rows.map((row) => row['body'] as RegisteredConsumer);
    },
    put(draft, acting) {
      const { tenant, artifact, product } = draft;
      const key = { pk: consumerKey(tenant), sk: consumerSort(artifact, product) };
      return changing(
        async () => ({ before: await table.get(key.pk, key.sk), all: await table.all({ pk: key.pk, prefix: `${artifact}#` }) }),
        async ({ before, all }) => {
          if (!before && all.length >= MOST_CONSUMERS)
            throw new Refusal('LIMIT', `${artifact} has ${MOST_CONSUMERS} consumers already`, { hint: 'remove those that are gone' });
          const id = (before?.['body'] as RegisteredConsumer | undefined)?.id ?? `cn-${randomBytes(8).toString('hex')}`;
          const consumer = { ...draft, id, updatedAt: clock.now().toISOString(), updatedBy: acting.actor.email };
          const event = eventOf(consumer, before, 'consumer.changed', acting);
          const seq = Number(before?.['seq'] ?? 0) + 1;
          await table.transact([
            { put: { PK: key.pk, SK: key.sk, seq, lastLine: event.lastLine, body: consumer }, condition: unchanged(before) },
            event.write,
          ]);
          return consumer;
        },
      );
    },
    async remove(consumer, acting) {
      const key = { pk: consumerKey(consumer.tenant), sk: consumerSort(consumer.artifact, consumer.product) };
      const before = await table.get(key.pk, key.sk);
      if ((before?.['body'] as RegisteredConsumer | undefined)?.id !== consumer.id) return false;
      const event = eventOf(consumer, before, 'consumer.removed', acting);
      try {
        await table.transact([{ remove: key, condition: unchanged(before) }, event.write]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
    async seen(environment) {
      return (await table.get(clusterViewKey(environment), VIEW))?.['body'] as ClusterSight | undefined;
    },
    async see(environment, sight) {
      await table.put({ PK: clusterViewKey(environment), SK: VIEW, body: sight });
    },
  };
}
