/** The board: what runs where, what is on its way, and what it waits for. One question, kept fresh. */
import { useState } from 'preact/hooks';
import { CheckField, TextField } from '../kit/field.tsx';
import { PACE, useLive } from '../kit/live.ts';
import { holds, useMe } from '../kit/me.ts';
import { Empty, Shown } from '../kit/notice.tsx';
import { Link, pathOfRequest, pathTo } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { Bar, Foreign, When } from '../kit/text.tsx';
import { StateBadge } from '../promotion/state-badge.tsx';
import { shareOf } from '../promotion/state-words.ts';
import { type EnvironmentList, isNewer, type Lane, lanesOf, needsAttention, type Place, summaryOf } from './lanes.ts';
import { PlaceFlags, Runs } from './place-parts.tsx';

/** Requests that a place shows; the rest stands behind one link. */
const SHOWN = 3;

export function Board() {
  const live = useLive('listEnvironments', {}, (data) => (isMoving(data) ? PACE.moving : PACE.usual));
  return (
    <>
      <Head title="Board" below={live.data && <p class="soft">{summaryOf(lanesOf(live.data))}</p>}>
        <NewRequestLink />
      </Head>
      <Shown live={live} what="the board">
        {(data) => <Lanes list={data} />}
      </Shown>
    </>
  );
}

function isMoving(list: EnvironmentList | undefined): boolean {
  return list?.items.some(({ artifacts }) => artifacts.some(({ pending }) => pending.some(({ state }) => state === 'deploying'))) ?? false;
}

function NewRequestLink() {
  return holds(useMe(), 'request') ? (
    <Link to={pathTo(['new'])} class="button primary">
      New request
    </Link>
  ) : null;
}

function Lanes({ list }: { list: EnvironmentList }) {
  const [search, setSearch] = useState('');
  const [isNarrow, setNarrow] = useState(false);
  const lanes = lanesOf(list);
  const shown = lanes.filter((lane) => lane.artifact.includes(search.trim().toLowerCase()) && (!isNarrow || needsAttention(lane)));
  if (lanes.length === 0) {
    return (
      <Empty title="Nothing runs yet">
        <p>
          Publish a first version with <code>greenlight publish VERSION</code>, then request that it is promoted.
        </p>
      </Empty>
    );
  }
  return (
    <>
      {(lanes.length > 1 || search !== '' || isNarrow) && (
        <div class="row spread">
          <TextField label="Find an artifact" type="search" value={search} onInput={setSearch} />
          <CheckField label="Only what needs attention" checked={isNarrow} onInput={setNarrow} />
        </div>
      )}
      <div class="board">
        {shown.map((lane) => (
          <LaneRow key={lane.artifact} lane={lane} />
        ))}
        {shown.length === 0 && (
          <Empty title="No artifact fits">
            <p>{isNarrow ? 'Everything is as it should be.' : 'Change what you search for.'}</p>
          </Empty>
        )}
      </div>
    </>
  );
}

function LaneRow({ lane: { artifact, tenant, places } }: { lane: Lane }) {
  return (
    <section class="lane" aria-label={artifact} style={{ '--stages': String(places.length) }}>
      <div class="what">
        <h2>
          <Foreign text={artifact} />
        </h2>
        <p class="small soft">
          <Foreign text={tenant} />
        </p>
      </div>
      {places.map((place, index) => (
        <PlaceCell key={place.environment} place={place} from={places[index - 1]} />
      ))}
    </section>
  );
}

function PlaceCell({ place, from }: { place: Place; from: Place | undefined }) {
  const me = useMe();
  const { environment, artifact, current, pending } = place;
  // An older version is brought by who asks for it, not offered.
  const before = from?.current;
  const isStep = before && place.flags.out_of_date && (!current || isNewer(before.version, current.version));
  const offered = isStep && pending.length === 0 && holds(me, 'request', environment) ? before.version : undefined;
  return (
    <div class="place">
      <h3>
        <Link to={pathTo(['environments', environment], { artifact })}>{environment}</Link>
      </h3>
      {current ? <Runs place={place} /> : <p class="soft">Nothing runs here</p>}
      <PlaceFlags place={place} />
      {pending.slice(0, SHOWN).map((request) => (
        <Coming key={request.id} environment={environment} request={request} />
      ))}
      {pending.length > SHOWN && (
        <Link to={pathTo(['requests'], { environment, artifact })} class="small">
          {`and ${pending.length - SHOWN} more`}
        </Link>
      )}
      {offered !== undefined && (
        <Link to={pathTo(['new'], { environment, artifact, version: offered })} class="button tiny">
          {`Promote ${offered} from ${from!.environment}`}
        </Link>
      )}
    </div>
  );
}

function Coming({ environment, request }: { environment: string; request: Place['pending'][number] }) {
  const { id, version, kind, state, phase, waitingOn, step, waitsFor, createdAt, createdBy } = request;
  const share = phase === 'promoting' ? shareOf(step) : undefined;
  return (
    <Link to={pathOfRequest(environment, id)} class="coming">
      <span class="row spread">
        <strong>
          {kind === 'rollback' ? 'Back to ' : kind === 'repair' ? 'Repair ' : ''}
          <Foreign text={version} />
        </strong>
        <span class="small soft mono">{id}</span>
      </span>
      <StateBadge state={state} phase={phase} waitingOn={waitingOn} step={step} />
      {share !== undefined && <Bar share={share} label={`Rollout of ${version}`} />}
      {waitsFor && waitsFor.length > 0 && (
        <span class="small">
          on <Foreign text={waitsFor.join(' and ')} />
        </span>
      )}
      <span class="small soft">
        <Foreign text={createdBy} /> · <When at={createdAt} />
      </span>
    </Link>
  );
}
