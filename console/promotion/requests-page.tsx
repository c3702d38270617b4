/** Requests of an environment: filters that stand in the address, counts, and pages by cursor. */
import { useEffect, useState } from 'preact/hooks';
import { STATES } from '../../core/promotion/phase.ts';
import { SelectField, TextField } from '../kit/field.tsx';
import { useLive } from '../kit/live.ts';
import { holds, useMe } from '../kit/me.ts';
import { Empty, Loading } from '../kit/notice.tsx';
import { goTo, Link, pathTo, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { Pages } from './more-pages.tsx';
import { RequestCard } from './request-card.tsx';
import { STATE_WORDS } from './state-words.ts';

const FILTERS = ['state', 'tenant', 'createdBy', 'artifact', 'search'] as const;
type Filter = (typeof FILTERS)[number];
/** Time to finish a word. */
const TYPING_MS = 350;

export function RequestsPage() {
  const me = useMe();
  const { query } = usePlace();
  const names = me?.environments.map(({ name }) => name);
  // Where it matters most, unless the address says otherwise.
  const environment = query.get('environment') ?? names?.at(-1);
  if (environment === undefined || !me) {
    return (
      <>
        <Head title="Requests" />
        <Loading what="requests" />
      </>
    );
  }
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined])) as Record<Filter, string | undefined>;
  const open = (change: Partial<Record<Filter | 'environment', string>>, replace = false) =>
    goTo(pathTo(['requests'], { environment, ...filters, ...change }), { replace });
  return (
    <>
      <Head title="Requests" below={<Counts environment={environment} />}>
        {holds(me, 'request') && (
          <Link to={pathTo(['new'], { environment })} class="button primary">
            New request
          </Link>
        )}
      </Head>
      <nav class="tabs" aria-label="Environments">
        {me.environments.map(({ name }) => (
          <Link
            key={name}
            to={pathTo(['requests'], { ...filters, environment: name })}
            aria-current={name === environment ? 'true' : undefined}
          >
            {name}
          </Link>
        ))}
      </nav>
      <search class="filters">
        <Typed label="Search" value={filters.search} onChange={(search) => open({ search }, true)} />
        <SelectField
          label="State"
          value={filters.state ?? ''}
          onInput={(state) => open({ state })}
          options={[['', 'Any'], ...STATES.map((state) => [state, STATE_WORDS[state].label] as const)]}
        />
        {me.tenants.length > 1 && (
          <SelectField
            label="Tenant"
            value={filters.tenant ?? ''}
            onInput={(tenant) => open({ tenant })}
            options={[['', 'Any'], ...me.tenants.map((tenant) => [tenant, tenant] as const)]}
          />
        )}
        <Typed label="Artifact" value={filters.artifact} onChange={(artifact) => open({ artifact }, true)} />
        <Typed label="Requested by" value={filters.createdBy} onChange={(createdBy) => open({ createdBy }, true)} />
      </search>
      <Pages
        key={`${environment} ${JSON.stringify(filters)}`}
        operation="listRequests"
        input={{ params: { env: environment }, query: filters }}
        what="requests"
        render={(request) => <RequestCard key={request.metadata.id} request={request} />}
        empty={
          <Empty title="No request fits">
            <p>
              {FILTERS.some((name) => filters[name])
                ? 'Take a filter away, or look in another environment.'
                : `Nothing was requested for ${environment} yet.`}
            </p>
          </Empty>
        }
      />
    </>
  );
}

/** A field whose value is used once the typing has paused. */
function Typed({ label, value = '', onChange }: { label: string; value: string | undefined; onChange(value: string): void }) {
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => setText(value), [value]);
  return <TextField label={label} type={label === 'Search' ? 'search' : 'text'} value={text} onInput={setText} />;
}

function Counts({ environment }: { environment: string }) {
  const { data } = useLive('requestStats', { params: { env: environment } }, () => 20_000);
  if (!data) return <p class="soft">&nbsp;</p>;
  return (
    <p class="soft">
      <strong>{data.pending}</strong> pending · <strong>{data.approvedToday}</strong> approved and <strong>{data.rejectedToday}</strong>{' '}
      rejected today · <strong>{data.deployedThisWeek}</strong> deployed this week (UTC)
    </p>
  );
}
