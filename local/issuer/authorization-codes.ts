/** Authorization codes: random, good once and for ten virtual minutes, kept over restarts as hashes only. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { writeFileDurably } from '../durable-file.ts';

/** What the person agreed to; the token request must prove the same client. */
export interface Grant {
  subject: string;
  redirectUri: string;
  scope: string;
  codeChallenge: string;
  nonce?: string;
  /** Virtual seconds since the epoch at which the person signed in. */
  authTime: number;
}

interface Kept extends Grant {
  /** Virtual time, milliseconds. */
  expires: number;
}

const LIFETIME_MS = 10 * 60_000;
/** Codes kept at once; more means that someone fills the file, so the oldest go. */
const MOST_CODES = 1_000;

export class AuthorizationCodes {
  readonly #file: string;
  readonly #clock: Clock;
  #codes: Record<string, Kept>;

  constructor(folder: string, clock: Clock) {
    this.#file = join(folder, 'authorization-codes.json');
    this.#clock = clock;
    this.#codes = existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, Kept>) : {};
  }

  issue(grant: Grant): string {
    const code = randomBytes(32).toString('base64url');
    const now = this.#clock.now();
    const living = Object.entries(this.#codes).filter(([, kept]) => kept.expires > now);
    this.#codes = Object.fromEntries([...living.slice(1 - MOST_CODES), [hashOf(code), { ...grant, expires: now + LIFETIME_MS }]]);
    this.#save();
    return code;
  }

  /** The grant of a code, which is spent by this, whatever the rest of the token request is worth. */
  redeem(code: string): Grant | undefined {
    const hash = hashOf(code);
    const kept = Object.hasOwn(this.#codes, hash) ? this.#codes[hash] : undefined;
    if (!kept) return undefined;
    delete this.#codes[hash];
    this.#save();
    return kept.expires > this.#clock.now() ? kept : undefined;
  }

  #save(): void {
    writeFileDurably(this.#file, JSON.stringify(this.#codes));
  }
}

function hashOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}
