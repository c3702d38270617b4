/** What keeps a promotion from going on now although everybody has agreed: a lock or a window. The way back of what fails is never held. */
import type { PromotionKind } from '../promotion/promotion.ts';
import { type EnvironmentLock, lockedPlace } from './lock.ts';
import type { WindowState } from './window.ts';

export interface Hold {
  waitingOn: 'lock' | 'window';
  /** One sentence for people. */
  message: string;
  /** ISO, where it is known when it ends. */
  until?: string;
}

export interface HoldFacts {
  environment: string;
  kind: PromotionKind;
  lock: EnvironmentLock | undefined;
  /** Undefined where the environment has no windows. */
  window: WindowState | undefined;
}

/** A lock is named first: no time ends it. Windows are for promotions only: what is repaired or rolled back is needed now. */
export function holdOf({ environment, kind, lock, window }: HoldFacts): Hold | undefined {
  if (lock) return { waitingOn: 'lock', message: `${lockedPlace(lock)} is locked since ${lock.at} by ${lock.by.email}: ${lock.reason}` };
  if (kind !== 'promote' || window === undefined || window.open) return undefined;
  return {
    waitingOn: 'window',
    message: closedMessage(environment, window),
    ...(window.opens === undefined ? {} : { until: window.opens }),
  };
}

function closedMessage(environment: string, { closedBy, opens }: WindowState): string {
  const why = closedBy.length > 0 ? `closed by ${closedBy.join(', ')}` : 'outside of its windows';
  return `${environment} is ${why}; ${opens === undefined ? 'no window opens within a year' : `it opens ${opens}`}`;
}
