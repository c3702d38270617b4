/** Setting and lifting locks: the row and its audit event in one transaction. */
import { type EnvironmentLock, EVERY, type LockSubject, lockedPlace, lockedRefusal } from '../../core/environment/lock.ts';
import { Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { type Clock, changing } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { lockKey, lockSort } from '../state/keys.ts';
import { type Table, unchanged } from '../state/table.ts';
import { heldIn } from './lock-rows.ts';

export interface LockWrites {
  /** Refusal ENV_LOCKED when it is locked already. */
  lock(subject: LockSubject, reason: string, acting: Acting): Promise<EnvironmentLock>;
  /** Answers the lock that it ends. Refusal STATE_CONFLICT when there is none. */
  unlock(subject: LockSubject, reason: string, acting: Acting): Promise<EnvironmentLock>;
}

export function lockWrites(table: Table, clock: Clock): LockWrites {
  const change = (
    subject: LockSubject,
    act: (held: EnvironmentLock | undefined) => EnvironmentLock | undefined,
    reason: string,
    acting: Acting,
  ) => {
    const key = { pk: lockKey(subject.environment), sk: lockSort(subject.tenant, subject.artifact) };
    return changing(
      () => table.get(key.pk, key.sk),
      async (row) => {
        const held = heldIn(row);
        const next = act(held);
        const seq = Number(row?.['seq'] ?? 0) + 1;
        const event = outboxWrite({
          rid: `sys:lock:${subject.environment}:${subject.tenant}:${subject.artifact}`,
          seq,
          prev: (row?.['lastLine'] as string | undefined) ?? '',
          tenant: subject.tenant,
          at: clock.now(),
          about: { to: subject.environment, ...(subject.artifact === EVERY ? {} : { artifact: subject.artifact }) },
          event: {
            type: next ? 'environment.locked' : 'environment.unlocked',
            ...acting,
            data: { environment: subject.environment, artifact: subject.artifact, reasonSha256: sha256Hex(reason) },
          },
        });
        await table.transact([
          {
            put: { PK: key.pk, SK: key.sk, seq, lastLine: event.lastLine, ...(next ? { body: next } : {}) },
            condition: unchanged(row),
          },
          event.write,
        ]);
        return held;
      },
    );
  };
  return {
    async lock(subject, reason, acting) {
      const lock: EnvironmentLock = { ...subject, reason, by: acting.actor, at: clock.now().toISOString() };
      const refuse = (held: EnvironmentLock | undefined) => {
        if (held) throw lockedRefusal(held, 'it need not be locked again');
        return lock;
      };
      await change(subject, refuse, reason, acting);
      return lock;
    },
    async unlock(subject, reason, acting) {
      const refuse = (held: EnvironmentLock | undefined) => {
        if (held) return undefined;
        throw new Refusal('STATE_CONFLICT', `${lockedPlace(subject)} is not locked`, {
          hint: 'what is locked, and as what, stands in GET /v1/environments/{env}',
        });
      };
      return (await change(subject, refuse, reason, acting))!;
    },
  };
}
