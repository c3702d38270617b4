/**
 * ECDSA over P-256 on a digest that the caller made: `node:crypto` signs messages only and would hash the digest again. Deterministic nonces
 * (RFC 6979). BigInt arithmetic takes a different time for different secrets; fit for a local cloud, not for a service on a network.
 */
import { createHmac, type KeyObject } from 'node:crypto';

const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
type Point = { x: bigint; y: bigint } | undefined;
const G: Point = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};

/** Signature in DER over a SHA-256 digest of 32 bytes. */
export function signDigest(privateKey: KeyObject, digest: Buffer): Buffer {
  const d = fromBase64url(privateKey.export({ format: 'jwk' }).d!);
  const e = toBigInt(digest);
  for (const k of nonces(d, digest)) {
    const r = multiply(G, k)!.x % N;
    const s = modulo(inverse(k, N) * (e + r * d), N);
    if (r !== 0n && s !== 0n) return encodeDer(r, s);
  }
  throw new Error('no nonce');
}

/** Whether a DER signature fits digest and public key; malformed signatures, which come from the caller, do not. */
export function verifyDigest(publicKey: KeyObject, digest: Buffer, signature: Buffer): boolean {
  const values = decodeDer(signature);
  if (!values) return false;
  const [r, s] = values;
  if (r < 1n || r >= N || s < 1n || s >= N) return false;
  const jwk = publicKey.export({ format: 'jwk' });
  const q = { x: fromBase64url(jwk.x!), y: fromBase64url(jwk.y!) };
  const w = inverse(s, N);
  const point = add(multiply(G, modulo(toBigInt(digest) * w, N)), multiply(q, modulo(r * w, N)));
  return point !== undefined && point.x % N === r;
}

/** RFC 6979, 3.2: candidates for the nonce, derived from key and digest. */
function* nonces(d: bigint, digest: Buffer): Generator<bigint> {
  const seed = Buffer.concat([toBytes(d), toBytes(toBigInt(digest) % N)]);
  let v: Buffer = Buffer.alloc(32, 1);
  let k: Buffer = Buffer.alloc(32, 0);
  const mac = (...parts: Buffer[]) => createHmac('sha256', k).update(Buffer.concat(parts)).digest();
  for (const step of [0, 1]) {
    k = mac(v, Buffer.from([step]), seed);
    v = mac(v);
  }
  for (;;) {
    v = mac(v);
    const candidate = toBigInt(v);
    if (candidate > 0n && candidate < N) yield candidate;
    k = mac(v, Buffer.from([0]));
    v = mac(v);
  }
}

function multiply(point: Point, factor: bigint): Point {
  let result: Point;
  let addend = point;
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, addend);
    addend = add(addend, addend);
  }
  return result;
}

function add(left: Point, right: Point): Point {
  if (!left) return right;
  if (!right) return left;
  const same = left.x === right.x;
  if (same && (left.y !== right.y || left.y === 0n)) return undefined;
  const slope = same ? (3n * left.x * left.x - 3n) * inverse(2n * left.y, P) : (right.y - left.y) * inverse(right.x - left.x, P);
  const x = modulo(slope * slope - left.x - right.x, P);
  return { x, y: modulo(slope * (left.x - x) - left.y, P) };
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** Extended Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [modulo(value, modulus), modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  return modulo(x, modulus);
}

function encodeDer(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint) => {
    const bytes = toBytes(value);
    const first = bytes.findIndex((byte) => byte !== 0);
    const trimmed = bytes.subarray(first);
    const content = trimmed[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed;
    return Buffer.concat([Buffer.from([2, content.length]), content]);
  };
  const content = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

function decodeDer(der: Buffer): [bigint, bigint] | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined;
  const lengthR = der[3] ?? 0;
  const lengthS = der[5 + lengthR] ?? 0;
  const shape = der[2] === 2 && der[4 + lengthR] === 2 && lengthR > 0 && lengthS > 0 && 6 + lengthR + lengthS === der.length;
  return shape ? [toBigInt(der.subarray(4, 4 + lengthR)), toBigInt(der.subarray(6 + lengthR))] : undefined;
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex') || '0'}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

function fromBase64url(text: string): bigint {
  return toBigInt(Buffer.from(text, 'base64url'));
}
