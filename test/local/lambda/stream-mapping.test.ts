import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LambdaService } from '../../../local/lambda/lambda.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { deploy, resource, startLambda } from './functions.ts';

const STREAM = 'arn:aws:dynamodb:eu-central-1:000000000000:table/requests/stream/2026-01-01T00:00:00.000';
const DEAD = 'arn:aws:sqs:eu-central-1:000000000000:dead';

let context: TestContext;
let lambda: LambdaService;
let put: (records: unknown[]) => Promise<void>;
let delivered: { arn: string; message: unknown }[];

beforeEach(async () => {
  delivered = [];
  // Its time passes when it is moved, and hardly otherwise.
  context = makeContext('lambda', { scale: 1_000 });
  lambda = await startLambda(context, {
    streams: { subscribe: (_arn, listener) => (put = listener) },
    destinations: async (arn, message) => void delivered.push({ arn, message }),
  });
});

afterEach(async () => {
  await lambda.close?.();
  await context.dispose();
});

function record(sequence: number, key: string, eventName = 'INSERT') {
  return {
    eventID: String(sequence),
    eventName,
    eventSource: 'aws:dynamodb',
    dynamodb: { Keys: { pk: { S: key } }, SequenceNumber: String(sequence) },
  };
}

/** Declares a mapping to a function that notes the sequence numbers of each batch and then does what `reaction` says. */
async function map(reaction: string, properties: Record<string, unknown> = {}): Promise<void> {
  const source = `import { appendFileSync } from 'node:fs';
    let batches = 0;
    export const handler = async (event) => {
      const numbers = event.Records.map((record) => Number(record.dynamodb.SequenceNumber));
      appendFileSync(${JSON.stringify(join(context.data, 'seen'))}, JSON.stringify(numbers) + '\\n');
      batches++;
      ${reaction}
    }`;
  await deploy(context, lambda, 'consumer', source, { ReservedConcurrentExecutions: 1 });
  const mapping = { EventSourceArn: STREAM, FunctionName: 'consumer', StartingPosition: 'LATEST', ...properties };
  await lambda.resources['AWS::Lambda::EventSourceMapping']!(resource('AWS::Lambda::EventSourceMapping', 'Mapping', mapping));
}

function batches(): number[][] {
  const text = readFileSync(join(context.data, 'seen'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as number[]);
}

test('only records that pass the filter arrive, in order and in batches', async () => {
  const Pattern = JSON.stringify({ eventName: ['INSERT'], dynamodb: { Keys: { pk: { S: [{ prefix: 'OUTBOX#' }] } } } });
  await map('', { BatchSize: 2, FilterCriteria: { Filters: [{ Pattern }] } });
  await put([record(1, 'OUTBOX#a'), record(2, 'REQ#a'), record(3, 'OUTBOX#b', 'REMOVE'), record(4, 'OUTBOX#c'), record(5, 'OUTBOX#d')]);
  await context.clock.advance(0);
  expect(batches()).toEqual([[1, 4], [5]]);
});

test('a failing batch is tried again in virtual time and holds the later ones back', async () => {
  await map('if (batches < 3) throw new Error("not yet")');
  await put([record(1, 'a')]);
  await context.clock.advance(0);
  await put([record(2, 'b')]);
  await context.clock.advance(0);
  expect(batches()).toEqual([[1]]);
  await context.clock.advance(10_000);
  expect(batches()).toEqual([[1], [1, 2], [1, 2]]);
});

test('after the last attempt the batch goes to the failure destination and the stream goes on', async () => {
  await map('if (numbers.includes(1)) throw new Error("poison")', {
    BatchSize: 1,
    MaximumRetryAttempts: 2,
    DestinationConfig: { OnFailure: { Destination: DEAD } },
  });
  await put([record(1, 'a'), record(2, 'b')]);
  await context.clock.advance(60_000);
  expect(batches()).toEqual([[1], [1], [1], [2]]);
  expect(delivered).toMatchObject([
    {
      arn: DEAD,
      message: {
        requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 3 },
        DDBStreamBatchInfo: { startSequenceNumber: '1', endSequenceNumber: '1', batchSize: 1, streamArn: STREAM },
      },
    },
  ]);
});

test('reported item failures are tried again from the first failed record on', async () => {
  await map('return { batchItemFailures: batches === 1 ? [{ itemIdentifier: "2" }] : [] }', {
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  await put([record(1, 'a'), record(2, 'b'), record(3, 'c')]);
  await context.clock.advance(10_000);
  expect(batches()).toEqual([
    [1, 2, 3],
    [2, 3],
  ]);
});

test('without permission to read the stream nothing is delivered, and the log says why', async () => {
  Object.assign(context, { allowed: async () => false });
  await map('');
  await put([record(1, 'a')]);
  await context.clock.advance(0);
  expect(() => batches()).toThrow();
  expect(JSON.stringify(context.logged)).toContain('may not dynamodb:DescribeStream');
});

test('refused batches do not use up attempts, and are given up when the stream would have forgotten them', async () => {
  let allowed = false;
  Object.assign(context, { allowed: async () => allowed });
  await map('', { MaximumRetryAttempts: 0 });
  await put([record(1, 'a')]);
  await context.clock.advance(5_000);
  allowed = true;
  await context.clock.advance(10_000);
  expect(batches()).toEqual([[1]]);
  Object.assign(context, { fault: async () => ({ status: 429, code: 'TooManyRequestsException', message: 'Rate Exceeded.' }) });
  await put([record(2, 'b')]);
  await context.clock.advance(25 * 3_600_000);
  expect(context.logged.at(-1)).toMatchObject({ message: 'lambda: stream records were never delivered', fields: { records: 1 } });
  expect(batches()).toEqual([[1]]);
});

test('filters and sources that cannot be honoured stop the start', async () => {
  await expect(map('', { EventSourceArn: DEAD })).rejects.toThrow(/DynamoDB streams/);
  await expect(map('', { FilterCriteria: { Filters: [{ Pattern: '{"a":[{"wildcard":"*"}]}' }] } })).rejects.toThrow(/wildcard/);
});
