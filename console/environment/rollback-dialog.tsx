/** The way back: first what it would do and whom it touches, then why, and where it is dangerous a typed confirmation. */
import { useEffect, useState } from 'preact/hooks';
import { LEAST, visibleLength } from '../../core/promotion/visible-length.ts';
import { ask, Problem } from '../kit/client.ts';
import { ActionDialog, Dialog } from '../kit/dialog.tsx';
import { TextField } from '../kit/field.tsx';
import { refreshAll } from '../kit/live.ts';
import { Loading, ProblemNote } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { goTo, pathOfRequest } from '../kit/router.tsx';
import { Badge, Foreign, sentence } from '../kit/text.tsx';
import { lengthOf } from '../kit/time-words.ts';
import { say } from '../kit/toast.tsx';
import type { Tone } from '../kit/tone.ts';
import { WhoApproves } from '../promotion/plan-view.tsx';

type RollbackPlan = Answered<'previewRollback'>;

const RISKS: Readonly<Record<RollbackPlan['impact']['risk']['level'], Tone>> = { LOW: 'good', MEDIUM: 'warn', HIGH: 'bad' };

interface RollbackDialogProps {
  environment: string;
  artifact: string;
  to: string;
  onClose(): void;
}

export function RollbackDialog({ environment, artifact, to, onClose }: RollbackDialogProps) {
  const [plan, setPlan] = useState<RollbackPlan>();
  const [problem, setProblem] = useState<Problem>();
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const params = { env: environment };
  // Once for each target.
  useEffect(() => {
    ask('previewRollback', { params, body: { artifact, to } }).then(setPlan, (error: unknown) => {
      setProblem(error instanceof Problem ? error : new Problem(0, {}));
    });
  }, [environment, artifact, to]);
  const title = `Back to ${to} in ${environment}`;
  if (!plan) {
    return (
      <Dialog title={title} onClose={onClose}>
        {problem ? <ProblemNote problem={problem} /> : <Loading what="what it would do" />}
      </Dialog>
    );
  }
  const { confirm } = plan;
  const act = async () => {
    const body = { artifact, to, from: plan.current.version, reason, ...(confirm === null ? {} : { confirm: typed.trim() }) };
    const request = await ask('createRollback', { params, body });
    refreshAll();
    say(`${request.metadata.id}: rollback requested`);
    goTo(pathOfRequest(environment, request.metadata.id));
  };
  const missing = LEAST.reason - visibleLength(reason);
  const unready =
    missing > 0
      ? `Say why: ${missing} more ${missing === 1 ? 'character' : 'characters'}.`
      : confirm !== null && typed.trim() !== confirm
        ? `Type ${confirm}: the risk is high.`
        : undefined;
  return (
    <ActionDialog title={title} verb="Request the rollback" danger onClose={onClose} act={act} unready={unready}>
      <Impact plan={plan} />
      <TextField label="Reason" lines={3} value={reason} onInput={setReason} hint={`At least ${LEAST.reason} characters.`} />
      {confirm !== null && <TextField label={`Type ${confirm}`} value={typed} onInput={setTyped} />}
    </ActionDialog>
  );
}

function Impact({ plan: { impact, current, target, approvals, warnings } }: { plan: RollbackPlan }) {
  const { risk, recommendation, downtime, workloads, products, data } = impact;
  return (
    <div class="stack tight">
      <p class="row">
        <span>
          <Foreign text={current.version} /> →{' '}
          <strong>
            <Foreign text={target.version} />
          </strong>
        </span>
        <Badge tone={RISKS[risk.level]} text={`${risk.level.toLowerCase()} risk`} />
        <strong>{recommendation.verdict === 'SAFE TO ROLLBACK' ? 'Safe to roll back' : 'Not safe without a plan'}</strong>
      </p>
      <ul class="bullets">
        {[...risk.reasons, ...recommendation.prerequisites, ...data.notes, ...warnings].map((text) => (
          <li key={text}>
            <Foreign text={sentence(text)} />
          </li>
        ))}
      </ul>
      <p class="small soft">
        {products.length} products, {workloads.total} workloads ({workloads.stateful} stateful)
        {downtime && ` · ${lengthOf(downtime.fromSeconds)} to ${lengthOf(downtime.toSeconds)} of downtime`}
        {data.migrations.length > 0 && ` · ${data.migrations.length} migrations`}
      </p>
      <WhoApproves approvals={approvals} />
    </div>
  );
}
