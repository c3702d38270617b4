/** Checksums of object bodies: the five algorithms of S3, verified where the caller sent a value. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Error } from './s3-error.ts';

const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface Checksum {
  algorithm: ChecksumAlgorithm;
  /** Base64; a composite checksum of a multipart upload ends in `-` and the number of parts. */
  value: string;
  type: 'FULL_OBJECT' | 'COMPOSITE';
}

const LENGTH: Record<ChecksumAlgorithm, number> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };

/** `x-amz-checksum-sha256` and its siblings. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return (CHECKSUM_ALGORITHMS as readonly string[]).includes(name);
}

/** Running checksum; `digest` answers base64. */
export class ChecksumStream {
  readonly #update: (bytes: Buffer) => void;
  readonly digest: () => string;

  constructor(algorithm: ChecksumAlgorithm) {
    if (algorithm === 'SHA1' || algorithm === 'SHA256') {
      const hash = createHash(algorithm.toLowerCase());
      this.#update = (bytes) => void hash.update(bytes);
      this.digest = () => hash.digest('base64');
    } else if (algorithm === 'CRC64NVME') {
      let state: Crc64 = [0xffffffff, 0xffffffff];
      this.#update = (bytes) => {
        state = crc64Update(state, bytes);
      };
      this.digest = () => bigEndian([~state[0] >>> 0, ~state[1] >>> 0]);
    } else {
      let value = 0;
      const step = algorithm === 'CRC32' ? (bytes: Buffer) => crc32(bytes, value) : (bytes: Buffer) => crc32c(bytes, value);
      this.#update = (bytes) => {
        value = step(bytes);
      };
      this.digest = () => bigEndian([value]);
    }
  }

  update(bytes: Buffer): this {
    this.#update(bytes);
    return this;
  }
}

export function checksumOf(algorithm: ChecksumAlgorithm, body: Buffer): string {
  return new ChecksumStream(algorithm).update(body).digest();
}

/**
 * Verifies `Content-MD5`, `x-amz-content-sha256` and the `x-amz-checksum-*` header (or trailer that the gateway put among the headers) against
 * the body. Answers the checksum that the caller chose; without one undefined.
 */
export function verifyBody(headers: Record<string, string>, body: Buffer): Checksum | undefined {
  verifyMd5(headers['content-md5'], body);
  const sha256 = headers['x-amz-content-sha256'];
  if (sha256 && /^[0-9a-f]{64}$/.test(sha256) && sha256 !== createHash('sha256').update(body).digest('hex')) {
    throw new S3Error('XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  const sent = CHECKSUM_ALGORITHMS.filter((algorithm) => headers[checksumHeader(algorithm)] !== undefined);
  if (sent.length > 1)
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  const algorithm = sent[0];
  for (const trailer of (headers['x-amz-trailer'] ?? '').split(',').map((name) => name.trim().toLowerCase())) {
    if (trailer.startsWith('x-amz-checksum-') && headers[trailer] === undefined) {
      throw new S3Error('MalformedTrailerError', `The request announced the trailer ${trailer} but did not send it.`);
    }
  }
  if (!algorithm) return undefined;
  const value = headers[checksumHeader(algorithm)]!;
  if (Buffer.from(value, 'base64').length !== LENGTH[algorithm]) {
    throw new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`);
  }
  if (checksumOf(algorithm, body) !== value) {
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return { algorithm, value, type: 'FULL_OBJECT' };
}

/** S3 refuses requests that change locks or delete in batches when nothing protects their body. */
export function requireBodyChecksum(headers: Record<string, string>, purpose: string): void {
  if (headers['content-md5'] || CHECKSUM_ALGORITHMS.some((algorithm) => headers[checksumHeader(algorithm)])) return;
  throw new S3Error('InvalidRequest', `Content-MD5 OR x-amz-checksum- HTTP header is required for ${purpose}`);
}

function verifyMd5(md5: string | undefined, body: Buffer): void {
  if (md5 === undefined) return;
  if (Buffer.from(md5, 'base64').length !== 16) throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  if (createHash('md5').update(body).digest('base64') !== md5) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
}

function bigEndian(words: number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => void bytes.writeUInt32BE(word >>> 0, index * 4));
  return bytes.toString('base64');
}

/** Castagnoli polynomial, reflected. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function crc32c(bytes: Buffer, start: number): number {
  let state = ~start >>> 0;
  for (const byte of bytes) state = (state >>> 8) ^ CRC32C_TABLE[(state ^ byte) & 0xff]!;
  return ~state >>> 0;
}

/** High and low word: numbers are ten times faster than BigInt here. */
type Crc64 = [high: number, low: number];

/** NVMe polynomial 0xad93d23594c93659, reflected: 0x9a6c9329ac4bc9b5. */
const CRC64_HIGH = new Uint32Array(256);
const CRC64_LOW = new Uint32Array(256);
for (let index = 0; index < 256; index++) {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
  CRC64_HIGH[index] = Number(value >> 32n);
  CRC64_LOW[index] = Number(value & 0xffffffffn);
}

function crc64Update([startHigh, startLow]: Crc64, bytes: Buffer): Crc64 {
  let high = startHigh;
  let low = startLow;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ CRC64_LOW[index]!;
    high = (high >>> 8) ^ CRC64_HIGH[index]!;
  }
  return [high >>> 0, low >>> 0];
}
