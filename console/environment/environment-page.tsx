/** One environment: what runs there, what ran there, and the way back. */
import { useState } from 'preact/hooks';
import { useLive } from '../kit/live.ts';
import { holds, useMe } from '../kit/me.ts';
import { Empty, Shown } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { Link, pathOfRequest, pathTo, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { Badge, Digest, Foreign, When, words } from '../kit/text.tsx';
import { lengthOf } from '../kit/time-words.ts';
import type { Tone } from '../kit/tone.ts';
import { LockDialog, LockNote } from './lock-dialog.tsx';
import { PlaceFlags, Runs } from './place-parts.tsx';
import { RollbackDialog } from './rollback-dialog.tsx';

type Environment = Answered<'getEnvironment'>;
type Artifact = Environment['artifacts'][number];

const OUTCOMES: Readonly<Record<Artifact['history'][number]['outcome'], Tone>> = {
  succeeded: 'good',
  rolled_back: 'warn',
  failed: 'bad',
  adopted: 'idle',
};

export function EnvironmentPage({ name }: { name: string }) {
  const me = useMe();
  const { query } = usePlace();
  const artifact = query.get('artifact');
  const live = useLive('getEnvironment', { params: { env: name } });
  return (
    <>
      <Head
        title={name}
        kicker="Environment"
        below={live.data?.tier === 'production' ? <Badge tone="calm" text="Production" /> : undefined}
      />
      <nav class="tabs" aria-label="Environments">
        {me?.environments.map((each) => (
          <Link
            key={each.name}
            to={pathTo(['environments', each.name], { artifact: artifact ?? undefined })}
            aria-current={each.name === name ? 'true' : undefined}
          >
            {each.name}
          </Link>
        ))}
      </nav>
      <Shown live={live} what="the environment">
        {(environment) => {
          const shown = environment.artifacts.filter((each) => artifact === null || each.artifact === artifact);
          return (
            <>
              {artifact !== null && environment.artifacts.length > 1 && (
                <p>
                  <Link to={pathTo(['environments', name])}>Show every artifact of {name}</Link>
                </p>
              )}
              {environment.window && !environment.window.open && (
                <p class="note warn">
                  No promotion begins now: <Foreign text={environment.window.closedBy.join(', ')} />
                  {environment.window.opens !== undefined && (
                    <>
                      {' · opens '}
                      <When at={environment.window.opens} full />
                    </>
                  )}
                </p>
              )}
              {shown.length === 0 && (
                <Empty title="Nothing runs here yet">
                  <p>What is promoted into {name} appears here.</p>
                </Empty>
              )}
              {shown.map((each) => (
                <ArtifactCard key={each.artifact} environment={environment} artifact={each} />
              ))}
            </>
          );
        }}
      </Shown>
    </>
  );
}

function ArtifactCard({ environment: { environment, tier }, artifact }: { environment: Environment; artifact: Artifact }) {
  const me = useMe();
  const [to, setTo] = useState<string>();
  const [isLocking, setLocking] = useState(false);
  const place = { ...artifact, environment, tier };
  const mayRollBack = artifact.current !== null && holds(me, 'rollback', environment);
  const seen = new Set([artifact.current?.digest]);
  return (
    <section class="card stack">
      <div class="row spread">
        <h2>
          <Foreign text={artifact.artifact} />
        </h2>
        <span class="row small soft">
          <Foreign text={artifact.tenant} />
          {holds(me, 'rollback', environment) && (
            <button type="button" class="button tiny" onClick={() => setLocking(true)}>
              {artifact.lock ? 'Unlock' : 'Lock'}
            </button>
          )}
        </span>
      </div>
      <div class="stack tight">
        {artifact.current ? <Runs place={place} /> : <p class="soft">Nothing runs here</p>}
        <PlaceFlags place={place} />
        {artifact.lock && <LockNote {...artifact.lock} />}
        <Watched artifact={artifact} />
        {artifact.pending.map(({ id, version, phase }) => (
          <p key={id}>
            <Link to={pathOfRequest(environment, id)}>{id}</Link> brings <Foreign text={version} />: {words(phase)}
          </p>
        ))}
      </div>
      {artifact.history.length > 0 && (
        <div class="wide">
          <table class="folds">
            <caption class="hidden">What ran here</caption>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Outcome</th>
                <th scope="col">When</th>
                <th scope="col">Request</th>
                <th scope="col">
                  <span class="hidden">Roll back</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {artifact.history.map((past) => {
                const isNew = !seen.has(past.digest);
                seen.add(past.digest);
                return (
                  <tr key={past.requestId + past.at}>
                    <td data-head="Version">
                      <div>
                        <strong>
                          <Foreign text={past.version} />
                        </strong>
                        <br />
                        <Digest digest={past.digest} short />
                      </div>
                    </td>
                    <td data-head="Outcome">
                      <div>
                        <Badge
                          tone={OUTCOMES[past.outcome]}
                          text={`${past.kind === undefined ? '' : `${past.kind} `}${words(past.outcome)}`}
                        />
                      </div>
                    </td>
                    <td class="small" data-head="When">
                      <div>
                        <When at={past.at} />
                        {past.seconds !== undefined && <span class="soft"> in {lengthOf(past.seconds)}</span>}
                      </div>
                    </td>
                    <td class="small" data-head="Request">
                      {/^PR-/.test(past.requestId) ? <Link to={pathOfRequest(environment, past.requestId)}>{past.requestId}</Link> : '–'}
                    </td>
                    <td class="act">
                      {mayRollBack && isNew && (past.outcome === 'succeeded' || past.outcome === 'adopted') && (
                        <button type="button" class="button tiny" onClick={() => setTo(past.version)}>
                          {`Back to ${past.version}`}
                        </button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {isLocking && (
        <LockDialog
          environment={environment}
          artifact={artifact.artifact}
          isLocked={artifact.lock !== undefined}
          onClose={() => setLocking(false)}
        />
      )}
      {to !== undefined && (
        <RollbackDialog environment={environment} artifact={artifact.artifact} to={to} onClose={() => setTo(undefined)} />
      )}
    </section>
  );
}

/** What the watch between promotions has found. */
function Watched({ artifact: { watch } }: { artifact: Artifact }) {
  if (!watch) return null;
  const { drift, rollback, checkedAt } = watch;
  return (
    <div class="small soft stack tight">
      <p>
        Looked at <When at={checkedAt} />
        {drift.status === 'none' && ': what runs is what was promoted'}
        {drift.status === 'unknown' && (
          <>
            : not known, <Foreign text={drift.why} />
          </>
        )}
        .
      </p>
      {drift.status === 'drifted' && (
        <p class="note bad">
          Something else runs than was promoted, since <When at={drift.since} />:{' '}
          {drift.running.map((digest) => (
            <Digest key={digest} digest={digest} short />
          ))}
        </p>
      )}
      {rollback.waysBack
        .filter(({ ready }) => !ready)
        .map(({ purpose, version, problems }) => (
          <p key={purpose} class="note warn">
            No way back to <Foreign text={version} />: <Foreign text={problems.join('; ')} />
          </p>
        ))}
    </div>
  );
}
