import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import * as sdk from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type S3Server, startS3 } from './s3-server.ts';

const Bucket = 'objects';
let server: S3Server;
let s3: sdk.S3Client;

async function connect(options: Parameters<typeof startS3>[0] = {}): Promise<void> {
  server = await startS3(options);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  s3 = new sdk.S3Client({ endpoint: server.origin, region: 'eu-central-1', maxAttempts: 1, credentials });
}

beforeEach(async () => {
  await connect();
  await s3.send(new sdk.CreateBucketCommand({ Bucket }));
});
afterEach(async () => {
  s3.destroy();
  await server.context.dispose();
});

const put = (Key: string, Body: string | Buffer, more: object = {}) => s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: object = {}) => s3.send(new sdk.GetObjectCommand({ Bucket, Key, ...more }));
const textOf = async (answer: Promise<sdk.GetObjectCommandOutput>) => (await answer).Body!.transformToString();
const enableVersions = () => s3.send(new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));

describe('a stored object', () => {
  test('comes back with its metadata, type and checksum', async () => {
    const sha256 = createHash('sha256').update('hello').digest('base64');
    await put('ä/日本 &<>.txt', 'hello', { ContentType: 'text/plain', Metadata: { run: '7' }, ChecksumSHA256: sha256 });
    const answer = await get('ä/日本 &<>.txt', { ChecksumMode: 'ENABLED' });
    expect(await answer.Body!.transformToString()).toBe('hello');
    expect([answer.ContentType, answer.Metadata, answer.ChecksumSHA256]).toEqual(['text/plain', { run: '7' }, sha256]);
    expect(answer.ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`);
  });

  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'is refused when its %s is wrong, and nothing is stored',
    async (algorithm) => {
      const length = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 }[algorithm];
      const wrong = Buffer.alloc(length, 1).toString('base64');
      const response = await fetch(`${server.origin}/${Bucket}/k`, {
        method: 'PUT',
        body: 'hello',
        headers: { [`x-amz-checksum-${algorithm.toLowerCase()}`]: wrong },
      });
      expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('<Code>BadDigest</Code>')]);
      await expect(get('k')).rejects.toMatchObject({ name: 'NoSuchKey' });
    },
  );

  test('is refused when its MD5 or signed SHA-256 is wrong', async () => {
    const send = (headers: Record<string, string>) => fetch(`${server.origin}/${Bucket}/k`, { method: 'PUT', body: 'hello', headers });
    expect((await send({ 'content-md5': Buffer.alloc(16).toString('base64') })).status).toBe(400);
    expect(await (await send({ 'content-md5': 'short' })).text()).toContain('InvalidDigest');
    expect(await (await send({ 'x-amz-content-sha256': '0'.repeat(64) })).text()).toContain('XAmzContentSHA256Mismatch');
  });

  test('may arrive as a stream with a trailing checksum', async () => {
    const body = randomBytes(100_000);
    const Body = Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]);
    await s3.send(new sdk.PutObjectCommand({ Bucket, Key: 'stream', Body, ContentLength: body.length, ChecksumAlgorithm: 'SHA256' }));
    const answer = await get('stream', { ChecksumMode: 'ENABLED' });
    expect(Buffer.from(await answer.Body!.transformToByteArray()).equals(body)).toBe(true);
    expect(answer.ChecksumSHA256).toBe(createHash('sha256').update(body).digest('base64'));
    expect(answer.ContentEncoding).toBeUndefined();
  });

  test('is read in ranges', async () => {
    await put('k', '0123456789');
    expect(await textOf(get('k', { Range: 'bytes=2-4' }))).toBe('234');
    expect(await textOf(get('k', { Range: 'bytes=7-' }))).toBe('789');
    expect(await textOf(get('k', { Range: 'bytes=-3' }))).toBe('789');
    expect((await get('k', { Range: 'bytes=8-99' })).ContentRange).toBe('bytes 8-9/10');
    await expect(get('k', { Range: 'bytes=10-' })).rejects.toMatchObject({ name: 'InvalidRange' });
  });

  test('answers conditions of reads', async () => {
    const { ETag } = await put('k', 'x');
    await expect(get('k', { IfNoneMatch: ETag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    await expect(get('k', { IfMatch: '"other"' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect(await textOf(get('k', { IfMatch: ETag }))).toBe('x');
  });

  test('can be copied with new metadata', async () => {
    await put('from', 'x', { Metadata: { a: '1' } });
    await s3.send(new sdk.CopyObjectCommand({ Bucket, Key: 'same', CopySource: `${Bucket}/from` }));
    await s3.send(
      new sdk.CopyObjectCommand({ Bucket, Key: 'other', CopySource: `${Bucket}/from`, MetadataDirective: 'REPLACE', Metadata: { b: '2' } }),
    );
    expect([(await get('same')).Metadata, (await get('other')).Metadata]).toEqual([{ a: '1' }, { b: '2' }]);
  });

  test('in parts becomes one object', async () => {
    const parts = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
    const { UploadId } = await s3.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: 'big' }));
    const Parts = [];
    for (const [index, Body] of parts.entries()) {
      const { ETag } = await s3.send(new sdk.UploadPartCommand({ Bucket, Key: 'big', UploadId, PartNumber: index + 1, Body }));
      Parts.push({ ETag, PartNumber: index + 1 });
    }
    await expect(get('big')).rejects.toMatchObject({ name: 'NoSuchKey' });
    const { ETag } = await s3.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key: 'big', UploadId, MultipartUpload: { Parts } }));
    expect(ETag).toMatch(/-2"$/);
    const body = await (await get('big')).Body!.transformToByteArray();
    expect(Buffer.concat(parts).equals(body)).toBe(true);
  });
});

describe('versions', () => {
  test('of a bucket without versioning replace each other', async () => {
    await put('k', 'one');
    await put('k', 'two');
    const { Versions } = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket }));
    expect(Versions?.map(({ VersionId }) => VersionId)).toEqual(['null']);
    await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: 'k' }));
    await s3.send(new sdk.DeleteBucketCommand({ Bucket }));
  });

  test('hide behind a delete marker, which is 405 by its id and 404 without', async () => {
    await enableVersions();
    const { VersionId } = await put('k', 'one');
    const marker = await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: 'k' }));
    await expect(get('k')).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(get('k', { VersionId: marker.VersionId })).rejects.toMatchObject({ name: 'MethodNotAllowed' });
    expect(await textOf(get('k', { VersionId }))).toBe('one');
    await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: 'k', VersionId: marker.VersionId }));
    expect(await textOf(get('k'))).toBe('one');
  });

  test('are listed page by page, newest first', async () => {
    await enableVersions();
    const written: string[] = [];
    for (const key of ['a', 'a', 'a', 'b', 'b']) written.push(`${key} ${(await put(key, 'x')).VersionId}`);
    const seen: string[] = [];
    let markers: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const page = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket, MaxKeys: 2, ...markers }));
      for (const { Key, VersionId } of page.Versions ?? []) seen.push(`${Key} ${VersionId}`);
      if (!page.IsTruncated) break;
      markers = { KeyMarker: page.NextKeyMarker!, ...(page.NextVersionIdMarker ? { VersionIdMarker: page.NextVersionIdMarker } : {}) };
    }
    const newestFirst = [written[2], written[1], written[0], written[4], written[3]];
    expect(seen).toEqual(newestFirst);
  });

  test('and locks survive a restart, and what a kill left half written is removed', async () => {
    await enableVersions();
    const { VersionId } = await put('k', 'kept');
    await server.context.stop();
    const folder = join(server.context.folder, 'buckets', Bucket, 'versions');
    writeFileSync(join(folder, 'torn.data'), 'half');
    writeFileSync(join(folder, 'torn.tmp'), 'half');
    await connect({ data: server.context.data });
    expect(await textOf(get('k', { VersionId }))).toBe('kept');
    expect(readdirSync(folder).filter((name) => name.startsWith('torn'))).toEqual([]);
  });
});

describe('lists', () => {
  beforeEach(async () => {
    for (const key of ['a/1', 'a/2', 'b', 'c/x/1', 'c/y/1', 'd']) await put(key, 'x');
  });

  test('fold common prefixes and go on behind them', async () => {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await s3.send(
        new sdk.ListObjectsV2Command({ Bucket, Delimiter: '/', MaxKeys: 1, ...(token ? { ContinuationToken: token } : {}) }),
      );
      for (const { Key } of page.Contents ?? []) seen.push(Key!);
      for (const { Prefix } of page.CommonPrefixes ?? []) seen.push(Prefix!);
      token = page.NextContinuationToken;
    } while (token);
    expect(seen).toEqual(['a/', 'b', 'c/', 'd']);
  });

  test('start after a key and stay inside a prefix', async () => {
    const after = await s3.send(new sdk.ListObjectsV2Command({ Bucket, StartAfter: 'b' }));
    expect(after.Contents?.map(({ Key }) => Key)).toEqual(['c/x/1', 'c/y/1', 'd']);
    const inside = await s3.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: 'c/', Delimiter: '/' }));
    expect(inside.CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(['c/x/', 'c/y/']);
    const none = await s3.send(new sdk.ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect([none.KeyCount, none.IsTruncated]).toEqual([0, false]);
  });

  test('do not end a folder that has an object of its own name', async () => {
    await put('a/', '');
    const first = await s3.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: 'a/', Delimiter: '/', MaxKeys: 1 }));
    const second = await s3.send(
      new sdk.ListObjectsV2Command({ Bucket, Prefix: 'a/', Delimiter: '/', ContinuationToken: first.NextContinuationToken }),
    );
    expect([first, second].flatMap(({ Contents }) => Contents!.map(({ Key }) => Key))).toEqual(['a/', 'a/1', 'a/2']);
  });

  test('are in the order of UTF-8 bytes', async () => {
    await put('z\uffee', 'x');
    await put('z\u{1f600}', 'x');
    const page = await s3.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: 'z' }));
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(['z\uffee', 'z\u{1f600}']);
  });
});

describe('what is not offered', () => {
  test.each([
    ['PUT', `/${Bucket}/k?acl`],
    ['PUT', `/${Bucket}/k?tagging`],
    ['GET', `/${Bucket}?website`],
    ['PUT', `/${Bucket}?lifecycle`],
    ['GET', `/${Bucket}/k?partNumber=1`],
  ])('%s %s is NotImplemented and changes nothing', async (method, path) => {
    const response = await fetch(server.origin + path, { method, ...(method === 'PUT' ? { body: '<x/>' } : {}) });
    expect([response.status, await response.text()]).toEqual([501, expect.stringContaining('<Code>NotImplemented</Code>')]);
    expect((await s3.send(new sdk.ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });

  test('a missing key is 403 for a caller who may not list', async () => {
    await server.context.stop();
    const caller = { kind: 'role', accessKeyId: 'a', roleArn: 'arn:aws:iam::000000000000:role/x' } as const;
    await connect({ data: server.context.data, caller, allowed: (check) => check.action !== 's3:ListBucket' });
    await expect(get('none')).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('HEAD answers errors without a body', async () => {
    const response = await fetch(`${server.origin}/${Bucket}/none`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([404, '']);
  });

  test('XML with a document type is malformed', async () => {
    const body =
      '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><VersioningConfiguration><Status>&e;</Status></VersioningConfiguration>';
    const response = await fetch(`${server.origin}/${Bucket}?versioning`, { method: 'PUT', body });
    expect(await response.text()).toContain('<Code>MalformedXML</Code>');
  });
});
