import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { generatePassword } from '../../../local/secrets-manager/generate-secret.ts';
import { createSecretsManager } from '../../../local/secrets-manager/secrets-manager.ts';
import type { LocalService, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';

let context: TestContext;

function start(data?: string): LocalService {
  context = makeContext('secrets-manager', data === undefined ? {} : { data });
  return createSecretsManager(context);
}

async function restart(): Promise<LocalService> {
  await context.stop();
  return start(context.data);
}

const requestOf = (operation: string, body: unknown): ServiceRequest => ({
  method: 'POST',
  url: new URL('http://127.0.0.1/'),
  headers: { 'x-amz-target': `secretsmanager.${operation}` },
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
  service.resources['AWS::SecretsManager::Secret']!({
    stack: 's',
    logicalId: 'S',
    type: 'AWS::SecretsManager::Secret',
    properties,
    defaultName: 'generated',
    assembly: '',
    asset: () => undefined,
  });

const valueOfSecret = async (service: LocalService, id: string, more: object = {}) =>
  (await call(service, 'GetSecretValue', { SecretId: id, ...more })).body.SecretString;

describe('the local Secrets Manager', () => {
  afterEach(() => context.dispose());

  it('keeps ARN and generated value of a declared secret over restarts', async () => {
    let service = start();
    const properties = { Name: 'app/key', GenerateSecretString: { PasswordLength: 40, ExcludePunctuation: true } };
    const { ref } = await declare(service, properties);
    expect(ref).toMatch(/^arn:aws:secretsmanager:eu-central-1:000000000000:secret:app\/key-[A-Za-z0-9]{6}$/);
    const value = await valueOfSecret(service, ref);
    expect(value).toMatch(/^[A-Za-z0-9]{40}$/);
    service = await restart();
    expect((await declare(service, properties)).ref).toBe(ref);
    expect(await valueOfSecret(service, 'app/key')).toBe(value);
  });

  it('puts a generated password into the template under its key', async () => {
    const service = start();
    const { ref } = await declare(service, {
      GenerateSecretString: { SecretStringTemplate: '{"user":"app"}', GenerateStringKey: 'password' },
    });
    const secret = JSON.parse(await valueOfSecret(service, ref));
    expect(secret.user).toBe('app');
    expect(secret.password).toHaveLength(32);
  });

  it('moves the stages with each value and keeps the previous one', async () => {
    let service = start();
    await declare(service, { Name: 's', SecretString: 'one' });
    const put = await call(service, 'PutSecretValue', { SecretId: 's', SecretString: 'two' });
    expect(put.body.VersionStages).toEqual(['AWSCURRENT']);
    service = await restart();
    await declare(service, { Name: 's', SecretString: 'one' });
    expect(await valueOfSecret(service, 's')).toBe('two');
    expect(await valueOfSecret(service, 's', { VersionStage: 'AWSPREVIOUS' })).toBe('one');
    const { body } = await call(service, 'DescribeSecret', { SecretId: 's' });
    expect(Object.values(body.VersionIdsToStages).flat().sort()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  it('takes the value of the template again once the template changes', async () => {
    const service = start();
    await declare(service, { Name: 's', SecretString: 'one' });
    await call(service, 'PutSecretValue', { SecretId: 's', SecretString: 'two' });
    await declare(service, { Name: 's', SecretString: 'three' });
    expect(await valueOfSecret(service, 's')).toBe('three');
  });

  it('creates once: a repeat with the same token answers the same, another create is refused', async () => {
    const service = start();
    const ClientRequestToken = 'a'.repeat(32);
    const first = await call(service, 'CreateSecret', { Name: 'n', SecretString: 'v', ClientRequestToken });
    const again = await call(service, 'CreateSecret', { Name: 'n', SecretString: 'v', ClientRequestToken });
    expect(again.body).toEqual(first.body);
    expect((await call(service, 'CreateSecret', { Name: 'n', SecretString: 'w' })).body.__type).toBe('ResourceExistsException');
  });

  it('answers an unknown secret and a secret without value as not found', async () => {
    const service = start();
    expect((await call(service, 'GetSecretValue', { SecretId: 'none' })).body.__type).toBe('ResourceNotFoundException');
    await call(service, 'CreateSecret', { Name: 'empty' });
    expect((await call(service, 'GetSecretValue', { SecretId: 'empty' })).body.__type).toBe('ResourceNotFoundException');
  });

  it('lists secrets without their values', async () => {
    const service = start();
    await declare(service, { Name: 'a', SecretString: 'hush' });
    const { body } = await call(service, 'ListSecrets', {});
    expect(body.SecretList.map((secret: { Name: string }) => secret.Name)).toEqual(['a']);
    expect(JSON.stringify(body)).not.toContain('hush');
  });

  it('keeps every secret in a file for the owner alone', async () => {
    const service = start();
    await declare(service, { Name: '../../escape', SecretString: 'hush' }).catch(() => undefined);
    await declare(service, { Name: 'a/b', SecretString: 'hush' });
    const files = readdirSync(context.folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(statSync(join(context.folder, file)).mode & 0o777).toBe(0o600);
  });

  it('asks IAM for the whole ARN, however the secret is named', async () => {
    const service = start();
    const { ref } = await declare(service, { Name: 's', SecretString: 'v' });
    const [check] = await service.checks(requestOf('GetSecretValue', { SecretId: 's' }));
    expect(check).toMatchObject({ action: 'secretsmanager:GetSecretValue', resource: ref });
  });
});

describe('password generation', () => {
  it('generates passwords with each class of characters, and refuses options that leave none', () => {
    const password = generatePassword({ PasswordLength: 4, ExcludeCharacters: '"\'\\' });
    expect(password).toMatch(/[a-z]/);
    expect(password).toMatch(/[A-Z]/);
    expect(password).toMatch(/\d/);
    expect(password).toMatch(/[^\w]|_/);
    expect(() => generatePassword({ PasswordLength: 3 })).toThrow('no password');
  });
});
