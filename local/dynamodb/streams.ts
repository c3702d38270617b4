/**
 * Change records of tables with a stream, handed to subscribers in order. They are wake-ups: records that were not delivered when the process
 * ended are lost, and there is no API to read a stream.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Item, Table } from 'dynalite/db/index.js';
import type { CloudContext } from '../service.ts';
import type { Catalog } from './catalog.ts';
import type { ItemChange } from './write-set.ts';

export type StreamListener = (records: unknown[]) => Promise<void>;

interface Subscription {
  listener: StreamListener;
  waiting: unknown[];
  delivering: boolean;
}

export class Streams {
  readonly #context: CloudContext;
  readonly #catalog: Catalog;
  readonly #subscriptions = new Map<string, Subscription[]>();
  /** Ascending over restarts, because it starts at the virtual time in microseconds. */
  #sequence: bigint;

  constructor(context: CloudContext, catalog: Catalog) {
    this.#context = context;
    this.#catalog = catalog;
    this.#sequence = BigInt(context.clock.now()) * 1000n;
  }

  subscribe(streamArn: string, listener: StreamListener): void {
    const known = this.#subscriptions.get(streamArn) ?? [];
    this.#subscriptions.set(streamArn, [...known, { listener, waiting: [], delivering: false }]);
  }

  record(changes: ItemChange[], byTimeToLive: boolean): void {
    for (const change of changes) {
      const table = this.#catalog.find(change.table);
      const subscriptions = this.#subscriptions.get(String(table?.LatestStreamArn)) ?? [];
      if (!table || subscriptions.length === 0 || isUnchanged(change)) continue;
      const record = this.#recordOf(table, change, byTimeToLive);
      for (const subscription of subscriptions) {
        subscription.waiting.push(record);
        if (!subscription.delivering) void this.#context.clock.track(this.#deliver(subscription));
      }
    }
  }

  /** Everything that one turn of the event loop commits goes out in one batch; the next batch waits until the listener has taken this one. */
  async #deliver(subscription: Subscription): Promise<void> {
    subscription.delivering = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (subscription.waiting.length > 0) {
      try {
        await subscription.listener(subscription.waiting.splice(0));
      } catch (error) {
        this.#context.log('a stream listener failed', { error: String(error) });
      }
    }
    subscription.delivering = false;
  }

  #recordOf(table: Table, { before, after }: ItemChange, byTimeToLive: boolean): unknown {
    const sequence = String(this.#sequence++).padStart(21, '0');
    const view = (table.StreamSpecification as { StreamViewType: string }).StreamViewType;
    const image = (after ?? before) as Item;
    const dynamodb = {
      // Seconds, as AWS sends them to functions.
      ApproximateCreationDateTime: Math.floor(this.#context.clock.now() / 1000),
      Keys: Object.fromEntries(table.KeySchema.map(({ AttributeName }) => [AttributeName, image[AttributeName]])),
      ...(after && view.startsWith('NEW') ? { NewImage: after } : {}),
      ...(before && view.includes('OLD') ? { OldImage: before } : {}),
      SequenceNumber: sequence,
    };
    return {
      eventID: sequence,
      eventName: before ? (after ? 'MODIFY' : 'REMOVE') : 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: this.#context.region,
      dynamodb: { ...dynamodb, SizeBytes: Buffer.byteLength(JSON.stringify(dynamodb)), StreamViewType: view },
      ...(byTimeToLive ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } } : {}),
      eventSourceARN: table.LatestStreamArn,
    };
  }
}

/** AWS writes no record for a write that changes nothing. Images are compared as JSON: dynalite's objects may lack a prototype. */
function isUnchanged({ before, after }: ItemChange): boolean {
  if (!before || !after) return before === after;
  const [old, now] = [JSON.stringify(before), JSON.stringify(after)];
  return old === now || (old.length === now.length && isDeepStrictEqual(JSON.parse(old), JSON.parse(now)));
}
