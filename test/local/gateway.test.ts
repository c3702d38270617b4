import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DataFolder, openDataFolder } from '../../local/data-folder.ts';
import { Kernel } from '../../local/kernel.ts';
import type { IamCheck, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../../local/service.ts';

const place = { region: 'us-east-1', account: '000000000000', partition: 'aws' };
const table = 'arn:aws:dynamodb:us-east-1:000000000000:table/app';
let path: string;
let data: DataFolder;
let kernel: Kernel;
let origin: string;
let seen: ServiceRequest[];
let answer: (request: ServiceRequest) => Promise<ServiceResponse>;
let check: IamCheck;

function json(status: number, value: unknown): ServiceResponse {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(value) };
}

function service(name: string, errorResponse: (request: ServiceRequest, error: ServiceError) => ServiceResponse): LocalService {
  return {
    name,
    scopes: [name],
    resources: {},
    operation: (request) => request.headers['x-amz-target']?.split('.')[1] ?? request.method,
    checks: () => [check],
    handle: (request) => {
      seen.push(request);
      return answer(request);
    },
    errorResponse,
  };
}

const asJson = (_request: ServiceRequest, { status, code, message }: ServiceError): ServiceResponse =>
  json(status, { __type: code, message });
const asXml = (_request: ServiceRequest, { status, code, message }: ServiceError): ServiceResponse => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
});

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'gateway-'));
  data = openDataFolder(path);
  kernel = new Kernel({ data, place, timeScale: 1, log: () => {} });
  kernel.mount([service('dynamodb', asJson), service('lambda', asJson), service('s3', asXml), service('sts', asXml)]);
  origin = (await kernel.listeners.listen('aws', kernel.gateway.listener)).origin;
  seen = [];
  answer = async () => json(200, {});
  check = { action: 'dynamodb:GetItem', resource: table };
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await kernel.listeners.close();
  kernel.clock.close();
  data.release();
  rmSync(path, { recursive: true });
});

function config(credentials = kernel.credentials.admin as { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) {
  return { endpoint: origin, region: 'us-east-1', credentials, maxAttempts: 1 };
}

async function role(statements: unknown[]) {
  const made = await kernel.provider('AWS::IAM::Role')!({
    stack: 's',
    logicalId: 'Role',
    type: 'AWS::IAM::Role',
    properties: {
      RoleName: 'worker',
      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] },
      Policies: [{ PolicyName: 'p', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
    },
    defaultName: 's-Role',
    assembly: '/',
    asset: () => undefined,
  });
  return kernel.credentials.issue(made.attributes!.Arn!, 'decide');
}

const getItem = new GetItemCommand({ TableName: 'app', Key: { pk: { S: 'x' } } });
const calls = async (query = '') => (await fetch(`${origin}/_local/calls${query}`)).json();

describe('authentication', () => {
  it('accepts what the SDK signs for the administrator', async () => {
    await new DynamoDBClient(config()).send(getItem);
    expect(seen[0]).toMatchObject({ method: 'POST', caller: { kind: 'admin' }, presigned: false });
    expect(JSON.parse(seen[0]!.body.toString())).toMatchObject({ TableName: 'app' });
  });

  it('accepts REST paths with encoded ARNs and query services', async () => {
    answer = async () => ({ status: 200, body: '{}' });
    await new LambdaClient(config()).send(
      new InvokeCommand({ FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:a b', Payload: '{}' }),
    );
    answer = async () => ({
      status: 200,
      body: '<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>',
    });
    await new STSClient(config()).send(new GetCallerIdentityCommand({}));
    expect(seen).toHaveLength(2);
  });

  it('accepts S3 keys with every kind of character, and hands over streamed bodies without their framing', async () => {
    const client = new S3Client(config());
    answer = async () => ({ status: 200 });
    const key = "a b/ü+=&*'()!~/x//y";
    await client.send(new PutObjectCommand({ Bucket: 'b', Key: key, Body: 'text' }));
    await client.send(
      new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: Readable.from([Buffer.from('one'), Buffer.from('two')]), ContentLength: 6 }),
    );
    await client.send(new GetObjectCommand({ Bucket: 'b', Key: key }));
    expect(seen[0]!.body.toString()).toBe('text');
    expect(decodeURIComponent(seen[0]!.url.pathname)).toBe(`/b/${key}`);
    await expect(client.send(new GetObjectCommand({ Bucket: 'b', Key: 'a/../b' }))).rejects.toMatchObject({ name: 'InvalidURI' });
    expect(seen[1]!.body.toString()).toBe('onetwo');
    expect(seen[1]!.headers['content-encoding']).toBeUndefined();
    expect(seen[1]!.headers).toMatchObject({ 'content-length': '6', 'x-amz-checksum-crc32': expect.any(String) });
  });

  it('refuses unknown keys, wrong secrets, wrong tokens and unsigned requests with the codes of AWS', async () => {
    const { admin } = kernel.credentials;
    const send = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) =>
      new DynamoDBClient(config(credentials)).send(getItem).catch((error: Error) => error.name);
    expect(await send({ ...admin, accessKeyId: 'AKIAUNKNOWN' })).toBe('UnrecognizedClientException');
    expect(await send({ ...admin, secretAccessKey: 'wrong' })).toBe('InvalidSignatureException');
    expect(await send({ ...(await role([])), sessionToken: 'forged' })).toBe('UnrecognizedClientException');
    const s3 = new S3Client(config({ ...admin, secretAccessKey: 'wrong' }));
    await expect(s3.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const unsigned = await fetch(`${origin}/b/k`);
    expect([unsigned.status, await unsigned.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
    const version2 = await fetch(`${origin}/b/k?AWSAccessKeyId=${admin.accessKeyId}&Signature=x&Expires=9999999999`);
    expect([version2.status, await version2.text()]).toEqual([400, expect.stringContaining('Please use AWS4-HMAC-SHA256')]);
    const json = await fetch(origin, { method: 'POST', headers: { 'x-amz-target': 'DynamoDB_20120810.GetItem' }, body: '{}' });
    expect(await json.json()).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
    expect(seen).toHaveLength(0);
  });

  it('keeps issued credentials over restarts', async () => {
    const issued = await role([]);
    const again = new Kernel({ data, place, timeScale: 1, log: () => {} });
    expect(again.credentials.issue('arn:aws:iam::000000000000:role/worker', 'decide')).toEqual(issued);
    expect(again.credentials.admin).toEqual(kernel.credentials.admin);
    again.clock.close();
  });
});

describe('authorization', () => {
  it('refuses what the role may not do, as AWS answers, and says so', async () => {
    const client = new DynamoDBClient(config(await role([{ Effect: 'Allow', Action: 'dynamodb:PutItem', Resource: table }])));
    await expect(client.send(getItem)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message:
        'User: arn:aws:sts::000000000000:assumed-role/worker/decide is not authorized to perform: dynamodb:GetItem ' +
        `on resource: ${table} because no identity-based policy allows the dynamodb:GetItem action`,
    });
    expect(seen).toHaveLength(0);
    const printed = vi.mocked(process.stderr.write).mock.calls.map(([text]) => String(text));
    expect(printed).toEqual([expect.stringMatching(/^denied: decide may not dynamodb:GetItem on arn:.*\n$/)]);
    expect(await calls()).toEqual([
      { service: 'dynamodb', operation: 'GetItem', function: 'decide', at: expect.any(String), decision: 'implicitDeny', resource: table },
    ]);
  });

  it('answers denials of S3 as S3 does', async () => {
    check = { action: 's3:GetObject', resource: 'arn:aws:s3:::b/k' };
    const client = new S3Client(config(await role([{ Effect: 'Allow', Action: 's3:PutObject', Resource: '*' }])));
    const refused = client.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }));
    await expect(refused).rejects.toMatchObject({ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
  });

  it('records allowed calls since a time', async () => {
    const client = new DynamoDBClient(config(await role([{ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table }])));
    await client.send(getItem);
    await fetch(`${origin}/_local/clock`, { method: 'POST', body: '{"advance":"PT1H"}' });
    const { now } = (await (await fetch(`${origin}/_local/clock`)).json()) as { now: string };
    await client.send(getItem);
    expect(await calls()).toHaveLength(2);
    expect(await calls(`?since=${now}`)).toMatchObject([{ function: 'decide', decision: 'allowed' }]);
    expect(await calls(`?since=${Date.parse(now)}`)).toHaveLength(1);
    expect((await fetch(`${origin}/_local/calls?since=yesterday`)).status).toBe(400);
  });
});

describe('faults', () => {
  const inject = (fault: unknown) => fetch(`${origin}/_local/faults`, { method: 'POST', body: JSON.stringify(fault) });
  const outcome = () =>
    new DynamoDBClient(config()).send(getItem).then(
      () => 'ok',
      (error: Error) => error.name,
    );

  it('strike as often as they say, then are gone', async () => {
    await inject({ service: 'dynamodb', operation: 'GetItem', status: 400, error: 'ProvisionedThroughputExceededException', count: 2 });
    expect([await outcome(), await outcome(), await outcome()]).toEqual([
      'ProvisionedThroughputExceededException',
      'ProvisionedThroughputExceededException',
      'ok',
    ]);
  });

  it('strike only the operation they name, until they are cleared', async () => {
    await inject({ service: 'dynamodb', operation: 'PutItem' });
    expect(await outcome()).toBe('ok');
    await inject({ service: 'dynamodb' });
    expect(await outcome()).toBe('InternalFailure');
    expect(await (await fetch(`${origin}/_local/faults`)).json()).toHaveLength(2);
    await fetch(`${origin}/_local/faults`, { method: 'DELETE' });
    expect(await outcome()).toBe('ok');
  });

  it('may only delay', async () => {
    await inject({ service: 'dynamodb', delayMs: 60 });
    const start = performance.now();
    expect(await outcome()).toBe('ok');
    expect(performance.now() - start).toBeGreaterThan(55);
  });

  it.each([{ service: 'dynamo' }, { service: 'dynamodb', rate: 2 }, { service: 'dynamodb', typo: 1 }, {}, 'x'])(
    'are refused: %j',
    async (fault) => {
      expect((await inject(fault)).status).toBe(400);
    },
  );
});

describe('the clock endpoint', () => {
  it.each(['PT11M', 'P7DT1H'])('moves by %s', async (advance) => {
    const before = kernel.clock.now();
    const response = await fetch(`${origin}/_local/clock`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify({ advance }),
    });
    const { now } = (await response.json()) as { now: string };
    const moved = Date.parse(now) - before;
    expect(moved).toBeGreaterThanOrEqual(advance === 'PT11M' ? 660_000 : 7 * 86_400_000 + 3_600_000);
  });

  it.each(['11m', 'P', 'PT', '-PT1M', 'P200Y', 5])('refuses %j', async (advance) => {
    const before = kernel.clock.now();
    const response = await fetch(`${origin}/_local/clock`, { method: 'POST', body: JSON.stringify({ advance }) });
    expect(response.status).toBe(400);
    expect(kernel.clock.now() - before).toBeLessThan(60_000);
  });
});

describe('failures', () => {
  it('of a service are answered as its own error', async () => {
    answer = async () => {
      throw new Error('broken');
    };
    await expect(new DynamoDBClient(config()).send(getItem)).rejects.toMatchObject({ name: 'InternalFailure' });
    answer = async () => {
      throw Object.assign(new Error('no such table'), { status: 400, code: 'ResourceNotFoundException' });
    };
    await expect(new DynamoDBClient(config()).send(getItem)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('of routing name the missing service', async () => {
    const credentials = kernel.credentials.admin;
    const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20260101/us-east-1/glacier/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
    const response = await fetch(origin, { headers: { authorization } });
    expect([response.status, await response.json()]).toEqual([
      501,
      expect.objectContaining({ message: 'The local cloud has no service glacier' }),
    ]);
  });
});
