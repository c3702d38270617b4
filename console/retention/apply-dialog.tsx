/** Carrying a plan out: what goes cannot be brought back, so it is typed. */
import { useState } from 'preact/hooks';
import { ask } from '../kit/client.ts';
import { ActionDialog } from '../kit/dialog.tsx';
import { TextField } from '../kit/field.tsx';
import { refreshAll } from '../kit/live.ts';
import { counted, sizeOf } from '../kit/size-words.ts';
import { Digest, Foreign } from '../kit/text.tsx';
import { say } from '../kit/toast.tsx';
import { confirmationOfPlan, headlineOf, type RetentionPlan } from './plan-words.ts';

/** Versions that the dialog names itself. */
const NAMED = 6;

export function ApplyDialog({ plan, onClose }: { plan: RetentionPlan; onClose(): void }) {
  const [typed, setTyped] = useState('');
  const expected = confirmationOfPlan(plan);
  const act = async () => {
    const answer = await ask('applyRetention', { body: { planId: plan.planId } });
    refreshAll();
    say('totals' in answer ? headlineOf(answer) : 'deleting goes on: this page shows how far it is');
  };
  const { totals } = plan;
  const names = plan.delete.slice(0, NAMED).map(({ artifact, version, digest }) => `${artifact} ${version ?? digest.slice(0, 19)}`);
  return (
    <ActionDialog
      title="Apply this plan"
      verb={`Delete ${counted(totals.delete, 'version')}`}
      danger
      onClose={onClose}
      act={act}
      unready={typed.trim() === expected ? undefined : `Type ${expected} to show that you have read what goes.`}
    >
      <div class="stack tight">
        <p>
          <Foreign text={names.join(', ')} />
          {totals.delete > names.length && ` and ${totals.delete - names.length} more`}
          {` · ${sizeOf(totals.bytesFreed)}`}
        </p>
        <p>
          <Digest digest={plan.planHash} />
        </p>
        <p class="soft">What is deleted cannot be brought back. If one of them must stay by now, nothing is deleted and you are told.</p>
      </div>
      <TextField
        label={`Type ${expected}`}
        value={typed}
        onInput={setTyped}
        hint="The word, and the last six characters of the plan above."
      />
    </ActionDialog>
  );
}
