/** What is open in every environment: what waits for me, what I asked for, and all that I may see, each with the reason that it is there. */
import { SelectField } from '../kit/field.tsx';
import { useMe } from '../kit/me.ts';
import { Empty } from '../kit/notice.tsx';
import { goTo, Link, pathTo, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { sentence } from '../kit/text.tsx';
import { Pages } from '../promotion/more-pages.tsx';
import { RequestCard } from '../promotion/request-card.tsx';

const VIEWS = [
  ['pending', 'Waiting for me', 'Nothing waits for you'],
  ['mine', 'Mine', 'Nothing of yours is open'],
  ['all', 'All', 'Nothing is open'],
] as const;
const RISKS = ['low', 'medium', 'high', 'critical'] as const;

export function InboxPage() {
  const me = useMe();
  const { query } = usePlace();
  const view = VIEWS.find(([name]) => name === query.get('view')) ?? VIEWS[0];
  const filters = { environment: query.get('environment') ?? undefined, risk: query.get('risk') ?? undefined };
  const open = (change: Partial<typeof filters>) => goTo(pathTo(['inbox'], { view: view[0], ...filters, ...change }));
  return (
    <>
      <Head title="Inbox" />
      <nav class="tabs" aria-label="Views">
        {VIEWS.map(([name, label]) => (
          <Link key={name} to={pathTo(['inbox'], { ...filters, view: name })} aria-current={name === view[0] ? 'true' : undefined}>
            {label}
          </Link>
        ))}
      </nav>
      <search class="filters">
        <SelectField
          label="Environment"
          value={filters.environment ?? ''}
          onInput={(environment) => open({ environment })}
          options={[['', 'Any'], ...(me?.environments ?? []).map(({ name }) => [name, name] as const)]}
        />
        <SelectField
          label="Risk"
          value={filters.risk ?? ''}
          onInput={(risk) => open({ risk })}
          options={[['', 'Any'], ...RISKS.map((risk) => [risk, risk] as const)]}
        />
      </search>
      <Pages
        key={`${view[0]} ${JSON.stringify(filters)}`}
        operation="inbox"
        input={{ query: { view: view[0], ...filters } }}
        what="the inbox"
        render={(item) => <RequestCard key={item.metadata.id} request={item} reason={sentence(item.reason)} dueAt={item.dueAt} />}
        empty={
          <Empty title={view[2]}>
            <p>{filters.environment || filters.risk ? 'Take a filter away to see more.' : 'What comes appears here by itself.'}</p>
          </Empty>
        }
      />
    </>
  );
}
