/** One request: what exactly will change, what it waits for and on whom, and what the person who looks may do about it. */

import { ApprovalsCard } from '../approval/approvals-card.tsx';
import { PACE, useLive } from '../kit/live.ts';
import { Shown } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { Link, pathTo } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { Copy, Digest, Foreign, sentence, When } from '../kit/text.tsx';
import { ChangeCard } from './change-card.tsx';
import { ExplainCard } from './explain-card.tsx';
import { GatesCard } from './gates-card.tsx';
import { RequestActions } from './request-actions.tsx';
import { RolloutCard } from './rollout-card.tsx';
import { StateBadge } from './state-badge.tsx';
import { isOver } from './state-words.ts';
import { TextsCard } from './texts-card.tsx';
import { Timeline } from './timeline.tsx';

export type PromotionRequest = Answered<'getRequest'>;

const MOVING: ReadonlySet<string> = new Set(['requested', 'validating', 'approved', 'promoting', 'rolling_back']);

export function paceOf(request: PromotionRequest | undefined): number {
  if (!request) return PACE.usual;
  if (isOver(request.status.state)) return PACE.slow;
  return MOVING.has(request.status.phase) ? PACE.moving : PACE.usual;
}

export function RequestPage({ environment, id }: { environment: string; id: string }) {
  const live = useLive('getRequest', { params: { env: environment, id } }, paceOf);
  const { data } = live;
  const isOpen = data !== undefined && !isOver(data.status.state);
  return (
    <>
      <Head
        title={data ? `${data.spec.target.name} ${data.spec.target.version} to ${environment}` : id}
        heading={data && <Foreign text={`${data.spec.target.name} ${data.spec.target.version}`} />}
        kicker={
          <>
            <Link to={pathTo(['requests'], { environment })}>Requests</Link> /{' '}
            <span class="mono">
              <Foreign text={id} />
            </span>
          </>
        }
        below={data && <Below request={data} />}
      >
        {data && <RequestActions request={data} />}
      </Head>
      <Shown live={live} what="the request">
        {(request) => (
          <div class="cols">
            <div class="stack">
              <Outcome request={request} />
              <ChangeCard request={request} />
              <RolloutCard request={request} />
              <GatesCard request={request} />
              <TextsCard request={request} />
            </div>
            <div class="stack">
              {isOpen && <ExplainCard environment={environment} id={id} version={request.metadata.version} />}
              <ApprovalsCard request={request} />
              <Timeline request={request} />
              <Proof request={request} />
            </div>
          </div>
        )}
      </Shown>
    </>
  );
}

const KIND_WORDS = { rollback: 'Rollback', repair: 'Repair' } as const;

function Below({ request: { metadata, spec, status } }: { request: PromotionRequest }) {
  return (
    <div class="stack tight below">
      <div class="row">
        <StateBadge state={status.state} phase={status.phase} waitingOn={status.waitingOn} step={status.step} />
        <span>
          {spec.kind !== undefined && `${KIND_WORDS[spec.kind]} · `}
          {spec.target.sourceEnvironment} → <strong>{spec.target.targetEnvironment}</strong>
        </span>
      </div>
      <p class="small soft">
        Requested by <Foreign text={metadata.createdBy} />
        {metadata.onBehalfOf !== undefined && (
          <>
            {' '}
            for <Foreign text={metadata.onBehalfOf} />
          </>
        )}
        , <When at={metadata.createdAt} full /> · <Foreign text={metadata.tenant} />
        {status.attempt > 1 && ` · attempt ${status.attempt}`}
      </p>
    </div>
  );
}

/** How it ended, and why. */
function Outcome({ request: { metadata, spec, status } }: { request: PromotionRequest }) {
  const { failure, rejectedBy, rejectionReason, rejectedAt } = status;
  if (failure) {
    return (
      <div class="note bad stack tight">
        <p>
          <strong>
            <Foreign text={sentence(failure.message)} />
          </strong>
        </p>
        <p class="small soft">
          {failure.code}
          {failure.step !== undefined && ` in the step ${failure.step}`}
          {status.phase === 'rolled_back' && ' · what ran before runs again'}
        </p>
      </div>
    );
  }
  if (rejectedBy === undefined) return null;
  return (
    <div class="note bad stack tight">
      <p>
        <strong>
          Rejected by <Foreign text={rejectedBy} />
        </strong>
        {rejectedAt !== undefined && (
          <>
            {' '}
            <When at={rejectedAt} />
          </>
        )}
      </p>
      {rejectionReason !== undefined && (
        <p class="pre">
          <Foreign text={rejectionReason} />
        </p>
      )}
      <p class="small">
        <Link to={againOf(metadata.id, spec)}>Request it again</Link> once the reason is dealt with.
      </p>
    </div>
  );
}

/** Where the same can be asked for anew: a way back begins at what runs. */
function againOf(id: string, { kind, target }: PromotionRequest['spec']): string {
  const { name, targetEnvironment } = target;
  if (kind !== undefined) return pathTo(['environments', targetEnvironment], { artifact: name });
  return pathTo(['new'], { environment: targetEnvironment, like: id });
}

function Proof({ request: { metadata, spec, status } }: { request: PromotionRequest }) {
  return (
    <section class="card">
      <h2>Proof</h2>
      <dl class="facts single">
        <dt>Plan that people approve</dt>
        <dd>
          <Digest digest={status.planHash} /> <Copy text={status.planHash} what="the plan hash" />
        </dd>
        <dt>Lifecycle</dt>
        <dd>{status.views.seed002.lifecycle_state}</dd>
        {status.state === 'deployed' && (
          <>
            <dt>Receipt</dt>
            <dd>
              <a href={`/v1/requests/${spec.target.targetEnvironment}/${metadata.id}/receipt`} download={`${metadata.id}.receipt.json`}>
                Download the signed receipt
              </a>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
