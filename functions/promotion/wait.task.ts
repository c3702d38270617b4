/** Keeps the token of a run that waits, and wakes it at once when what it waits for has happened already. */
import { isHeld } from '../../core/promotion/hold.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { lockOn } from '../environment/hold.ts';
import { environments, promotions, wakes } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';

/** Task `wait`: the token is stored first and the request read afterwards, so that no decision falls between the two. */
export async function wait(event: RunEvent & { kind: 'approval' | 'turn' | 'bake'; taskToken: string }): Promise<NextStep> {
  await wakes.keepToken(event.requestId, event.attempt, event.kind, event.taskToken);
  const promotion = await promotions.head(event.requestId);
  // An edit begins another attempt: the run of the old one has nothing to wait for, whatever phase the new one is in.
  const stillWaits = promotion?.attempt === event.attempt && (await waitsFor(event.kind, promotion));
  if (!stillWaits) await wakes.add({ kind: 'resume', requestId: event.requestId, attempt: event.attempt, wait: event.kind });
  return { next: 'begin' };
}

async function waitsFor(kind: 'approval' | 'turn' | 'bake', promotion: Promotion): Promise<boolean> {
  switch (kind) {
    case 'approval':
      return promotion.phase === 'pending_approval';
    case 'turn':
      return waitsForItsTurn(promotion);
    case 'bake':
      // A job may have ended before its run began to wait.
      return promotion.phase === 'promoting' && promotion.job?.status === undefined;
  }
}

async function waitsForItsTurn(promotion: Promotion): Promise<boolean> {
  if ((promotion.phase !== 'approved' && !isHeld(promotion)) || promotion.waitingOn === undefined) return false;
  if (promotion.waitingOn !== 'lock' || (await lockOn(promotion.to, promotion))) return true;
  if (isHeld(promotion)) return false;
  const environment = await environments.get(promotion.to, promotion.artifact);
  return environment?.holder !== undefined;
}
