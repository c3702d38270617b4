/** `GET /v1/audit/checkpoint`: the newest signed state of the log, for whoever keeps anchors. */
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { Refusal } from '../../core/errors.ts';
import type { HttpAnswer } from '../kit/http.ts';
import { signedHead } from './audit-world.ts';

export async function auditCheckpoint(): Promise<HttpAnswer> {
  const head = await signedHead();
  if (!head) throw new Refusal('NOT_FOUND', 'nothing has been sealed yet', { hint: 'the sealer runs every minute' });
  const { origin, size, root } = parseCheckpoint(Buffer.from(head.checkpoint));
  return { status: 200, body: { origin, size, root: root.toString('base64'), checkpoint: head.checkpoint } };
}
