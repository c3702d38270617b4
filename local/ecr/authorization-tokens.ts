/** Passwords of GetAuthorizationToken: the caller and the expiry, authenticated by a key of the data folder. Nothing is stored per token. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { writeFileDurably } from '../durable-file.ts';
import type { Caller } from '../service.ts';

/** 12 hours, as ECR's. */
const LIFETIME_MS = 12 * 3_600_000;

interface Claims {
  caller: Caller;
  /** Virtual time, milliseconds. */
  expires: number;
}

export class AuthorizationTokens {
  readonly #key: Buffer;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    const file = join(folder, 'authorization-token.key');
    if (!existsSync(file)) writeFileDurably(file, randomBytes(32));
    this.#key = readFileSync(file);
    this.#clock = clock;
  }

  /** A password for the user `AWS`, and when it ends (virtual milliseconds). */
  issue(caller: Caller): { password: string; expires: number } {
    const expires = this.#clock.now() + LIFETIME_MS;
    const claims = Buffer.from(JSON.stringify({ caller, expires } satisfies Claims)).toString('base64url');
    return { password: `${claims}.${this.sign(claims)}`, expires };
  }

  /** The holder of a password. */
  verify(password: string): Caller | 'expired' | 'invalid' {
    const [claims = '', signature = ''] = password.split('.');
    if (!equal(signature, this.sign(claims))) return 'invalid';
    const { caller, expires } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Claims;
    return expires > this.#clock.now() ? caller : 'expired';
  }

  /** Authenticates any text, for download addresses too. */
  sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }
}

/** Compares in constant time; `given` is attacker-controlled. */
export function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
