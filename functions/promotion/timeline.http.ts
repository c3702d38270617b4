/** `GET …/timeline`: every event of a request, oldest first. */
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { promotions } from '../kit/state.ts';
import { findOfCall } from './find-request.ts';
import { renderEntry } from './render-request.ts';

export const requestTimeline: TwoPhaseHandler<Promotion> = {
  find: findOfCall,
  async handle(_call, { id }) {
    const history = await promotions.history(id);
    return { status: 200, body: { id, items: history.map((entry) => ({ seq: entry.seq, ...renderEntry(entry) })) } };
  },
};
