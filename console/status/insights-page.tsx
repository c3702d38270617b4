/** How often, how fast and how well something is deployed, and what it waits for: per environment and period. Each plot stands beside its table. */
import { SelectField } from '../kit/field.tsx';
import { PACE, useLive } from '../kit/live.ts';
import { useMe } from '../kit/me.ts';
import { Loading, Shown } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { goTo, Link, pathOfRequest, pathTo, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { counted } from '../kit/size-words.ts';
import { When } from '../kit/text.tsx';
import { lengthOf } from '../kit/time-words.ts';
import { columnsOf } from './columns.ts';
import { DeliveryPlot } from './delivery-plot.tsx';
import { SpentPlot } from './spent-plot.tsx';

export type Metrics = Answered<'environmentMetrics'>;

const PERIODS = [
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['366', '1 year'],
] as const;
const USUAL = '30';

export function InsightsPage() {
  const me = useMe();
  const { query } = usePlace();
  const { data: artifacts } = useLive('listArtifacts', { query: { limit: '100' } }, () => undefined);
  // Where it matters most, unless the address says otherwise.
  const environment = query.get('environment') ?? me?.environments.at(-1)?.name;
  if (environment === undefined || !me) {
    return (
      <>
        <Head title="Insights" />
        <Loading what="figures" />
      </>
    );
  }
  const days = query.get('days') ?? USUAL;
  const artifact = query.get('artifact') ?? undefined;
  const open = (change: Record<string, string>) =>
    goTo(pathTo(['insights'], { environment, days, artifact, ...change }), { replace: true });
  return (
    <>
      <Head title="Insights" below={<p class="soft">How often, how fast and how well; and what is waited for.</p>} />
      <nav class="tabs" aria-label="Environments">
        {me.environments.map(({ name }) => (
          <Link
            key={name}
            to={pathTo(['insights'], { environment: name, days, artifact })}
            aria-current={name === environment ? 'true' : undefined}
          >
            {name}
          </Link>
        ))}
      </nav>
      <search class="filters narrow">
        <SelectField label="Period" value={days} onInput={(value) => open({ days: value })} options={periodsWith(days)} />
        <SelectField
          label="Artifact"
          value={artifact ?? ''}
          onInput={(value) => open({ artifact: value })}
          options={[['', 'All artifacts'], ...namesWith(artifacts?.items ?? [], artifact).map((name) => [name, name] as const)]}
        />
      </search>
      <Now environment={environment} />
      <Figures key={`${environment} ${days} ${artifact}`} environment={environment} days={days} artifact={artifact} />
    </>
  );
}

/** What the address names is among what can be chosen. */
function periodsWith(days: string): readonly (readonly [string, string])[] {
  return PERIODS.some(([value]) => value === days) ? PERIODS : [...PERIODS, [days, `${days} days`]];
}

function namesWith(items: readonly { name: string }[], artifact: string | undefined): string[] {
  const names = items.map(({ name }) => name);
  return artifact === undefined || names.includes(artifact) ? names : [...names, artifact];
}

/** What stands there today; of every artifact. */
function Now({ environment }: { environment: string }) {
  const { data } = useLive('requestStats', { params: { env: environment } }, () => PACE.slow);
  if (!data) return null;
  const items: readonly (readonly [number, string, string])[] = [
    [data.pending, 'Pending', 'pending'],
    [data.approvedToday, 'Approved today', 'approved'],
    [data.rejectedToday, 'Rejected today', 'rejected'],
    [data.deployedThisWeek, 'Deployed this week', 'deployed'],
  ];
  return (
    <ul class="tiles" aria-label="Requests now">
      {items.map(([count, label, state]) => (
        <li key={label} class="card tile">
          <Link to={pathTo(['requests'], { environment, state })} class="whole">
            <span class="small strong">{label}</span> <span class="figure">{count.toLocaleString('en')}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Figures({ environment, days, artifact }: { environment: string; days: string; artifact: string | undefined }) {
  const live = useLive('environmentMetrics', { params: { env: environment }, query: { days, artifact } }, () => PACE.slow);
  return (
    <Shown live={live} what="figures">
      {(metrics) => (
        <>
          {!metrics.complete && <p class="note warn">There is more in this period than is counted: choose a shorter one.</p>}
          <Dora metrics={metrics} />
          <div class="halves">
            <DeliveryPlot columns={columnsOf(metrics.byDay, metrics.since, metrics.days)} />
            <SpentPlot spent={metrics.spent} deployments={metrics.deployments} />
          </div>
          <Failed environment={environment} failed={metrics.failed} />
          <p class="small soft">
            Since <When at={metrics.since} full />. Days and weeks are those of UTC.
          </p>
        </>
      )}
    </Shown>
  );
}

function Dora({ metrics }: { metrics: Metrics }) {
  const { deployments, deploymentsPerDay, days, leadTime, changeFailureRate, failures, changes, timeToRestore } = metrics;
  const perWeek = deploymentsPerDay * 7;
  const often =
    deploymentsPerDay >= 1
      ? `${round(deploymentsPerDay)} a day`
      : perWeek >= 1
        ? `${round(perWeek)} a week`
        : `${deployments} in ${days} days`;
  return (
    <ul class="tiles" aria-label="The figures of DORA">
      <Figure name="Deployment frequency" value={deployments === 0 ? 'none' : often} more={`${counted(deployments, 'deployment')}`} />
      <Figure
        name="Lead time"
        value={leadTime && lengthOf(leadTime.median)}
        more={leadTime && `9 of 10 within ${lengthOf(leadTime.p90)}`}
      />
      <Figure
        name="Change failure rate"
        value={changeFailureRate === null ? null : `${round(changeFailureRate * 100)} %`}
        more={`${failures} of ${counted(changes, 'change')}`}
      />
      <Figure
        name="Time to restore"
        value={timeToRestore && lengthOf(timeToRestore.median)}
        more={timeToRestore && `9 of 10 within ${lengthOf(timeToRestore.p90)}`}
      />
    </ul>
  );
}

function Figure({ name, value, more }: { name: string; value: string | null; more: string | null }) {
  return (
    <li class="card tile">
      <span class="small soft strong">{name}</span>
      <span class="figure">{value ?? '–'}</span>
      <span class="small soft">{value === null ? 'nothing to measure' : more}</span>
    </li>
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Requests behind the failures. */
function Failed({ environment, failed }: { environment: string; failed: readonly string[] }) {
  if (failed.length === 0) return null;
  return (
    <section class="card">
      <h2>Behind the failures</h2>
      <ul class="row">
        {failed.map((id) => (
          <li key={id}>
            <Link to={pathOfRequest(environment, id)}>{id}</Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
