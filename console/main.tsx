/** The console: which view an address shows. */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { InboxPage } from './approval/inbox-page.tsx';
import { AuditPage } from './audit/audit-page.tsx';
import { Board } from './environment/board.tsx';
import { EnvironmentPage } from './environment/environment-page.tsx';
import { listenForKeys } from './kit/keys.ts';
import { forgetAll, onSessionOver, useLive } from './kit/live.ts';
import { holds, type Me, MeContext, useMe } from './kit/me.ts';
import { Empty } from './kit/notice.tsx';
import { Link, type Place, pathTo, usePlace } from './kit/router.tsx';
import { Head, Shell } from './kit/shell.tsx';
import { SignIn } from './kit/sign-in.tsx';
import { themeNow, useTheme } from './kit/theme.ts';
import { NewRequestPage } from './promotion/new-request-page.tsx';
import { RequestPage } from './promotion/request-page.tsx';
import { RequestsPage } from './promotion/requests-page.tsx';
import { PlanPage } from './retention/plan-page.tsx';
import { RetentionPage } from './retention/retention-page.tsx';
import { InsightsPage } from './status/insights-page.tsx';

const root = document.getElementById('console')!;
/** The page came to a browser without a session: asking who that is would only fail. */
const isStranger = root.dataset['session'] === 'none';

function Console() {
  const place = usePlace();
  const { data: me, problem, reload } = useLive('me', isStranger ? undefined : {}, () => 60_000);
  const [wasIn, setWasIn] = useState(false);
  const isOut = isStranger || problem?.status === 401;
  useEffect(() => {
    if (me) setWasIn(true);
    if (isOut) forgetAll();
  }, [me, isOut]);
  useEffect(() => onSessionOver(reload), []);
  // Somebody else has signed in, in another tab: nothing that the one before has seen stays.
  const who = useRef<string | undefined>(undefined);
  const isSomebodyElse = me !== undefined && who.current !== undefined && who.current !== me.email;
  useEffect(() => {
    if (isSomebodyElse) location.reload();
    else who.current = me?.email ?? who.current;
  }, [me]);
  if (isSomebodyElse) return null;
  if (isOut) return <SignIn wasIn={wasIn} />;
  return (
    <MeContext.Provider value={me}>
      <Shell>
        <View key={place.parts.join('/')} {...place} />
      </Shell>
    </MeContext.Provider>
  );
}

const LOG_ONLY = 'greenlight-log-only';

/** Auditors read the log and nothing else. Kept, so that the board need not wait for who it is: whom it is not for is asked once. */
function readsLogOnly(me: Me | undefined): boolean {
  if (!me) return localStorage.getItem(LOG_ONLY) !== null;
  const isLogOnly = !holds(me, 'read') && holds(me, 'audit.read');
  if (isLogOnly) localStorage.setItem(LOG_ONLY, 'yes');
  else localStorage.removeItem(LOG_ONLY);
  return isLogOnly;
}

function View({ parts }: Place) {
  const me = useMe();
  const [section, environment, id] = parts;
  switch (section) {
    case undefined:
      return readsLogOnly(me) ? <AuditPage /> : <Board />;
    case 'audit':
      return <AuditPage />;
    case 'environments':
      return environment === undefined ? <Nowhere /> : <EnvironmentPage name={environment} />;
    case 'new':
      return <NewRequestPage />;
    case 'insights':
      return <InsightsPage />;
    case 'inbox':
      return <InboxPage />;
    case 'retention':
      return environment === undefined ? <RetentionPage /> : <PlanPage id={environment} />;
    case 'requests':
      return environment !== undefined && id !== undefined ? <RequestPage environment={environment} id={id} /> : <RequestsPage />;
    default:
      return <Nowhere />;
  }
}

function Nowhere() {
  return (
    <>
      <Head title="There is nothing here" />
      <Empty title="This address leads nowhere">
        <p>It may have been mistyped, or cut off where it was copied.</p>
        <Link to={pathTo([])} class="button">
          To the board
        </Link>
      </Empty>
    </>
  );
}

useTheme(themeNow());
listenForKeys();
render(<Console />, root);
