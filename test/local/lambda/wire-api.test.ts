import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvokeCommand, LambdaClient, ListFunctionsCommand, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LambdaService } from '../../../local/lambda/lambda.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { deploy, functionArn, request, resource, startLambda } from './functions.ts';

let context: TestContext;
let lambda: LambdaService;

beforeEach(async () => {
  context = makeContext('lambda');
  lambda = await startLambda(context);
});

afterEach(async () => {
  await lambda.close?.();
  await context.dispose();
});

const INVOKE = (name: string) => `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;

test('the AWS SDK invokes, lists and understands errors', async () => {
  const arn = await deploy(
    context,
    lambda,
    'sum',
    'export const handler = async ({ a, b }) => { if (!a) throw new TypeError("no a"); return a + b }',
  );
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
    const answer = await lambda.handle(request(message.method!, message.url!, Buffer.concat(chunks).toString(), headers));
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new LambdaClient({ endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  try {
    const good = await client.send(new InvokeCommand({ FunctionName: arn, Payload: Buffer.from('{"a":1,"b":2}') }));
    expect(good).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(good.FunctionError).toBeUndefined();
    expect(Buffer.from(good.Payload!).toString()).toBe('3');
    const bad = await client.send(new InvokeCommand({ FunctionName: 'sum' }));
    expect(bad.FunctionError).toBe('Unhandled');
    expect(JSON.parse(Buffer.from(bad.Payload!).toString())).toMatchObject({ errorType: 'TypeError', errorMessage: 'no a' });
    expect((await client.send(new ListFunctionsCommand({}))).Functions).toMatchObject([
      { FunctionName: 'sum', FunctionArn: arn, Timeout: 3 },
    ]);
    await expect(client.send(new InvokeCommand({ FunctionName: 'none' }))).rejects.toBeInstanceOf(ResourceNotFoundException);
  } finally {
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
});

test('an Event is accepted, a DryRun does nothing, and neither answers a payload', async () => {
  await deploy(context, lambda, 'noop', 'export const handler = async () => 1');
  expect(await lambda.handle(request('POST', INVOKE('noop'), '{}', { 'x-amz-invocation-type': 'Event' }))).toMatchObject({ status: 202 });
  expect(await lambda.handle(request('POST', INVOKE('noop'), '{}', { 'x-amz-invocation-type': 'DryRun' }))).toEqual({ status: 204 });
  await context.clock.advance(0);
});

test('a name, a partial and a whole ARN mean the same function, other qualifiers none', async () => {
  const arn = await deploy(context, lambda, 'one', 'export const handler = async () => 1');
  for (const name of ['one', 'function:one', '000000000000:function:one', arn, `${arn}:$LATEST`]) {
    expect(await lambda.checks(request('POST', INVOKE(name)))).toEqual([{ action: 'lambda:InvokeFunction', resource: arn }]);
    expect((await lambda.handle(request('GET', `/2015-03-31/functions/${encodeURIComponent(name)}/configuration`))).status).toBe(200);
  }
  expect((await lambda.handle(request('POST', `${INVOKE('one')}?Qualifier=7`, '{}'))).status).toBe(404);
});

test('requests that Lambda refuses are answered with its errors', async () => {
  await deploy(context, lambda, 'one', 'export const handler = async () => 1');
  const code = async (path: string, body: string, headers = {}) =>
    (await lambda.handle(request('POST', path, body, headers))).headers?.['x-amzn-errortype'];
  expect(await code(INVOKE('one'), '{')).toBe('InvalidRequestContentException');
  expect(await code(INVOKE('one'), '1', { 'x-amz-invocation-type': 'Later' })).toBe('InvalidParameterValueException');
  expect(await code(INVOKE('one'), JSON.stringify('x'.repeat(6_291_456)))).toBe('RequestEntityTooLargeException');
  expect(await code('/2015-03-31/functions', '{}')).toBe('UnknownOperationException');
  Object.assign(context, { fault: async () => ({ status: 500, code: 'ServiceException', message: 'injected' }) });
  expect(await code(INVOKE('one'), '{}')).toBe('ServiceException');
  expect(await lambda.invoke('one', {})).toEqual({
    payload: null,
    error: { errorType: 'Lambda.ServiceException', errorMessage: 'injected' },
  });
});

test('permissions make up the resource policy, and only the named source may invoke', async () => {
  const arn = await deploy(context, lambda, 'one', 'export const handler = async () => 1');
  const permission = {
    Action: 'lambda:InvokeFunction',
    FunctionName: arn,
    Principal: 'apigateway.amazonaws.com',
    SourceArn: 'arn:aws:execute-api:eu-central-1:000000000000:abc/*/GET/a',
  };
  await lambda.resources['AWS::Lambda::Permission']!(resource('AWS::Lambda::Permission', 'Allow', permission));
  const allowed = (path: string, principal = 'apigateway.amazonaws.com') =>
    lambda.permitted(arn, principal, `arn:aws:execute-api:eu-central-1:000000000000:${path}`);
  expect(allowed('abc/$default/GET/a')).toBe(true);
  expect(allowed('abc/$default/GET/ab')).toBe(false);
  expect(allowed('abcd/$default/GET/a')).toBe(false);
  expect(allowed('abc/$default/GET/a', 'events.amazonaws.com')).toBe(false);
  expect(lambda.resourcePolicy!(arn)).toMatchObject({
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'apigateway.amazonaws.com' },
        Action: 'lambda:InvokeFunction',
        Resource: arn,
        Condition: { ArnLike: { 'AWS:SourceArn': permission.SourceArn } },
      },
    ],
  });
  expect(lambda.resourcePolicy!(functionArn('other'))).toBeUndefined();
});

test('layers, versions and aliases are refused', async () => {
  for (const type of ['Version', 'Alias', 'LayerVersion']) {
    await expect(lambda.resources[`AWS::Lambda::${type}`]!(resource(`AWS::Lambda::${type}`, 'X', {}))).rejects.toThrow(/LATEST/);
  }
});
