/** The public key of a log from the file that the user names. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { algorithmOf } from '../../core/audit/checkpoint.ts';

/** The command line names something that it cannot work with. */
export class WrongUse extends Error {}

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
