/** What is asked before something is done to a request: a reason where one is needed, and for production what shows that a person has read. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { confirmationOf } from '../../core/approval/confirmation.ts';
import { LEAST, visibleLength } from '../../core/promotion/visible-length.ts';
import { ask } from '../kit/client.ts';
import { ActionDialog } from '../kit/dialog.tsx';
import { SelectField, TextField } from '../kit/field.tsx';
import { refreshAll } from '../kit/live.ts';
import { useMe } from '../kit/me.ts';
import { Digest, Foreign } from '../kit/text.tsx';
import { say } from '../kit/toast.tsx';
import type { PromotionRequest } from './request-page.tsx';

type Action = PromotionRequest['status']['allowedActions'][number];

interface Words {
  verb: string;
  done: string;
  danger?: true;
  /** What will happen. */
  about: string;
}

export const ACTION_WORDS: Readonly<Record<Action, Words>> = {
  'skip-canary': {
    verb: 'Skip the canary…',
    done: 'canary skipped',
    danger: true,
    about: 'The new version takes all traffic at once, in an emergency. Somebody reviews that afterwards.',
  },
  approve: { verb: 'Approve', done: 'approved', about: 'You approve exactly this plan. Whatever changes it takes your approval away.' },
  reject: { verb: 'Reject', done: 'rejected', danger: true, about: 'The request ends. Your reason goes to whoever asked.' },
  withdraw: { verb: 'Take my decision back', done: 'decision taken back', about: 'Your decision counts no longer; you can decide again.' },
  edit: { verb: 'Edit', done: 'changed', about: '' },
  cancel: { verb: 'Cancel request', done: 'cancelled', danger: true, about: 'The request ends; nothing was moved.' },
  abort: {
    verb: 'Abort rollout',
    done: 'abort asked for',
    danger: true,
    about: 'The rollout stops at once, and what ran before is restored.',
  },
  retry: { verb: 'Run gates again', done: 'gates run again', about: 'All gates run again for the same plan.' },
  execute: { verb: 'Execute now', done: 'execution begins', about: 'The promotion starts now.' },
  'break-glass': {
    verb: 'Waive a gate…',
    done: 'gate waived',
    danger: true,
    about: 'One failed gate passes for a day, in an emergency. Somebody reviews that afterwards.',
  },
};

interface DialogProps {
  action: Action;
  request: PromotionRequest;
  onClose(): void;
}

export function RequestDialog({ action, request: newest, onClose }: DialogProps) {
  const me = useMe();
  // As it stood when the dialog was opened, and was read: what it has become meanwhile is refused (PLAN_CHANGED), and not decided on unseen.
  const [request] = useState(newest);
  const [text, setText] = useState('');
  const [typed, setTyped] = useState('');
  const failed = request.status.gates.filter(({ status }) => status !== 'passed' && status !== 'waived');
  const [gate, setGate] = useState(failed[0]?.name ?? '');
  const { targetEnvironment } = request.spec.target;
  const isProduction = me?.environments.some(({ name, tier }) => name === targetEnvironment && tier === 'production') ?? true;
  const expected = confirmationOf(targetEnvironment, request.status.digest);
  const isTyped = isProduction && (action === 'approve' || action === 'execute');
  const least = { reject: LEAST.reason, 'break-glass': LEAST.justification, 'skip-canary': LEAST.justification }[action as string] ?? 0;
  const missing = least - visibleLength(text);
  const { verb, done, danger, about } = ACTION_WORDS[action];
  const act = async () => {
    const params = { env: targetEnvironment, id: request.metadata.id };
    const { planHash } = request.status;
    const comment = text.trim() === '' ? {} : { comment: text };
    if (action === 'approve') await ask('approveRequest', { params, body: { planHash, ...comment } });
    if (action === 'reject') await ask('rejectRequest', { params, body: { planHash, reason: text } });
    if (action === 'withdraw') await ask('withdrawDecision', { params });
    if (action === 'cancel') await ask('cancelRequest', { params });
    if (action === 'abort') await ask('abortRequest', { params });
    if (action === 'retry') await ask('retryRequest', { params });
    if (action === 'execute') await ask('executeRequest', { params });
    if (action === 'break-glass') await ask('breakGlass', { params, body: { gate, reason: text } });
    if (action === 'skip-canary') await ask('breakGlass', { params, body: { gate: 'skip_canary', reason: text } });
    say(`${request.metadata.id}: ${done}`);
    refreshAll();
  };
  const unready =
    missing > 0
      ? `Say why: ${missing} more ${missing === 1 ? 'character' : 'characters'}.`
      : isTyped && typed.trim() !== expected
        ? `Type ${expected} to show that you have read what will change.`
        : undefined;
  return (
    <ActionDialog
      title={verb.replace('…', '')}
      verb={verb.replace('…', '')}
      danger={danger ?? false}
      onClose={onClose}
      act={act}
      unready={unready}
    >
      <About request={request}>{about}</About>
      {action === 'break-glass' && (
        <SelectField label="Gate" value={gate} onInput={setGate} options={failed.map(({ name }) => [name, name] as const)} />
      )}
      {action === 'approve' && <TextField label="Comment" lines={3} value={text} onInput={setText} hint="If you want to say something." />}
      {least > 0 && (
        <TextField
          label="Reason"
          lines={4}
          value={text}
          onInput={setText}
          hint={`At least ${least} characters; it is kept with the decision.`}
        />
      )}
      {isTyped && (
        <TextField
          label={`Type ${expected}`}
          value={typed}
          onInput={setTyped}
          hint="The environment, and the last six characters of the digest above."
        />
      )}
    </ActionDialog>
  );
}

function About({ request: { metadata, spec, status }, children }: { request: PromotionRequest; children: ComponentChildren }) {
  return (
    <div class="stack tight">
      <p>
        <strong>
          <Foreign text={`${spec.target.name} ${spec.target.version}`} />
        </strong>{' '}
        → {spec.target.targetEnvironment} <span class="small soft mono">{metadata.id}</span>
      </p>
      <p>
        <Digest digest={status.digest} />
      </p>
      <p class="soft">{children}</p>
    </div>
  );
}
