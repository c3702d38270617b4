/** One plan: what it deletes, why everything else stays, what that saves, what became of it; and carrying it out. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { PACE, useLive } from '../kit/live.ts';
import { Shown, WarningList } from '../kit/notice.tsx';
import { Link, pathTo } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { counted, dollars, sizeOf } from '../kit/size-words.ts';
import { Badge, Copy, Digest, Foreign, sentence, When } from '../kit/text.tsx';
import { ApplyDialog } from './apply-dialog.tsx';
import { headlineOf, type RetentionPlan, reasonWords, savedBy, statusOf } from './plan-words.ts';

/** Rows of a table that are shown at once. */
const SHOWN = 50;

export function PlanPage({ id }: { id: string }) {
  const live = useLive('showRetentionPlan', { params: { planId: id } }, (plan) =>
    plan?.status === 'applying' ? PACE.moving : plan?.status === 'planned' ? PACE.usual : PACE.slow,
  );
  const plan = live.data;
  return (
    <>
      <Head
        title={plan ? headlineOf(plan) : id}
        kicker={
          <>
            <Link to={pathTo(['retention'])}>Retention</Link> /{' '}
            <span class="mono">
              <Foreign text={id} />
            </span>
          </>
        }
        below={
          plan && (
            <div class="row below">
              <Badge {...statusOf(plan)} />
              <span class="soft">
                {plan.artifact === null ? 'All artifacts' : <Foreign text={plan.artifact} />} · made <When at={plan.createdAt} full />
              </span>
            </div>
          )
        }
      >
        {plan && <PlanActions plan={plan} />}
      </Head>
      <Shown live={live} what="the plan">
        {(shown) => <PlanParts plan={shown} />}
      </Shown>
    </>
  );
}

function PlanActions({ plan }: { plan: RetentionPlan }) {
  const [isOpen, setOpen] = useState(false);
  const mayApply = plan.allowedActions.includes('apply');
  const why = plan.refusedActions.find(({ action }) => action === 'apply');
  if (!mayApply && !why) return null;
  return (
    <div class="stack tight end">
      <div class="row actions">
        <button
          type="button"
          class="button danger"
          aria-disabled={!mayApply}
          aria-describedby={why && 'why-not'}
          onClick={() => mayApply && setOpen(true)}
        >
          {plan.result ? 'Go on deleting' : 'Apply this plan'}
        </button>
      </div>
      {why && (
        <p class="small soft" id="why-not">
          {plan.status === 'planned' && why.code === 'STATE_CONFLICT' && !plan.stop ? (
            <>
              In its grace time: may be applied from <When at={plan.applyFrom} full />
            </>
          ) : (
            <Foreign text={sentence(why.reason)} />
          )}
        </p>
      )}
      {isOpen && <ApplyDialog plan={plan} onClose={() => setOpen(false)} />}
    </div>
  );
}

function PlanParts({ plan }: { plan: RetentionPlan }) {
  return (
    <div class="cols">
      <div class="stack">
        <Warnings plan={plan} />
        <Report plan={plan} />
        <ToDelete plan={plan} />
        <ToKeep plan={plan} />
      </div>
      <div class="stack">
        <Savings plan={plan} />
        <Times plan={plan} />
      </div>
    </div>
  );
}

function Warnings({ plan: { stop, warnings, unavailable } }: { plan: RetentionPlan }) {
  return (
    <>
      {stop && (
        <div class="note bad stack tight">
          <p>
            <strong>
              <Foreign text={sentence(stop.message)} />
            </strong>
          </p>
          <p class="small">Nothing of it is deleted. Look at the rules and at the clock before you raise the limit.</p>
        </div>
      )}
      {unavailable.map(({ artifact, why }) => (
        <p key={artifact} class="note bad">
          Everything of <Foreign text={artifact} /> stays: <Foreign text={sentence(why)} />
        </p>
      ))}
      <WarningList warnings={warnings} />
    </>
  );
}

/** Before and after; what was left out, and what could not be deleted yet. */
function Report({ plan: { result } }: { plan: RetentionPlan }) {
  if (!result) return null;
  const { before, after, left, failed, finishedAt } = result;
  return (
    <section class="card stack" aria-label="Report">
      <h2>What became of it</h2>
      <dl class="facts">
        <dt>Before</dt>
        <dd>
          {counted(before.artifacts, 'version')}, {sizeOf(before.bytes)}
        </dd>
        <dt>After</dt>
        <dd>
          <strong>
            {counted(after.artifacts, 'version')}, {sizeOf(after.bytes)}
          </strong>
        </dd>
        <dt>Finished</dt>
        <dd>{finishedAt === null ? 'not yet' : <When at={finishedAt} full />}</dd>
      </dl>
      <Named title="Left out, because something relies on it by now" items={left} />
      <Named title="Not deleted yet" items={failed} bad />
    </section>
  );
}

function Named({ title, items, bad = false }: { title: string; items: NonNullable<RetentionPlan['result']>['left']; bad?: boolean }) {
  if (items.length === 0) return null;
  return (
    <div class={`note ${bad ? 'bad' : 'warn'} stack tight`}>
      <h3>{title}</h3>
      <ul>
        {items.map(({ artifact, version, why }) => (
          <li key={artifact + version}>
            <Foreign text={`${artifact} ${version}`} />: <Foreign text={why} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function ToDelete({ plan }: { plan: RetentionPlan }) {
  const items = plan.delete;
  if (items.length === 0) return null;
  return (
    <Rows
      title={plan.result ? 'What it was to delete' : 'What would be deleted'}
      heads={['Version', 'Pushed', 'In', 'Size']}
      count={plan.totals.delete}
      rows={items.map(({ artifact, version, digest, manifests, registries, pushedAt, bytes }) => [
        <>
          <strong>
            <Foreign text={`${artifact} ${version ?? ''}`} />
          </strong>
          <br />
          <Digest digest={digest} short />{' '}
          <span class="small soft">{manifests > 1 && `with ${counted(manifests - 1, 'more manifest')}`}</span>
        </>,
        <When key="at" at={pushedAt} />,
        registries.join(', '),
        sizeOf(bytes),
      ])}
    />
  );
}

function ToKeep({ plan: { keep, totals } }: { plan: RetentionPlan }) {
  if (keep.length === 0) return null;
  return (
    <Rows
      title="What stays, and why"
      heads={['Artifact', 'Because it', 'Versions', 'Size']}
      count={keep.length}
      below={`${counted(totals.keep, 'version')} in all. The first reason that holds is the one that is named.`}
      rows={keep.map(({ artifact, reason, versions, count, bytes }) => [
        <strong key="name">
          <Foreign text={artifact} />
        </strong>,
        reasonWords(reason),
        <>
          <Foreign text={versions.join(', ')} />
          {count > versions.length && <span class="soft">{` and ${count - versions.length} more`}</span>}
        </>,
        sizeOf(bytes),
      ])}
    />
  );
}

interface RowsProps {
  title: string;
  heads: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
  /** As many as there are, were they all listed. */
  count: number;
  below?: string;
}

/** A table; a long one shows its beginning, and the rest when asked. */
function Rows({ title, heads, rows, count, below }: RowsProps) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? rows : rows.slice(0, SHOWN);
  return (
    <section class="card stack" aria-label={title}>
      <h2>{title}</h2>
      <div class="wide">
        <table class="folds">
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((cells, row) => (
              <tr key={row}>
                {cells.map((cell, column) => (
                  <td key={heads[column]} data-head={heads[column]}>
                    <div>{cell}</div>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < rows.length && (
        <div>
          <button type="button" class="button tiny" onClick={() => setWhole(true)}>
            {`Show all ${rows.length}`}
          </button>
        </div>
      )}
      {count > rows.length && <p class="small soft">{`Only the first ${rows.length} of ${count} are listed.`}</p>}
      {below !== undefined && <p class="small soft">{below}</p>}
    </section>
  );
}

function Savings({ plan }: { plan: RetentionPlan }) {
  const { totals, savings } = plan;
  return (
    <section class="card stack">
      <h2>Savings</h2>
      <dl class="facts">
        <dt>Versions</dt>
        <dd>{totals.artifacts.toLocaleString('en')}</dd>
        <dt>Go</dt>
        <dd>{totals.delete.toLocaleString('en')}</dd>
        <dt>Stay</dt>
        <dd>{totals.keep.toLocaleString('en')}</dd>
        <dt>Frees</dt>
        <dd>
          {sizeOf(totals.bytesFreed)} of {sizeOf(totals.bytes)}
        </dd>
        <dt>Saves</dt>
        <dd>{savedBy(plan)} a month</dd>
      </dl>
      <p class="small soft">{`At ${dollars(savings.pricePerGb)} for a GB and month. Only what nothing that stays uses is counted.`}</p>
    </section>
  );
}

function Times({ plan: { planId, planHash, createdAt, applyFrom, expiresAt } }: { plan: RetentionPlan }) {
  return (
    <section class="card">
      <h2>Consent</h2>
      <dl class="facts single">
        <dt>Made</dt>
        <dd>
          <When at={createdAt} full />
        </dd>
        <dt>May be applied from</dt>
        <dd>
          <When at={applyFrom} full />
        </dd>
        <dt>Until</dt>
        <dd>
          <When at={expiresAt} full />
        </dd>
        <dt>This list, and no other</dt>
        <dd>
          <Digest digest={planHash} short /> <Copy text={planHash} what="the hash of the plan" />
        </dd>
        <dt>On the command line</dt>
        <dd>
          <code>{`greenlight gc --apply ${planId}`}</code>
        </dd>
      </dl>
    </section>
  );
}
