/** Changes that the engine itself makes, in one shape. */
import { ENGINE } from '../access/identity.ts';
import type { EventDraft, EventType, PromotionChange } from './change.ts';
import type { Promotion } from './promotion.ts';

export interface EngineEvent {
  type: EventType;
  /** Word in `status.history`. */
  action: string;
  data?: EventDraft['data'];
  error?: string;
  jobId?: string;
}

/** A change by the engine: who did it is the system, what it means is in `event`. */
export function engineChange(
  before: Promotion,
  after: Promotion,
  event: EngineEvent,
  rest: Omit<PromotionChange, 'before' | 'after' | 'event'> = {},
): PromotionChange {
  return {
    before,
    after,
    event: {
      type: event.type,
      actor: ENGINE,
      auth: 'engine',
      channel: 'engine',
      data: { phase: after.phase, ...event.data },
      history: {
        action: event.action,
        ...(event.error === undefined ? {} : { error: event.error }),
        ...(event.jobId === undefined ? {} : { jobId: event.jobId }),
      },
    },
    ...rest,
  };
}
