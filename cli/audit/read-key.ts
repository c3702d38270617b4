/** The public key that an auditor brings, and what the verbs of the log answer when they are used wrongly. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { algorithmOf } from '../../core/audit/checkpoint.ts';

/** Exit 2: nothing was found out about the log. */
export class WrongUse extends Error {}

/** Reads a PEM file. WrongUse when it holds no key of a log. */
export async function readKey(file: string): Promise<KeyObject> {
  const pem = await readFile(file, 'utf8').catch((error: Error) => {
    throw new WrongUse(`cannot read the key: ${error.message}`);
  });
  try {
    const key = createPublicKey(pem);
    algorithmOf(key);
    return key;
  } catch {
    throw new WrongUse(`${file} is no public key of an audit log: give the PEM file that was handed out for this deployment`);
  }
}

/** True when the place itself is not there. */
export function isMissing(error: unknown): boolean {
  const { code, name } = error as { code?: string; name?: string };
  return code === 'ENOENT' || code === 'ENOTDIR' || name === 'NoSuchBucket' || name === 'ResourceNotFoundException';
}
