/** A request in a list: a whole card to click, and one stop for the keyboard. */
import type { Answered } from '../kit/operations.ts';
import { Link, pathOfRequest } from '../kit/router.tsx';
import { Foreign, When } from '../kit/text.tsx';
import { StateBadge } from './state-badge.tsx';

type Summary = Answered<'listRequests'>['items'][number];

interface RequestCardProps {
  request: Summary;
  /** Why it is in this list. */
  reason?: string;
  dueAt?: string;
}

const KIND_WORDS = { rollback: 'Roll back', repair: 'Repair' } as const;

export function RequestCard({ request: { metadata, spec, status }, reason, dueAt }: RequestCardProps) {
  const { target, request } = spec;
  return (
    <li class="card request">
      <div class="row spread">
        <StateBadge state={status.state} phase={status.phase} waitingOn={status.waitingOn} step={status.step} />
        <span class="small soft mono">{metadata.id}</span>
      </div>
      <h2>
        <Link to={pathOfRequest(target.targetEnvironment, metadata.id)} class="whole" data-item>
          {spec.kind !== undefined && `${KIND_WORDS[spec.kind]} `}
          <Foreign text={`${target.name} ${target.version}`} />
        </Link>
      </h2>
      <p class="soft">
        {target.sourceEnvironment} → <strong>{target.targetEnvironment}</strong> · {request.impactAssessment} impact
        {request.priority !== undefined && request.priority !== 'normal' && ` · ${request.priority} priority`}
      </p>
      {reason !== undefined && (
        <p>
          <Foreign text={reason} />
        </p>
      )}
      <p class="small soft">
        <Foreign text={metadata.createdBy} /> · <Foreign text={metadata.tenant} /> · <When at={metadata.createdAt} />
        {dueAt !== undefined && (
          <>
            {' · decide '}
            <When at={dueAt} />
          </>
        )}
      </p>
    </li>
  );
}
