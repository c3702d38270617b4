/**
 * Event source mappings of DynamoDB streams (`AWS::Lambda::EventSourceMapping`): filter, batch, retry in virtual time, failure destination.
 * The queue is in memory: records that were not processed are lost at a crash, so a stream may only wake what a schedule would find as well.
 * One batch at a time per mapping (one shard); batches are not bisected; a batching window does not delay a batch.
 */
import * as z from 'zod';
import type { CloudContext, ResourceRequest } from '../service.ts';
import type { Destinations } from './destinations.ts';
import type { EventFilter } from './event-filter.ts';
import { eventFilter } from './event-filter.ts';
import type { FunctionDefinition } from './function-definition.ts';
import type { Outcome } from './sandbox.ts';

const mappingProperties = z.strictObject({
  EventSourceArn: z.string().regex(/^arn:aws:dynamodb:[^:]*:[^:]*:table\/[^/]+\/stream\//, 'only DynamoDB streams are supported'),
  FunctionName: z.string(),
  Enabled: z.union([z.boolean(), z.stringbool()]).default(true),
  BatchSize: z.coerce.number().int().min(1).max(10_000).default(100),
  StartingPosition: z.enum(['LATEST', 'TRIM_HORIZON']),
  MaximumRetryAttempts: z.coerce.number().int().min(-1).max(10_000).default(-1),
  MaximumRecordAgeInSeconds: z.coerce.number().int().min(-1).max(604_800).default(-1),
  FilterCriteria: z.strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })).optional() }).optional(),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).optional(),
  DestinationConfig: z.strictObject({ OnFailure: z.strictObject({ Destination: z.string() }).optional() }).optional(),
  BisectBatchOnFunctionError: z.unknown().optional(),
  ParallelizationFactor: z.unknown().optional(),
  MaximumBatchingWindowInSeconds: z.unknown().optional(),
  Tags: z.unknown().optional(),
});

type MappingProperties = z.infer<typeof mappingProperties>;

/** Streams keep records for a day: retries end then. */
const STREAM_RETENTION_SECONDS = 86_400;
/** Virtual back-off between attempts at one batch: doubles from one second to ten minutes, so that a jump over a day stays some 150 attempts. */
const LONGEST_WAIT_MS = 600_000;
const STREAM_ACTIONS = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'];

interface Queued {
  record: StreamRecord;
  arrivedAt: number;
}

interface StreamRecord {
  dynamodb?: { SequenceNumber?: string; ApproximateCreationDateTime?: number };
}

export interface MappingTarget {
  definition: FunctionDefinition;
  run(requestId: string, payload: string): Promise<Outcome>;
}

export class StreamMapping {
  readonly streamArn: string;
  readonly functionName: string;
  readonly #context: CloudContext;
  readonly #properties: MappingProperties;
  readonly #passes: EventFilter;
  readonly #target: () => MappingTarget | undefined;
  readonly #destinations: Destinations;
  readonly #queue: Queued[] = [];
  #failures = 0;
  /** Attempts that did not reach the function: no permission, throttling, injected faults. */
  #refusals = 0;
  #busy = false;
  #closed = false;

  /** Throws when a property or a filter pattern cannot be honoured. */
  constructor(
    request: ResourceRequest,
    context: CloudContext,
    target: (functionName: string) => MappingTarget | undefined,
    destinations: Destinations,
  ) {
    const parsed = mappingProperties.safeParse(request.properties);
    if (!parsed.success) throw new Error(`AWS::Lambda::EventSourceMapping ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
    this.#properties = parsed.data;
    this.#context = context;
    this.streamArn = parsed.data.EventSourceArn;
    this.functionName = parsed.data.FunctionName;
    this.#passes = eventFilter((parsed.data.FilterCriteria?.Filters ?? []).map((filter) => filter.Pattern));
    this.#target = () => target(this.functionName);
    this.#destinations = destinations;
    for (const ignored of ['BisectBatchOnFunctionError', 'ParallelizationFactor'] as const) {
      if (parsed.data[ignored]) context.log(`lambda: ${ignored} has no effect in the local cloud`, { mapping: request.logicalId });
    }
  }

  /** Takes records of the stream, in order. Returns before they are processed. */
  receive(records: unknown[]): void {
    if (!this.#properties.Enabled || this.#closed) return;
    const arrivedAt = this.#context.clock.now();
    for (const record of records) if (this.#passes(record)) this.#queue.push({ record: record as StreamRecord, arrivedAt });
    this.#work();
  }

  close(): void {
    this.#closed = true;
  }

  #work(): void {
    if (this.#busy || this.#closed || this.#queue.length === 0) return;
    this.#busy = true;
    const batch = this.#queue.slice(0, this.#properties.BatchSize);
    const work = this.#process(batch).then(
      (wait) => {
        this.#refusals = 0;
        return wait;
      },
      (error: unknown) => this.#refused(batch, error),
    );
    void this.#context.clock.track(work).then((wait) => {
      const next = () => {
        this.#busy = false;
        this.#work();
      };
      if (wait === 0) next();
      else this.#context.clock.after(wait, next);
    });
  }

  /** Answers the virtual milliseconds to wait before the next batch. */
  async #process(batch: Queued[]): Promise<number> {
    const target = this.#target();
    if (!target) throw new Error('the function does not exist');
    await this.#authorize(target.definition);
    const requestId = crypto.randomUUID();
    const outcome = await target.run(requestId, JSON.stringify({ Records: batch.map((queued) => queued.record) }));
    const done = this.#processed(batch, outcome);
    this.#queue.splice(0, done);
    if (done === batch.length) {
      this.#failures = 0;
      return 0;
    }
    if (done > 0) this.#failures = 0;
    return this.#retryOrGiveUp(target, batch.slice(done), requestId);
  }

  /** How many records from the start of the batch need not be seen again. */
  #processed(batch: Queued[], outcome: Outcome): number {
    if ('error' in outcome) return 0;
    if (!this.#properties.FunctionResponseTypes?.length) return batch.length;
    const answer = JSON.parse(outcome.payload) as { batchItemFailures?: { itemIdentifier?: unknown }[] | null } | null;
    const failed = (answer?.batchItemFailures ?? []).map((failure) => failure.itemIdentifier);
    if (failed.length === 0) return batch.length;
    const first = batch.findIndex((queued) => failed.includes(queued.record.dynamodb?.SequenceNumber));
    // An identifier that is in no record fails the whole batch.
    const allKnown = failed.every((identifier) => batch.some((queued) => queued.record.dynamodb?.SequenceNumber === identifier));
    return allKnown ? first : 0;
  }

  async #retryOrGiveUp(target: MappingTarget, rest: Queued[], requestId: string): Promise<number> {
    this.#failures++;
    const { MaximumRetryAttempts, MaximumRecordAgeInSeconds } = this.#properties;
    const oldest = MaximumRecordAgeInSeconds < 0 ? STREAM_RETENTION_SECONDS : MaximumRecordAgeInSeconds;
    const wait = backOff(this.#failures);
    const tooOld = this.#context.clock.now() + wait - rest[0]!.arrivedAt > oldest * 1000;
    const exhausted = MaximumRetryAttempts >= 0 && this.#failures > MaximumRetryAttempts;
    if (!tooOld && !exhausted) return wait;
    const condition = exhausted ? 'RetryAttemptsExhausted' : 'RecordAgeExceeded';
    this.#context.log('lambda: a stream batch failed for good', { function: target.definition.name, condition, records: rest.length });
    const destination = this.#properties.DestinationConfig?.OnFailure?.Destination;
    if (destination) await this.#destinations.send(target.definition, destination, this.#failureRecord(target, rest, condition, requestId));
    this.#queue.splice(0, rest.length);
    this.#failures = 0;
    return 0;
  }

  /** Tried again without counting as an attempt, until the stream would have forgotten the records. */
  #refused(batch: Queued[], error: unknown): number {
    this.#refusals++;
    if (this.#refusals === 1) this.#context.log('lambda: a stream batch waits', { function: this.functionName, error: String(error) });
    const wait = backOff(this.#refusals);
    if (this.#context.clock.now() + wait - batch[0]!.arrivedAt <= STREAM_RETENTION_SECONDS * 1000) return wait;
    this.#context.log('lambda: stream records were never delivered', { function: this.functionName, records: batch.length });
    this.#queue.splice(0, batch.length);
    this.#refusals = 0;
    return 0;
  }

  async #authorize(definition: FunctionDefinition): Promise<void> {
    const { accessKeyId } = this.#context.credentialsFor(definition.roleArn, definition.name);
    const caller = { kind: 'role', roleArn: definition.roleArn, functionName: definition.name, accessKeyId } as const;
    for (const action of STREAM_ACTIONS) {
      if (await this.#context.allowed(caller, { action, resource: this.streamArn })) continue;
      throw new Error(`${definition.roleArn} may not ${action} on ${this.streamArn}`);
    }
  }

  #failureRecord(target: MappingTarget, rest: Queued[], condition: string, requestId: string): Record<string, unknown> {
    const created = (queued: Queued) =>
      new Date((queued.record.dynamodb?.ApproximateCreationDateTime ?? queued.arrivedAt / 1000) * 1000).toISOString();
    return {
      version: '1.0',
      timestamp: this.#context.clock.date().toISOString(),
      requestContext: { requestId, functionArn: target.definition.arn, condition, approximateInvokeCount: this.#failures },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      DDBStreamBatchInfo: {
        shardId: 'shardId-00000000000000000000-00000000',
        startSequenceNumber: rest[0]!.record.dynamodb?.SequenceNumber,
        endSequenceNumber: rest.at(-1)!.record.dynamodb?.SequenceNumber,
        approximateArrivalOfFirstRecord: created(rest[0]!),
        approximateArrivalOfLastRecord: created(rest.at(-1)!),
        batchSize: rest.length,
        streamArn: this.streamArn,
      },
    };
  }
}

function backOff(attempts: number): number {
  return Math.min(1000 * 2 ** Math.min(attempts - 1, 10), LONGEST_WAIT_MS);
}
