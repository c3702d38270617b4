import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServiceRequest } from '../../../local/service.ts';
import type { SqsService } from '../../../local/sqs/sqs.ts';
import { createSqs } from '../../../local/sqs/sqs.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { request, resource } from '../lambda/functions.ts';

const ARN = 'arn:aws:sqs:eu-central-1:000000000000:jobs';
const QueueUrl = 'http://127.0.0.1:4701/000000000000/jobs';

let context: TestContext;
let sqs: SqsService;

beforeEach(async () => {
  context = makeContext('sqs');
  sqs = await start();
});

afterEach(() => context.dispose());

async function start(properties: Record<string, unknown> = {}): Promise<SqsService> {
  const service = createSqs(context, { endpoint: () => 'http://127.0.0.1:4701' });
  await service.resources['AWS::SQS::Queue']!(resource('AWS::SQS::Queue', 'Dead', { QueueName: 'dead' }));
  await service.resources['AWS::SQS::Queue']!(resource('AWS::SQS::Queue', 'Jobs', { QueueName: 'jobs', ...properties }));
  return service;
}

function wire(operation: string, input: unknown): ServiceRequest {
  return request('POST', '/', JSON.stringify(input), {
    'x-amz-target': `AmazonSQS.${operation}`,
    'content-type': 'application/x-amz-json-1.0',
  });
}

async function call(operation: string, input: unknown) {
  const response = await sqs.handle(wire(operation, input));
  return { status: response.status, ...(JSON.parse(response.body as string) as Record<string, unknown>) } as Record<string, unknown> & {
    status: number;
    Messages?: { Body: string; ReceiptHandle: string; MD5OfBody: string; Attributes?: Record<string, string> }[];
  };
}

test('a queue has a URL, an ARN and a name', async () => {
  const result = await sqs.resources['AWS::SQS::Queue']!(resource('AWS::SQS::Queue', 'Other', { VisibilityTimeout: 5 }));
  expect(result).toEqual({
    ref: 'http://127.0.0.1:4701/000000000000/Test-Other',
    attributes: { Arn: 'arn:aws:sqs:eu-central-1:000000000000:Test-Other', QueueName: 'Test-Other', QueueUrl: expect.any(String) },
  });
  expect(await call('GetQueueUrl', { QueueName: 'jobs' })).toMatchObject({ QueueUrl });
  expect(await call('ListQueues', { QueueNamePrefix: 'jo' })).toMatchObject({ QueueUrls: [QueueUrl] });
});

test('a message is received once until its visibility ends, and gone when deleted', async () => {
  expect(await call('SendMessage', { QueueUrl, MessageBody: 'one' })).toMatchObject({
    status: 200,
    MD5OfMessageBody: 'f97c5d29941bfb1b2fdab0874906ab82',
  });
  const first = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] });
  expect(first.Messages).toMatchObject([
    { Body: 'one', MD5OfBody: 'f97c5d29941bfb1b2fdab0874906ab82', Attributes: { ApproximateReceiveCount: '1' } },
  ]);
  expect(await call('ReceiveMessage', { QueueUrl })).toEqual({ status: 200 });
  await context.clock.advance(31_000);
  const second = await call('ReceiveMessage', { QueueUrl });
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: second.Messages![0]!.ReceiptHandle });
  await context.clock.advance(31_000);
  expect(await call('ReceiveMessage', { QueueUrl })).toEqual({ status: 200 });
});

test('messages survive a restart without a close', async () => {
  await call('SendMessage', { QueueUrl, MessageBody: 'kept' });
  await sqs.deliver(ARN, { also: 'kept' });
  sqs = await start();
  const { Messages } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
  expect(Messages!.map((message) => message.Body)).toEqual(['kept', '{"also":"kept"}']);
});

test('a message that is received too often moves to the dead-letter queue', async () => {
  sqs = await start({ RedrivePolicy: { deadLetterTargetArn: ARN.replace('jobs', 'dead'), maxReceiveCount: 2 } });
  await call('SendMessage', { QueueUrl, MessageBody: 'poison' });
  for (const expected of [1, 1, 0]) {
    expect((await call('ReceiveMessage', { QueueUrl, VisibilityTimeout: 0 })).Messages ?? []).toHaveLength(expected);
  }
  expect((await call('ReceiveMessage', { QueueUrl: QueueUrl.replace('jobs', 'dead') })).Messages).toMatchObject([{ Body: 'poison' }]);
});

test('a long poll ends when a message comes, or at its virtual end', async () => {
  const polling = call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 });
  await sqs.deliver(ARN, 'now');
  expect((await polling).Messages).toMatchObject([{ Body: 'now' }]);
  const empty = call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 });
  await context.clock.advance(21_000);
  expect(await empty).toEqual({ status: 200 });
});

test('delay, retention and counts follow the virtual clock', async () => {
  await call('SendMessage', { QueueUrl, MessageBody: 'later', DelaySeconds: 60 });
  const counts = async () => (await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })).Attributes;
  expect(await counts()).toMatchObject({ QueueArn: ARN, ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesDelayed: '1' });
  await context.clock.advance(61_000);
  expect(await counts()).toMatchObject({ ApproximateNumberOfMessages: '1', ApproximateNumberOfMessagesDelayed: '0' });
  await context.clock.advance(5 * 86_400_000);
  expect(await call('ReceiveMessage', { QueueUrl })).toEqual({ status: 200 });
});

test('purging empties the queue', async () => {
  await sqs.deliver(ARN, 'x');
  await call('PurgeQueue', { QueueUrl });
  expect(await call('ReceiveMessage', { QueueUrl })).toEqual({ status: 200 });
});

test('errors are spelled as SQS does, and the needed permission is named', async () => {
  const missing = await sqs.handle(wire('SendMessage', { QueueUrl: `${QueueUrl}x`, MessageBody: 'x' }));
  expect(missing).toMatchObject({ status: 400, headers: { 'x-amzn-query-error': 'AWS.SimpleQueueService.NonExistentQueue;Sender' } });
  expect(JSON.parse(missing.body as string).__type).toBe('com.amazonaws.sqs#QueueDoesNotExist');
  expect(await call('CreateQueue', {})).toMatchObject({ status: 400, __type: 'com.amazonaws.sqs#UnsupportedOperation' });
  expect(await call('SendMessage', { QueueUrl })).toMatchObject({ status: 400, __type: 'com.amazonaws.sqs#MissingParameter' });
  expect(await call('DeleteMessage', { QueueUrl, ReceiptHandle: '../../x' })).toMatchObject({
    __type: 'com.amazonaws.sqs#ReceiptHandleIsInvalid',
  });
  expect(await sqs.checks(wire('SendMessage', { QueueUrl }))).toEqual([{ action: 'sqs:SendMessage', resource: ARN }]);
});

test('the queue policy is handed to IAM', async () => {
  const PolicyDocument = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: ARN }] };
  await sqs.resources['AWS::SQS::QueuePolicy']!(resource('AWS::SQS::QueuePolicy', 'Policy', { Queues: [QueueUrl], PolicyDocument }));
  expect(sqs.resourcePolicy!(ARN)).toEqual(PolicyDocument);
});
