import type { State } from '../../core/promotion/phase.ts';
import { Badge } from '../kit/text.tsx';
import { detailOf, STATE_WORDS } from './state-words.ts';

/** State of a request, with what it waits for or does now. */
export function StateBadge({
  state,
  ...progress
}: {
  state: State;
  phase: string;
  waitingOn?: string | undefined;
  step?: string | undefined;
}) {
  const { label, tone } = STATE_WORDS[state];
  const detail = detailOf(progress);
  return (
    <span class="row tight">
      <Badge tone={tone} text={label} moving={state === 'deploying'} />
      {detail !== undefined && <span class="small soft">{detail}</span>}
    </span>
  );
}
