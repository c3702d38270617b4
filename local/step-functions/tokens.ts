/** Task tokens: unguessable, recognizable for ever, usable once. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileDurably } from '../durable-file.ts';
import type { Branch, Execution } from './execution.ts';

/** A task that waits for its token. */
export interface PendingTask {
  execution: Execution;
  branch: Branch;
}

/** 16 bytes name the execution, 24 are random (192 bits), 24 authenticate both. */
const ID = 16;
const RANDOM = 24;
const MAC = 24;

/**
 * A token carries a MAC, so that a used one can be told from an invented one without storing it: AWS answers TaskTimedOut for the first and
 * InvalidToken for the second. Tokens come from callers and are attacker-controlled.
 */
export class Tokens {
  readonly #key: Buffer;
  readonly #pending = new Map<string, PendingTask>();

  constructor(folder: string) {
    const file = join(folder, 'token.key');
    createFileDurably(file, randomBytes(32));
    this.#key = readFileSync(file);
  }

  /** Makes a token for a task of the execution with this id. */
  issue(executionId: string): string {
    const body = Buffer.concat([Buffer.from(executionId, 'hex'), randomBytes(RANDOM)]);
    return Buffer.concat([body, this.#mac(body)]).toString('base64url');
  }

  /** Id of the execution that the token was made for; undefined when this engine did not make it. */
  executionId(token: string): string | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== ID + RANDOM + MAC || bytes.toString('base64url') !== token) return undefined;
    const body = bytes.subarray(0, ID + RANDOM);
    return timingSafeEqual(bytes.subarray(ID + RANDOM), this.#mac(body)) ? body.subarray(0, ID).toString('hex') : undefined;
  }

  register(token: string, task: PendingTask): void {
    this.#pending.set(token, task);
  }

  pending(token: string): PendingTask | undefined {
    return this.#pending.get(token);
  }

  /** From now on the token counts as used. */
  retire(token: string): void {
    this.#pending.delete(token);
  }

  /** Retires the tokens of an execution that has ended. */
  retireAll(execution: Execution): void {
    for (const branch of execution.branches.values()) {
      if (branch.at.phase?.kind === 'task' && branch.at.phase.token) this.retire(branch.at.phase.token);
    }
  }

  #mac(body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, MAC);
  }
}
