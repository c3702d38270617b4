/** Stages and their rules: who has decided, and who still can. */
import { Badge, Foreign } from '../kit/text.tsx';
import type { Tone } from '../kit/tone.ts';
import type { PromotionRequest } from '../promotion/request-page.tsx';

type Stage = PromotionRequest['status']['approvals']['stages'][number];

const STAGES: Readonly<Record<Stage['status'], { text: string; tone: Tone }>> = {
  pending: { text: 'Open', tone: 'warn' },
  waiting: { text: 'Not yet', tone: 'idle' },
  approved: { text: 'Approved', tone: 'good' },
  rejected: { text: 'Rejected', tone: 'bad' },
};

export function ApprovalsCard({ request: { status } }: { request: PromotionRequest }) {
  const { required, stages } = status.approvals;
  if (!required) {
    return (
      <section class="card">
        <h2>Approval</h2>
        <p class="soft">Nobody has to approve this.</p>
      </section>
    );
  }
  return (
    <section class="card">
      <h2>Approval</h2>
      <ul class="list">
        {stages.map((stage) => (
          <li key={stage.name}>
            <div class="row spread">
              <h3>
                <Foreign text={stage.name} />
              </h3>
              <Badge {...STAGES[stage.status]} />
            </div>
            <ul class="stack tight">
              {stage.rules.map((rule) => (
                <Rule key={rule.team} rule={rule} isOpen={stage.status === 'pending' || stage.status === 'waiting'} />
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rule({ rule: { team, min, given, eligible, onBehalfOf }, isOpen }: { rule: Stage['rules'][number]; isOpen: boolean }) {
  return (
    <li>
      <p>
        <Foreign text={team} />{' '}
        <span class="soft">
          {given.length} of {min}
        </span>
      </p>
      {given.map((person) => (
        <p key={person} class="small">
          <span class="good" aria-hidden="true">
            ✓
          </span>{' '}
          <Foreign text={person} />
          {onBehalfOf?.[person] !== undefined && (
            <>
              {' '}
              for <Foreign text={onBehalfOf[person]} />
            </>
          )}
        </p>
      ))}
      {isOpen && given.length < min && (
        <p class="small soft">
          {eligible.length > 0 ? <Foreign text={`can still decide: ${eligible.join(', ')}`} /> : 'nobody can decide this now'}
        </p>
      )}
    </li>
  );
}
