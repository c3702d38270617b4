/** Holding an artifact in an environment, and letting it go: with a reason, which everybody who waits then reads. */
import { useState } from 'preact/hooks';
import { ask } from '../kit/client.ts';
import { ActionDialog } from '../kit/dialog.tsx';
import { TextField } from '../kit/field.tsx';
import { refreshAll } from '../kit/live.ts';
import { Foreign } from '../kit/text.tsx';
import { say } from '../kit/toast.tsx';

interface LockDialogProps {
  environment: string;
  artifact: string;
  isLocked: boolean;
  onClose(): void;
}

export function LockDialog({ environment, artifact, isLocked, onClose }: LockDialogProps) {
  const [reason, setReason] = useState('');
  const verb = isLocked ? 'Unlock' : 'Lock';
  const act = async () => {
    await ask(isLocked ? 'unlockEnvironment' : 'lockEnvironment', { params: { env: environment }, body: { artifact, reason } });
    refreshAll();
    say(`${artifact} in ${environment}: ${isLocked ? 'unlocked' : 'locked'}`);
  };
  return (
    <ActionDialog
      title={`${verb} ${artifact} in ${environment}`}
      verb={verb}
      danger={!isLocked}
      onClose={onClose}
      act={act}
      unready={reason.trim() === '' ? 'Say why.' : undefined}
    >
      <p class="soft">
        {isLocked
          ? 'What waited for the lock goes on.'
          : 'Nothing begins or goes on here until it is unlocked. The way back of what fails is not held.'}
      </p>
      <TextField label="Reason" lines={3} value={reason} onInput={setReason} hint="Whoever waits reads it." />
    </ActionDialog>
  );
}

/** Why nothing moves here, and who said so. */
export function LockNote({ reason, by }: { reason: string; by: string }) {
  return (
    <p class="note warn">
      Locked by <Foreign text={by} />: <Foreign text={reason} />
    </p>
  );
}
