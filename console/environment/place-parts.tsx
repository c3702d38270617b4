/** What runs at a place, and what is to be known of it. */
import { Link, pathOfRequest } from '../kit/router.tsx';
import { Badge, Digest, Foreign, When } from '../kit/text.tsx';
import type { Tone } from '../kit/tone.ts';
import type { Place } from './lanes.ts';

const HEALTH: Readonly<Record<Place['health'], { text: string; tone: Tone }>> = {
  healthy: { text: 'Healthy', tone: 'good' },
  warning: { text: 'Warning', tone: 'warn' },
  failed: { text: 'Failed', tone: 'bad' },
  unknown: { text: 'Health unknown', tone: 'idle' },
};

export function Runs({ place: { current, health, environment } }: { place: Place }) {
  if (!current) return null;
  return (
    <>
      <p class="row tight">
        <span class="version">
          <Foreign text={current.version} />
        </span>
        <Badge {...HEALTH[health]} />
      </p>
      <p class="small soft">
        <Digest digest={current.digest} short /> · since <When at={current.at} />
        {/^PR-/.test(current.requestId) && (
          <>
            {' · '}
            <Link to={pathOfRequest(environment, current.requestId)}>{current.requestId}</Link>
          </>
        )}
      </p>
    </>
  );
}

export function PlaceFlags({ place: { flags, rolledBack, watch, current } }: { place: Place }) {
  const isWayBackBroken = watch !== undefined && current !== null && watch.rollback.waysBack.length > 0 && !watch.rollback.ready;
  const shown: readonly (readonly [boolean, string, Tone])[] = [
    [flags.frozen, 'Frozen', 'bad'],
    [flags.locked, 'Locked', 'warn'],
    [flags.drifted, 'Drifted', 'bad'],
    [flags.out_of_date, 'Out of date', 'calm'],
    [rolledBack !== undefined, `Rolled back from ${rolledBack?.version ?? ''}`, 'warn'],
    [isWayBackBroken, 'No way back ready', 'warn'],
  ];
  const found = shown.filter(([holds]) => holds);
  if (found.length === 0) return null;
  return (
    <p class="flags">
      {found.map(([, text, tone]) => (
        <Badge key={text} text={text} tone={tone} />
      ))}
    </p>
  );
}
