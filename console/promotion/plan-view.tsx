/** A plan before anything happens: the move, what is missing at the target, gates, who has to approve. */

import { WarningList } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { Digest, Foreign } from '../kit/text.tsx';
import { GateList } from './gates-card.tsx';
import { stepWords } from './state-words.ts';

type Plan = Answered<'preview'>;
type Approvals = Plan['approvals'];

export function PlanView({ plan }: { plan: Plan }) {
  const { artifact, from, to, current, gates, approvals, steps, copy, warnings, planHash, diff } = plan;
  return (
    <section class="card stack" aria-label="Preview">
      <h2>Preview</h2>
      <dl class="facts">
        <dt>Move</dt>
        <dd>
          <Foreign text={`${artifact.name} ${artifact.version}`} />, {from} → {to}
        </dd>
        <dt>Replaces</dt>
        <dd>{current ? <Foreign text={current.version} /> : 'nothing'}</dd>
        <dt>Digest</dt>
        <dd>
          <Digest digest={artifact.digest} />
        </dd>
        {copy && (
          <>
            <dt>Copy</dt>
            <dd>{copy.missingBlobs === 0 ? 'everything is there already' : `${copy.missingBlobs} of ${copy.blobs} blobs are missing`}</dd>
          </>
        )}
        <dt>Tags</dt>
        <dd class="mono">{diff.tags.join(', ')}</dd>
        <dt>Steps</dt>
        <dd>{steps.map(stepWords).join(', ')}</dd>
        <dt>Plan</dt>
        <dd>
          <Digest digest={planHash} short />
        </dd>
      </dl>
      <WarningList warnings={warnings} />
      {gates.length > 0 && <GateList gates={gates} />}
      <WhoApproves approvals={approvals} />
    </section>
  );
}

export function WhoApproves({ approvals: { required, stages } }: { approvals: Approvals }) {
  if (!required) return <p class="soft">Nobody has to approve it.</p>;
  return (
    <div>
      <h3>Has to be approved by</h3>
      <ul>
        {stages.flatMap(({ name, rules }) =>
          rules.map(({ team, min, eligible }) => (
            <li key={name + team}>
              {min} of <Foreign text={team} />{' '}
              <span class="small soft">
                <Foreign text={eligible.length > 0 ? eligible.join(', ') : 'nobody can at present'} />
              </span>
            </li>
          )),
        )}
      </ul>
    </div>
  );
}
