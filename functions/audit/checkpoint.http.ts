/** `GET /v1/audit/checkpoint`: the newest signed state of the log, for whoever keeps anchors. */
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { EMPTY_TREE, rootOf } from '../../core/audit/merkle.ts';
import type { HttpAnswer } from '../kit/http.ts';
import { signedHead, vault } from './audit-world.ts';

export async function auditCheckpoint(): Promise<HttpAnswer> {
  const head = await signedHead();
  if (!head) {
    const root = rootOf(EMPTY_TREE).toString('base64');
    return { status: 200, body: { origin: vault.origin, size: 0, root, checkpoint: null } };
  }
  const { origin, size, root } = parseCheckpoint(Buffer.from(head.checkpoint));
  return { status: 200, body: { origin, size, root: root.toString('base64'), checkpoint: head.checkpoint } };
}
