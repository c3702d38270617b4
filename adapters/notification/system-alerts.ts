/** Alerts that belong to no request: one audit event and one notice in one transaction. */
import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import { ENGINE } from '../../core/access/identity.ts';
import type { EventType, NoticeDraft } from '../../core/promotion/change.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { NOTICE } from '../state/keys.ts';
import type { Table, Write } from '../state/table.ts';

/** How pseudo requests begin: `deliver` knows by it that no request is behind the notice. */
export const SYSTEM_PREFIX = 'sys:';
const ALERT_PREFIX = `${SYSTEM_PREFIX}alert:` as const;

/** `event` goes into the locked log (no personal data there); the notice may say more to the people who get it. */
export async function raiseAlert(
  table: Table,
  at: Date,
  event: { type: EventType; data: NoticeDraft['data'] },
  notice: NoticeDraft,
): Promise<void> {
  const rid = `${ALERT_PREFIX}${randomBytes(8).toString('hex')}` as const;
  const { write } = outboxWrite({
    rid,
    seq: 1,
    prev: '',
    tenant: '',
    at,
    event: { ...event, actor: ENGINE, auth: 'engine', channel: 'engine' },
  });
  await table.transact([write, systemNotice(rid, notice, at)]);
}

/**
 * The write of a notice that belongs to no request, for the transaction of what it tells of. `subject` begins with `sys:`. Of the facts, `reason` is the
 * sentence of the subject line; `tenant`, `environment` and `artifact` say where, so that routes, mutes and subscriptions fit.
 */
export function systemNotice(subject: `sys:${string}`, notice: NoticeDraft, at: Date): Extract<Write, { put: unknown }> {
  const body = { ...notice, requestId: subject, seq: 1, attempt: 1, planHash: '' };
  return { put: { PK: NOTICE, SK: ulid(at.getTime()), at: at.toISOString(), body } };
}
