import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKms } from '../../../local/kms/kms.ts';
import type { LocalService, ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';

let context: TestContext;
let kms: LocalService;

beforeEach(async () => {
  context = makeContext('kms');
  kms = await createKms(context);
});
afterEach(() => context.dispose());

function request(operation: string, input: unknown): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `TrentService.${operation}` },
    body: Buffer.from(JSON.stringify(input)),
    caller: { kind: 'admin', accessKeyId: 'A' },
    requestId: 'r',
    presigned: false,
  };
}

async function call(operation: string, input: unknown): Promise<Record<string, string> & { status: number }> {
  const { status, body } = await kms.handle(request(operation, input));
  return { ...(body ? JSON.parse(String(body)) : {}), status };
}

function declare(logicalId: string, properties: Record<string, unknown>, type = 'AWS::KMS::Key') {
  const resource: ResourceRequest = {
    stack: 'State',
    logicalId,
    type,
    properties,
    defaultName: logicalId,
    assembly: '',
    asset: () => undefined,
  };
  return kms.resources[type]!(resource);
}

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const SIGNER = { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' };
const P256 = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };
const HMAC = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' };

describe('declared keys', () => {
  test('keep id and material over a restart, and another logical id is another key', async () => {
    const first = await declare('Link', HMAC);
    const mac = await call('GenerateMac', { KeyId: first.ref, Message: base64('m'), MacAlgorithm: 'HMAC_SHA_256' });
    await context.stop();
    context = makeContext('kms', { data: context.data });
    kms = await createKms(context);

    const again = await declare('Link', HMAC);
    const rotated = await declare('LinkV2', HMAC);

    expect(again).toEqual(first);
    expect(rotated.ref).not.toBe(first.ref);
    const verified = await call('VerifyMac', { KeyId: first.ref, Message: base64('m'), MacAlgorithm: 'HMAC_SHA_256', Mac: mac.Mac });
    expect(verified.MacValid).toBe(true);
    const other = await call('VerifyMac', { KeyId: rotated.ref, Message: base64('m'), MacAlgorithm: 'HMAC_SHA_256', Mac: mac.Mac });
    expect([other.status, other.__type]).toEqual([400, 'KMSInvalidMacException']);
  });

  test('are files that only the owner reads', async () => {
    await declare('Link', HMAC);
    const folder = join(context.folder, 'keys');
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test('with a property that is not served stop the start with its name', async () => {
    await expect(declare('Rsa', { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' })).rejects.toThrow(/State\/Rsa.*KeySpec/);
    await expect(declare('Odd', { Surprise: 1 })).rejects.toThrow(/Surprise/);
  });

  test('answer their policy to IAM', async () => {
    const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'kms:Sign', Resource: '*' }] };
    const { attributes } = await declare('Signer', { ...SIGNER, KeyPolicy: policy });
    expect(kms.resourcePolicy!(attributes!.Arn!)).toEqual(policy);
  });
});

describe('signatures', () => {
  test('of Ed25519 verify with the public key and are the same each time', async () => {
    const { ref } = await declare('Signer', SIGNER);
    const input = { KeyId: ref, Message: base64('checkpoint'), MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' };
    const [one, two, published] = [await call('Sign', input), await call('Sign', input), await call('GetPublicKey', { KeyId: ref })];
    const key = createPublicKey({ key: Buffer.from(published.PublicKey!, 'base64'), format: 'der', type: 'spki' });
    expect(one.Signature).toBe(two.Signature);
    expect(verify(null, Buffer.from('checkpoint'), key, Buffer.from(one.Signature!, 'base64'))).toBe(true);
    expect((await call('Sign', { ...input, MessageType: 'DIGEST' })).__type).toBe('ValidationException');
    expect((await call('Verify', { ...input, Message: base64('other'), Signature: one.Signature })).__type).toBe(
      'KMSInvalidSignatureException',
    );
  });

  test('of P-256 are the same over a message and over its digest', async () => {
    const { ref } = await declare('Signer', P256);
    const message = 'release 1.2.3';
    const digest = createHash('sha256').update(message).digest();
    const raw = { KeyId: ref, Message: base64(message), MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' };
    const digested = { ...raw, Message: base64(digest), MessageType: 'DIGEST' };
    const overDigest = await call('Sign', digested);
    const overMessage = await call('Sign', raw);
    expect((await call('Verify', { ...raw, Signature: overDigest.Signature })).SignatureValid).toBe(true);
    expect((await call('Verify', { ...digested, Signature: overMessage.Signature })).SignatureValid).toBe(true);
    const wrong = { ...digested, Message: base64(createHash('sha256').update('x').digest()), Signature: overMessage.Signature };
    expect((await call('Verify', wrong)).__type).toBe('KMSInvalidSignatureException');
    expect((await call('Verify', { ...digested, Signature: base64('garbage') })).__type).toBe('KMSInvalidSignatureException');
  });
});

describe('encryption', () => {
  test('is bound to the encryption context and to every byte', async () => {
    const { ref } = await declare('Data', {});
    const sealed = await call('Encrypt', { KeyId: ref, Plaintext: base64('secret'), EncryptionContext: { a: '1', b: '2' } });
    const open = (blob: string, context: object) => call('Decrypt', { CiphertextBlob: blob, EncryptionContext: context });
    expect((await open(sealed.CiphertextBlob!, { b: '2', a: '1' })).Plaintext).toBe(base64('secret'));
    expect((await open(sealed.CiphertextBlob!, { a: '1' })).__type).toBe('InvalidCiphertextException');
    const changed = Buffer.from(sealed.CiphertextBlob!, 'base64');
    changed[changed.length - 1]! ^= 1;
    expect((await open(base64(changed), { a: '1', b: '2' })).__type).toBe('InvalidCiphertextException');
    expect((await open(base64('short'), {})).__type).toBe('InvalidCiphertextException');
  });

  test('by a data key gives the plain key back', async () => {
    const { ref } = await declare('Data', {});
    const key = await call('GenerateDataKey', { KeyId: ref, KeySpec: 'AES_256' });
    expect(Buffer.from(key.Plaintext!, 'base64')).toHaveLength(32);
    expect((await call('Decrypt', { CiphertextBlob: key.CiphertextBlob })).Plaintext).toBe(key.Plaintext);
  });

  test('takes no more than 4096 bytes', async () => {
    const { ref } = await declare('Data', {});
    const limit = Buffer.alloc(4096).toString('base64');
    const beyond = Buffer.alloc(4097).toString('base64');
    expect((await call('Encrypt', { KeyId: ref, Plaintext: limit })).status).toBe(200);
    expect((await call('Encrypt', { KeyId: ref, Plaintext: beyond })).__type).toBe('ValidationException');
  });
});

describe('the state of a key', () => {
  const use = (keyId: string) => call('GenerateMac', { KeyId: keyId, Message: base64('m'), MacAlgorithm: 'HMAC_SHA_256' });

  test('disabled refuses its use until it is enabled again', async () => {
    const { ref } = await declare('Link', HMAC);
    await call('DisableKey', { KeyId: ref });
    expect((await use(ref)).__type).toBe('DisabledException');
    await call('EnableKey', { KeyId: ref });
    expect((await use(ref)).status).toBe(200);
  });

  test('pending deletion ends on the virtual day, and the key is gone', async () => {
    const { ref } = await declare('Link', HMAC);
    const scheduled = await call('ScheduleKeyDeletion', { KeyId: ref, PendingWindowInDays: 7 });
    expect(scheduled.KeyState).toBe('PendingDeletion');
    expect((await use(ref)).__type).toBe('KMSInvalidStateException');
    await context.clock.advance(7 * 86_400_000);
    expect((await use(ref)).__type).toBe('NotFoundException');
  });

  test('decides nothing about a key of the wrong kind', async () => {
    const { ref } = await declare('Signer', SIGNER);
    expect((await use(ref)).__type).toBe('InvalidKeyUsageException');
    const mac = await declare('Link', HMAC);
    expect((await call('GetPublicKey', { KeyId: mac.ref })).__type).toBe('UnsupportedOperationException');
  });
});

describe('names and permissions', () => {
  test('an alias, its ARN, the key id and the key ARN are one key, checked by its ARN', async () => {
    const { ref, attributes } = await declare('Link', HMAC);
    await declare('LinkAlias', { AliasName: 'alias/link', TargetKeyId: ref }, 'AWS::KMS::Alias');
    const aliasArn = attributes!.Arn!.replace(`key/${ref}`, 'alias/link');
    for (const name of [ref, attributes!.Arn!, 'alias/link', aliasArn]) {
      const described = (await call('DescribeKey', { KeyId: name })) as unknown as { KeyMetadata: { KeyId: string } };
      expect(described.KeyMetadata.KeyId).toBe(ref);
      const [check] = await kms.checks(request('GenerateMac', { KeyId: name, MacAlgorithm: 'HMAC_SHA_256' }));
      expect([check!.action, check!.resource]).toEqual(['kms:GenerateMac', attributes!.Arn]);
      expect(check!.context!['kms:RequestAlias']).toBe(name.includes('alias') ? 'alias/link' : undefined);
    }
  });

  test('Decrypt without a key id is checked against the key that the ciphertext names', async () => {
    const { ref, attributes } = await declare('Data', {});
    const sealed = await call('Encrypt', { KeyId: ref, Plaintext: base64('s'), EncryptionContext: { tenant: 'a' } });
    const [check] = await kms.checks(request('Decrypt', { CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: { tenant: 'a' } }));
    expect(check!.resource).toBe(attributes!.Arn);
    expect(check!.context!['kms:EncryptionContext:tenant']).toBe('a');
  });

  test('an unknown key is NotFound, an unknown operation is refused and logged', async () => {
    expect((await call('DescribeKey', { KeyId: 'alias/none' })).__type).toBe('NotFoundException');
    expect((await call('ReplicateKey', {})).__type).toBe('UnknownOperationException');
    expect(context.logged).toHaveLength(1);
  });
});
