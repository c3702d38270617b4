import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LambdaService } from '../../../local/lambda/lambda.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { deploy, resource, startLambda } from './functions.ts';

const MINUTE = 60_000;
const DEAD = 'arn:aws:sqs:eu-central-1:000000000000:dead';

let context: TestContext;
let lambda: LambdaService;
let delivered: { arn: string; message: unknown }[];

const destinations = async (arn: string, message: unknown) => void delivered.push({ arn, message });

beforeEach(async () => {
  delivered = [];
  // Its time passes when it is moved, and hardly otherwise.
  context = makeContext('lambda', { scale: 1_000 });
  lambda = await startLambda(context, { destinations });
});

afterEach(async () => {
  await lambda.close?.();
  await context.dispose();
});

/** A function that appends a line per event to a file and fails as long as the file `fail` exists. */
async function recorder(properties: Record<string, unknown> = {}): Promise<string> {
  const source = `import { appendFileSync, existsSync } from 'node:fs';
    export const handler = async (event, context) => {
      appendFileSync(${JSON.stringify(join(context.data, 'seen'))}, JSON.stringify({ event, id: context.awsRequestId, at: Date.now() }) + '\\n');
      if (existsSync(${JSON.stringify(join(context.data, 'fail'))})) throw new RangeError('not yet');
      return 'done';
    }`;
  return deploy(context, lambda, 'recorder', source, properties);
}

function seen(): { event: unknown; id: string; at: number }[] {
  try {
    const text = readFileSync(join(context.data, 'seen'), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: unknown; id: string; at: number });
  } catch {
    return [];
  }
}

const failing = () => writeFileSync(join(context.data, 'fail'), '');
const pending = () => readdirSync(join(context.folder, 'asynchronous'));
const configure = (arn: string, properties: Record<string, unknown>) =>
  lambda.resources['AWS::Lambda::EventInvokeConfig']!(
    resource('AWS::Lambda::EventInvokeConfig', 'Config', { FunctionName: arn, Qualifier: '$LATEST', ...properties }),
  );

test('an accepted event is on disk before it runs, and forgotten once it has succeeded', async () => {
  const arn = await recorder();
  expect(await lambda.invoke(arn, { n: 1 }, { asynchronous: true })).toEqual({ payload: null });
  expect(pending()).toHaveLength(1);
  expect(seen()).toEqual([]);
  await context.clock.advance(0);
  expect(seen().map((entry) => entry.event)).toEqual([{ n: 1 }]);
  expect(pending()).toEqual([]);
});

test('a failing event is tried again after one and after two virtual minutes, with the same id, then goes to its destinations', async () => {
  failing();
  const arn = await recorder({ DeadLetterConfig: { TargetArn: `${DEAD}-letters` } });
  await configure(arn, { DestinationConfig: { OnFailure: { Destination: DEAD } } });
  await lambda.invoke(arn, { n: 2 }, { asynchronous: true });
  await context.clock.advance(0);
  expect(seen()).toHaveLength(1);
  await context.clock.advance(10 * MINUTE);
  const runs = seen();
  expect(runs).toHaveLength(3);
  expect(new Set(runs.map((run) => run.id)).size).toBe(1);
  expect(Math.round((runs[1]!.at - runs[0]!.at) / MINUTE)).toBe(1);
  expect(Math.round((runs[2]!.at - runs[1]!.at) / MINUTE)).toBe(2);
  expect(delivered).toMatchObject([
    {
      arn: DEAD,
      message: {
        version: '1.0',
        requestContext: { requestId: runs[0]!.id, functionArn: `${arn}:$LATEST`, condition: 'RetriesExhausted', approximateInvokeCount: 3 },
        requestPayload: { n: 2 },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: { errorType: 'RangeError', errorMessage: 'not yet' },
      },
    },
    { arn: `${DEAD}-letters`, message: { n: 2 } },
  ]);
  expect(pending()).toEqual([]);
});

test('retries and age are limited by the declared configuration', async () => {
  failing();
  const arn = await recorder();
  await configure(arn, { MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: DEAD } } });
  await lambda.invoke(arn, {}, { asynchronous: true });
  await context.clock.advance(10 * MINUTE);
  expect(seen()).toHaveLength(1);
  await configure(arn, { MaximumEventAgeInSeconds: 90, DestinationConfig: { OnFailure: { Destination: DEAD } } });
  await lambda.invoke(arn, {}, { asynchronous: true });
  await context.clock.advance(10 * MINUTE);
  expect(seen()).toHaveLength(3);
  expect(delivered.map(({ message }) => (message as { requestContext: { condition: string } }).requestContext.condition)).toEqual([
    'RetriesExhausted',
    'EventAgeExceeded',
  ]);
});

test('an event survives the end of the process, and keeps its wait', async () => {
  failing();
  const arn = await recorder();
  await lambda.invoke(arn, { n: 3 }, { asynchronous: true });
  await context.clock.advance(0);
  await lambda.close?.();
  await context.stop();
  const { data } = context;
  context = makeContext('lambda', { data, scale: 1_000 });
  lambda = await startLambda(context, { destinations });
  await recorder();
  await lambda.start?.();
  await context.clock.advance(1_000);
  expect(seen()).toHaveLength(1);
  await context.clock.advance(MINUTE);
  expect(seen().map((run) => run.event)).toEqual([{ n: 3 }, { n: 3 }]);
});

test('what runs when the service closes is run again after the next start', async () => {
  const source = `import { appendFileSync } from 'node:fs';
    export const handler = async () => { appendFileSync(${JSON.stringify(join(context.data, 'seen'))}, '{}\\n'); await new Promise((resolve) => setTimeout(resolve, 5000)) }`;
  const arn = await deploy(context, lambda, 'slow', source);
  await lambda.invoke(arn, {}, { asynchronous: true });
  while (seen().length === 0) await new Promise((resolve) => setImmediate(resolve));
  await lambda.close?.();
  expect(pending()).toHaveLength(1);
  expect(JSON.parse(readFileSync(join(context.folder, 'asynchronous', pending()[0]!), 'utf8'))).toMatchObject({ failures: 0 });
});

test('throttling and injected faults do not use up the attempts', async () => {
  let faults = 3;
  Object.assign(context, {
    fault: async () => (faults-- > 0 ? { status: 429, code: 'TooManyRequestsException', message: 'Rate Exceeded.' } : undefined),
  });
  const arn = await recorder();
  await lambda.invoke(arn, {}, { asynchronous: true });
  await context.clock.advance(MINUTE);
  expect(seen()).toHaveLength(1);
  expect(pending()).toEqual([]);
});

test('a destination needs the permission of the function role', async () => {
  failing();
  Object.assign(context, { allowed: async (_caller: unknown, check: { action: string }) => check.action !== 'sqs:SendMessage' });
  const arn = await recorder({ DeadLetterConfig: { TargetArn: DEAD } });
  await lambda.invoke(arn, {}, { asynchronous: true });
  await context.clock.advance(10 * MINUTE);
  expect(delivered).toEqual([]);
  expect(JSON.stringify(context.logged)).toContain('may not sqs:SendMessage');
});

test('events above 1 MB are refused', async () => {
  const arn = await recorder();
  const outcome = await lambda.invoke(arn, 'x'.repeat(1_048_577), { asynchronous: true });
  expect(outcome.error?.errorType).toBe('Lambda.RequestEntityTooLargeException');
});
