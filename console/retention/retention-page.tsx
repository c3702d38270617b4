/** What retention would delete: a new plan, and what became of the earlier ones. */
import { useState } from 'preact/hooks';
import { ask, Problem } from '../kit/client.ts';
import { SelectField } from '../kit/field.tsx';
import { refreshAll, useLive } from '../kit/live.ts';
import { holds, useMe } from '../kit/me.ts';
import { Empty, ProblemNote } from '../kit/notice.tsx';
import { goTo, Link, pathTo } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { sizeOf } from '../kit/size-words.ts';
import { Badge, Foreign, When } from '../kit/text.tsx';
import { say } from '../kit/toast.tsx';
import { Pages } from '../promotion/more-pages.tsx';
import { headlineOf, type RetentionPlan, savedBy, statusOf } from './plan-words.ts';

export function RetentionPage() {
  const me = useMe();
  return (
    <>
      <Head
        title="Retention"
        below={<p class="soft">Nothing is deleted without a plan, and none is carried out before its grace time is over.</p>}
      />
      {(holds(me, 'request') || holds(me, 'gc.apply')) && <NewPlan />}
      <Pages
        operation="listRetentionPlans"
        input={{}}
        what="plans"
        render={(plan) => <PlanCard key={plan.planId} plan={plan} />}
        empty={
          <Empty title="No plan yet">
            <p>Preview what would be deleted; that alone deletes nothing.</p>
          </Empty>
        }
      />
    </>
  );
}

function NewPlan() {
  const { data } = useLive('listArtifacts', { query: { limit: '100' } }, () => undefined);
  const [artifact, setArtifact] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const preview = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const plan = await ask('previewRetention', { body: artifact === '' ? {} : { artifact } });
      refreshAll();
      if ('totals' in plan) goTo(pathTo(['retention', plan.planId]));
      else say('there is much to look at: the plan appears here when it is ready');
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, {}));
    }
    setBusy(false);
  };
  return (
    <form class="card stack" onSubmit={(event) => void preview(event)}>
      <h2>What would be deleted now?</h2>
      <div class="filters at-end">
        <SelectField
          label="Artifact"
          value={artifact}
          onInput={setArtifact}
          options={[['', 'All artifacts'], ...(data?.items ?? []).map(({ name }) => [name, name] as const)]}
        />
        <button type="submit" class="button primary" aria-disabled={isBusy}>
          {isBusy ? 'Looking at registries and clusters…' : 'Preview'}
        </button>
      </div>
      {problem && <ProblemNote problem={problem} />}
    </form>
  );
}

function PlanCard({ plan }: { plan: RetentionPlan & { mine: boolean } }) {
  const { planId, artifact, createdAt, applyFrom, expiresAt, totals, status, allowedActions, result, mine } = plan;
  return (
    <li class="card request">
      <div class="row spread">
        <Badge {...statusOf(plan)} />
        <span class="small soft mono">{planId}</span>
      </div>
      <h2>
        <Link to={pathTo(['retention', planId])} class="whole" data-item>
          {headlineOf(plan)}
        </Link>
      </h2>
      <p class="soft">
        {artifact === null ? 'All artifacts' : <Foreign text={artifact} />}
        {totals.delete > 0 && !result && ` · frees ${sizeOf(totals.bytesFreed)}, ${savedBy(plan)} a month`}
        {result && result.left.length > 0 && ` · ${result.left.length} left out`}
        {result && result.failed.length > 0 && ` · ${result.failed.length} still to be tried`}
      </p>
      <p class="small soft">
        {mine ? 'Yours, ' : ''}made <When at={createdAt} />
        {status === 'planned' && totals.delete > 0 && (
          <>
            {' · '}
            {allowedActions.length > 0 ? 'may be applied until ' : 'may be applied '}
            <When at={allowedActions.length > 0 ? expiresAt : applyFrom} />
          </>
        )}
      </p>
    </li>
  );
}
