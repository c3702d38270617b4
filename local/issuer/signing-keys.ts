/** Signing keys of the issuer: RS256 and ES256, made at first start and kept, published by `kid`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import { writeFileDurably } from '../durable-file.ts';

export type SigningAlgorithm = 'RS256' | 'ES256';

const ALGORITHMS: readonly SigningAlgorithm[] = ['RS256', 'ES256'];

interface SigningKey {
  algorithm: SigningAlgorithm;
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  publicJwk: JWK;
}

export class SigningKeys {
  readonly #keys: readonly SigningKey[];

  private constructor(keys: readonly SigningKey[]) {
    this.#keys = keys;
  }

  static async open(folder: string): Promise<SigningKeys> {
    const file = join(folder, 'signing-keys.json');
    if (!existsSync(file)) writeFileDurably(file, JSON.stringify(await Promise.all(ALGORITHMS.map(makeKey))));
    const kept = JSON.parse(readFileSync(file, 'utf8')) as JWK[];
    return new SigningKeys(await Promise.all(kept.map(readKey)));
  }

  /** The public keys, as `jwks_uri` answers them. */
  jwks(): { keys: JWK[] } {
    return { keys: this.#keys.map(({ publicJwk }) => publicJwk) };
  }

  sign(payload: JWTPayload, options: { algorithm: SigningAlgorithm; type: string }): Promise<string> {
    const key = this.#keys.find(({ algorithm }) => algorithm === options.algorithm)!;
    return new SignJWT(payload).setProtectedHeader({ alg: key.algorithm, kid: key.kid, typ: options.type }).sign(key.privateKey);
  }

  /** Claims of a token of this issuer; throws when it is forged, of another type, or not valid at `now`. */
  async verify(token: string, expected: { issuer: string; audience: string; type: string; now: Date }): Promise<JWTPayload> {
    const find = ({ kid, alg }: { kid?: string; alg?: string }) => {
      const key = this.#keys.find((other) => other.kid === kid && other.algorithm === alg);
      if (!key) throw new Error('no such key');
      return key.publicKey;
    };
    const { issuer, audience, type, now } = expected;
    const { payload } = await jwtVerify(token, find, { issuer, audience, typ: type, currentDate: now, algorithms: [...ALGORITHMS] });
    return payload;
  }
}

async function makeKey(algorithm: SigningAlgorithm): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true, modulusLength: 2048 });
  return { ...(await exportJWK(privateKey)), alg: algorithm };
}

async function readKey(jwk: JWK): Promise<SigningKey> {
  const algorithm = jwk.alg as SigningAlgorithm;
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicPart } = jwk;
  const kid = await calculateJwkThumbprint(publicPart);
  return {
    algorithm,
    kid,
    privateKey: (await importJWK(jwk, algorithm)) as CryptoKey,
    publicKey: (await importJWK(publicPart, algorithm)) as CryptoKey,
    publicJwk: { ...publicPart, kid, use: 'sig' },
  };
}
