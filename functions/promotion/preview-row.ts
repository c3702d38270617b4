/** Stored previews: one row each, which the table's TTL removes. */
import { randomBytes } from 'node:crypto';
import { previewKey } from '../../adapters/state/keys.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import { clock, table } from '../kit/state.ts';

/** A preview stands for a day. */
const VALID_SECONDS = 24 * 3600;

export interface PreviewRow {
  planHash: string;
  requesterKey: string;
  /** ISO; always compared: TTL deletes late. */
  expiresAt: string;
}

export async function storePreview(plan: Plan, planHash: string): Promise<{ previewRef: string; expiresAt: string }> {
  const previewRef = `pv-${randomBytes(16).toString('hex')}`;
  const expires = new Date(clock.now().getTime() + VALID_SECONDS * 1000);
  const expiresAt = expires.toISOString();
  const ttl = Math.ceil(expires.getTime() / 1000);
  await table.put({ PK: previewKey(previewRef), SK: 'PREVIEW', ttl, body: { planHash, requesterKey: plan.requester, expiresAt } });
  return { previewRef, expiresAt };
}

/** `previewRef` is attacker-controlled; its grammar was checked by the schema. */
export async function readPreview(previewRef: string): Promise<PreviewRow | undefined> {
  const item = await table.get(previewKey(previewRef), 'PREVIEW');
  return item?.['body'] as PreviewRow | undefined;
}

/** When a preview that is not stored would expire. */
export function unstoredExpiry(): string {
  return new Date(clock.now().getTime() + VALID_SECONDS * 1000).toISOString();
}
