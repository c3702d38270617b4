/**
 * What the person may do with the request: exactly what the API lists as allowed. What is refused stands there with the API's own reason, as long as it
 * is the decision that is asked for.
 */
import { useState } from 'preact/hooks';
import { useKeys } from '../kit/keys.ts';
import { Foreign, sentence } from '../kit/text.tsx';
import { ACTION_WORDS, RequestDialog } from './request-dialogs.tsx';
import type { PromotionRequest } from './request-page.tsx';

type Action = PromotionRequest['status']['allowedActions'][number];

/** Decisions are shown even when they are refused: people ask why. */
const DECISIONS: readonly Action[] = ['approve', 'reject'];
/** In which order they stand; editing happens where requests are written. */
const ORDER: readonly Action[] = ['approve', 'reject', 'execute', 'retry', 'withdraw', 'abort', 'break-glass', 'skip-canary', 'cancel'];

export function RequestActions({ request }: { request: PromotionRequest }) {
  const { allowedActions, refusedActions, state } = request.status;
  const [open, setOpen] = useState<Action>();
  const isAllowed = (action: Action) => allowedActions.includes(action);
  useKeys({
    a: isAllowed('approve') ? () => setOpen('approve') : undefined,
    x: isAllowed('reject') ? () => setOpen('reject') : undefined,
  });
  const isUndecided = state === 'pending';
  const shown = ORDER.filter((action) => isAllowed(action) || (isUndecided && DECISIONS.includes(action)));
  const why = isUndecided && !isAllowed('approve') ? refusedActions.find(({ action }) => action === 'approve') : undefined;
  // A dialog stays when somebody else was quicker: it says why, and keeps what was typed.
  if (shown.length === 0 && open === undefined) return null;
  return (
    <div class="stack tight end">
      <div class="row actions">
        {shown.map((action) => (
          <button
            key={action}
            type="button"
            class={`button ${action === 'approve' || action === 'execute' ? 'primary' : ''} ${ACTION_WORDS[action].danger ? 'danger' : ''}`}
            aria-disabled={!isAllowed(action)}
            aria-describedby={isAllowed(action) ? undefined : 'why-not'}
            onClick={() => isAllowed(action) && setOpen(action)}
          >
            {ACTION_WORDS[action].verb}
          </button>
        ))}
      </div>
      {why && (
        <p class="small soft" id="why-not">
          You cannot approve: <Foreign text={sentence(why.reason)} />
        </p>
      )}
      {open !== undefined && <RequestDialog action={open} request={request} onClose={() => setOpen(undefined)} />}
    </div>
  );
}
