/**
 * Which key signs, and how a new one begins. The head row names the sizes at which keys begin, and moves only for sealers that know them; the new key
 * begins a whole batch ahead, so that what another sealer signs at this moment still belongs to the old one.
 */
import { checkNote, type Note, noteOf, parseNote } from '../../core/audit/checkpoint.ts';
import { LINES_PER_BATCH, manifestName, README, readme } from '../../core/audit/layout.ts';
import { manifestBody } from '../../core/audit/log-keys.ts';
import type { AuditVault } from './audit-vault.ts';
import type { CheckpointSigner } from './checkpoint-signer.ts';
import type { LogHead, LogState } from './log-head.ts';
import { SealerHalted } from './sealer-halted.ts';

interface KeyParts {
  log: LogState;
  vault: AuditVault;
  signers: readonly CheckpointSigner[];
}

/** The signer of a checkpoint of this size. */
export function signerFor(signers: readonly CheckpointSigner[], keyStarts: readonly number[], size: number): CheckpointSigner {
  const signer =
    signers[
      Math.max(
        0,
        keyStarts.findLastIndex((start) => start < size),
      )
    ];
  if (!signer) throw new SealerHalted('KEY_MISMATCH', `the log has ${keyStarts.length} keys, and this sealer was given ${signers.length}`);
  return signer;
}

/** Declares the keys in the log before they sign. `changed`: the head is another one now. */
export async function declareKeys(head: LogHead | undefined, parts: KeyParts): Promise<'declared' | 'changed'> {
  const { log, vault, signers } = parts;
  if (!head) {
    await declareFirst(vault, signers[0]!);
    return 'declared';
  }
  const { keyStarts, tree } = head;
  const newest = keyStarts.at(-1)!;
  // Until the newest key signs its manifest may be missing: its sealer may have crashed.
  if (keyStarts.length > 1 && tree.size <= newest) await declareNext(parts, keyStarts);
  if (signers.length <= keyStarts.length) return 'declared';
  await log.addKey(head, Math.max(tree.size, newest) + LINES_PER_BATCH);
  return 'changed';
}

async function declareFirst(vault: AuditVault, signer: CheckpointSigner): Promise<void> {
  const manifest = Buffer.from(manifestBody(vault.origin, { key: await signer.publicKey(), fromSize: 0 }));
  if (!(await vault.create(manifestName(1), manifest)) && !(await vault.read(manifestName(1)))?.equals(manifest)) {
    throw new SealerHalted('KEY_MISMATCH', 'the log was begun with another key');
  }
  await vault.create(README, Buffer.from(readme(vault.origin)));
}

async function declareNext({ vault, signers }: KeyParts, keyStarts: readonly number[]): Promise<void> {
  const number = keyStarts.length;
  const before = signers[number - 2];
  const next = signers[number - 1];
  if (!before || !next) throw new SealerHalted('KEY_MISMATCH', `the log has ${number} keys, and this sealer was given ${signers.length}`);
  const body = manifestBody(vault.origin, { key: await next.publicKey(), fromSize: keyStarts.at(-1)! });
  const key = await before.publicKey();
  const manifest = noteOf(body, vault.origin, key, await before.signText(body));
  if (await vault.create(manifestName(number), Buffer.from(manifest))) return;
  const stored = readNote((await vault.read(manifestName(number))) ?? Buffer.alloc(0));
  if (stored?.body !== body || checkNote(stored, vault.origin, key) !== 'valid') {
    throw new SealerHalted('KEY_MISMATCH', `${manifestName(number)} declares another key than this sealer was given`);
  }
}

function readNote(bytes: Buffer): Note | undefined {
  try {
    return parseNote(bytes);
  } catch {
    return undefined;
  }
}
