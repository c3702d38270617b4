import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LocalService, ServiceRequest } from '../../../local/service.ts';
import { createSsm } from '../../../local/ssm/ssm.ts';
import { makeContext, type TestContext } from '../context.ts';

let context: TestContext;

function start(data?: string): LocalService {
  context = makeContext('ssm', data === undefined ? {} : { data });
  return createSsm(context);
}

async function restart(): Promise<LocalService> {
  await context.stop();
  return start(context.data);
}

const requestOf = (operation: string, body: unknown): ServiceRequest => ({
  method: 'POST',
  url: new URL('http://127.0.0.1/'),
  headers: { 'x-amz-target': `AmazonSSM.${operation}` },
  body: Buffer.from(JSON.stringify(body)),
  caller: { kind: 'admin', accessKeyId: 'test' },
  requestId: 'test',
  presigned: false,
});

async function call(service: LocalService, operation: string, body: unknown) {
  const answer = await service.handle(requestOf(operation, body));
  return { status: answer.status, body: JSON.parse(String(answer.body)) };
}

const declare = (service: LocalService, properties: Record<string, unknown>) =>
  service.resources['AWS::SSM::Parameter']!({
    stack: 's',
    logicalId: 'P',
    type: 'AWS::SSM::Parameter',
    properties,
    defaultName: 'generated',
    assembly: '',
    asset: () => undefined,
  });

describe('the local Parameter Store', () => {
  afterEach(() => context.dispose());

  it('answers a put parameter with its version, ARN and virtual date', async () => {
    const service = start();
    expect((await call(service, 'PutParameter', { Name: '/a/b', Type: 'String', Value: 'one' })).body).toEqual({
      Version: 1,
      Tier: 'Standard',
    });
    const { body } = await call(service, 'GetParameter', { Name: '/a/b' });
    expect(body.Parameter).toMatchObject({
      Name: '/a/b',
      Type: 'String',
      Value: 'one',
      Version: 1,
      ARN: 'arn:aws:ssm:eu-central-1:000000000000:parameter/a/b',
    });
    expect(Math.abs(body.Parameter.LastModifiedDate * 1000 - context.clock.now())).toBeLessThan(60_000);
    expect((await call(service, 'GetParameter', { Name: body.Parameter.ARN })).body.Parameter.Value).toBe('one');
  });

  it('does not resolve an ARN of another account, which authorization would have judged differently', async () => {
    const service = start();
    await call(service, 'PutParameter', { Name: '/a/b', Type: 'String', Value: 'one' });
    const { body } = await call(service, 'GetParameter', { Name: 'arn:aws:ssm:eu-central-1:999999999999:parameter/a/b' });
    expect(body.__type).toBe('ParameterNotFound');
  });

  it('refuses to overwrite unless asked to', async () => {
    const service = start();
    await call(service, 'PutParameter', { Name: 'x', Type: 'String', Value: 'one' });
    const refused = await call(service, 'PutParameter', { Name: 'x', Type: 'String', Value: 'two' });
    expect([refused.status, refused.body.__type]).toEqual([400, 'ParameterAlreadyExists']);
    expect((await call(service, 'PutParameter', { Name: 'x', Value: 'two', Overwrite: true })).body.Version).toBe(2);
  });

  it('shows a secure string only with decryption and keeps it in a file for the owner alone', async () => {
    const service = start();
    await call(service, 'PutParameter', { Name: 'x', Type: 'SecureString', Value: 'hush' });
    expect((await call(service, 'GetParameter', { Name: 'x' })).body.Parameter.Value).not.toContain('hush');
    expect((await call(service, 'GetParameter', { Name: 'x', WithDecryption: true })).body.Parameter.Value).toBe('hush');
    const file = join(context.folder, 'parameters.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('hush');
  });

  it('finds several by name and pages below a path', async () => {
    const service = start();
    for (const name of ['/p/a', '/p/b', '/p/c/d', '/q']) await call(service, 'PutParameter', { Name: name, Type: 'String', Value: name });
    const several = await call(service, 'GetParameters', { Names: ['/p/a', '/none'] });
    expect([several.body.Parameters.length, several.body.InvalidParameters]).toEqual([1, ['/none']]);
    const seen: string[] = [];
    let NextToken: string | undefined;
    do {
      const { body } = await call(service, 'GetParametersByPath', {
        Path: '/p',
        Recursive: true,
        MaxResults: 2,
        ...(NextToken ? { NextToken } : {}),
      });
      seen.push(...body.Parameters.map((parameter: { Name: string }) => parameter.Name));
      NextToken = body.NextToken;
    } while (NextToken);
    expect(seen).toEqual(['/p/a', '/p/b', '/p/c/d']);
    expect((await call(service, 'GetParametersByPath', { Path: '/p/' })).body.Parameters).toHaveLength(2);
  });

  it('keeps a value put by the API over a restart until the template declares another one', async () => {
    let service = start();
    await declare(service, { Name: '/t', Type: 'String', Value: 'declared' });
    await call(service, 'PutParameter', { Name: '/t', Value: 'changed', Overwrite: true });
    service = await restart();
    await declare(service, { Name: '/t', Type: 'String', Value: 'declared' });
    expect((await call(service, 'GetParameter', { Name: '/t' })).body.Parameter.Value).toBe('changed');
    const result = await declare(service, { Name: '/t', Type: 'String', Value: 'declared anew' });
    expect(result.ref).toBe('/t');
    expect((await call(service, 'GetParameter', { Name: '/t' })).body.Parameter.Value).toBe('declared anew');
  });

  it('asks IAM for each named parameter', async () => {
    const service = start();
    expect(await service.checks(requestOf('GetParameters', { Names: ['/a', 'b:3'] }))).toEqual([
      { action: 'ssm:GetParameters', resource: 'arn:aws:ssm:eu-central-1:000000000000:parameter/a' },
      { action: 'ssm:GetParameters', resource: 'arn:aws:ssm:eu-central-1:000000000000:parameter/b' },
    ]);
  });

  it('answers an unsupported operation with an error and logs it', async () => {
    const service = start();
    const { status, body } = await call(service, 'SendCommand', {});
    expect([status, body.__type]).toEqual([400, 'UnknownOperationException']);
    expect(context.logged).toHaveLength(1);
  });
});
