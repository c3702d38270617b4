import { describe, expect, it } from 'vitest';
import { decodeAwsChunked } from '../../../local/sigv4/aws-chunked.ts';
import { EMPTY_HASH, sha256 } from '../../../local/sigv4/canonical-request.ts';
import { readSignature, scopeOf, sign, signatureMatches } from '../../../local/sigv4/signature.ts';

/** The key and the signatures below are those of AWS's own documentation of Signature Version 4 for S3. */
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const CREDENTIAL = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const host = 'examplebucket.s3.amazonaws.com';

function headerSigned(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const getObject = {
  method: 'GET',
  target: '/test.txt',
  headers: {
    host,
    range: 'bytes=0-9',
    'x-amz-content-sha256': EMPTY_HASH,
    'x-amz-date': '20130524T000000Z',
    authorization: headerSigned(
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ),
  },
};

describe('signatures', () => {
  it('in the header are recomputed as AWS documents', () => {
    const signature = readSignature(getObject)!;
    expect(signature).toMatchObject({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', service: 's3', presigned: false });
    expect(signatureMatches(getObject, signature, SECRET, EMPTY_HASH)).toBe(true);
  });

  it('do not match another header, path, method, payload or secret', () => {
    const signature = readSignature(getObject)!;
    const altered = [
      { ...getObject, headers: { ...getObject.headers, range: 'bytes=0-10' } },
      { ...getObject, target: '/other.txt' },
      { ...getObject, target: '/test.txt?acl' },
      { ...getObject, method: 'DELETE' },
    ];
    for (const request of altered) expect(signatureMatches(request, signature, SECRET, EMPTY_HASH)).toBe(false);
    expect(signatureMatches(getObject, signature, SECRET, sha256('x'))).toBe(false);
    expect(signatureMatches(getObject, signature, `${SECRET}x`, EMPTY_HASH)).toBe(false);
  });

  it('over encoded paths and sorted queries match', () => {
    const put = {
      method: 'PUT',
      target: '/test%24file.text',
      headers: {
        host,
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-date': '20130524T000000Z',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        authorization: headerSigned(
          'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
          '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
        ),
        'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      },
    };
    expect(signatureMatches(put, readSignature(put)!, SECRET, put.headers['x-amz-content-sha256'])).toBe(true);
    const list = {
      method: 'GET',
      target: '/?prefix=J&max-keys=2',
      headers: {
        ...getObject.headers,
        authorization: headerSigned(
          'host;x-amz-content-sha256;x-amz-date',
          '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
        ),
      },
    };
    expect(signatureMatches(list, readSignature(list)!, SECRET, EMPTY_HASH)).toBe(true);
  });

  it('in a presigned query are recomputed as AWS documents', () => {
    const request = {
      method: 'GET',
      target:
        `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(CREDENTIAL)}&X-Amz-Date=20130524T000000Z` +
        '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
      headers: { host },
    };
    const signature = readSignature(request)!;
    expect(signature).toMatchObject({ presigned: true, expires: 86_400 });
    expect(signatureMatches(request, signature, SECRET, 'UNSIGNED-PAYLOAD')).toBe(true);
    const longer = { ...request, target: request.target.replace('86400', '86401') };
    expect(signatureMatches(longer, readSignature(longer)!, SECRET, 'UNSIGNED-PAYLOAD')).toBe(false);
  });

  it('that leave out the host match nothing', () => {
    const request = { ...getObject, headers: { ...getObject.headers, authorization: headerSigned('x-amz-date', 'a'.repeat(64)) } };
    expect(signatureMatches(request, readSignature(request)!, SECRET, EMPTY_HASH)).toBe(false);
  });

  it('of chunks chain as AWS documents', () => {
    const signature = { ...readSignature(getObject)!, signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9' };
    const text = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      signature.time,
      scopeOf(signature),
      signature.signature,
      EMPTY_HASH,
      sha256('a'.repeat(65_536)),
    ];
    expect(sign(signature, SECRET, text.join('\n'))).toBe('ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648');
  });
});

describe('aws-chunked bodies', () => {
  it('yield their data and trailers', () => {
    const { chunks, trailers } = decodeAwsChunked(Buffer.from('5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'));
    expect(chunks.map(({ data }) => data.toString()).join('')).toBe('hello!');
    expect(trailers).toEqual({ 'x-amz-checksum-crc32': 'AAAAAA==' });
  });

  it.each(['', '5\r\nhel', '3\r\nhello\r\n0\r\n\r\n', 'zz\r\nhello\r\n', '5\r\nhello\r\n'])('are refused when torn: %j', (text) => {
    expect(() => decodeAwsChunked(Buffer.from(text))).toThrow(/aws-chunked/);
  });
});
