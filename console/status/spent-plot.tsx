/** Where the time of what was deployed went: waiting for somebody or something, or machines at work. The table is the plot's own. */
import { WAITING, WORKING } from '../../core/status/spent.ts';
import { lengthOf } from '../kit/time-words.ts';
import type { Metrics } from './insights-page.tsx';

type Part = (typeof WORKING)[number] | (typeof WAITING)[number];

const WORDS: Readonly<Record<Part, string>> = {
  gates: 'Gates',
  copy: 'Copy',
  rollout: 'Rollout',
  way_back: 'Way back',
  blocked: 'Blocked by gates',
  approval: 'Approval',
  turn: 'Its turn: date, window, lock',
  held: 'Held',
};

export function SpentPlot({ spent, deployments }: { spent: Metrics['spent']; deployments: number }) {
  const total = spent.waiting + spent.working;
  const share = (seconds: number) => (total === 0 ? 0 : seconds / total);
  const percent = (seconds: number) => `${Math.round(share(seconds) * 100)} %`;
  const seconds = spent as Readonly<Record<string, number>>;
  const parts = [...WAITING.map((part) => ({ part, kind: 'warn' })), ...WORKING.map((part) => ({ part, kind: 'calm' }))]
    .map((each) => ({ ...each, seconds: seconds[each.part] ?? 0 }))
    .filter((each) => each.seconds > 0);
  return (
    <section class="card stack" aria-label="Where the time went">
      <div class="row spread">
        <h2>Where the time went</h2>
        <p class="legend small">
          <span class="warn">waiting</span> <span class="calm">working</span>
        </p>
      </div>
      {total === 0 ? (
        <p class="soft">Nothing was deployed in this period.</p>
      ) : (
        <>
          <svg
            class="stacked"
            viewBox="0 0 100 10"
            preserveAspectRatio="none"
            role="img"
            aria-label={`${percent(spent.waiting)} waiting, ${percent(spent.working)} working`}
          >
            <rect class="warn" width={share(spent.waiting) * 100} height="10" />
            <rect class="calm" x={share(spent.waiting) * 100} width={share(spent.working) * 100} height="10" />
          </svg>
          <p class="row spread">
            <span>
              <strong>{percent(spent.waiting)}</strong> waiting
            </span>
            <span>
              <strong>{percent(spent.working)}</strong> working
            </span>
          </p>
          <table class="parts">
            <caption class="hidden">Time by part</caption>
            <thead>
              <tr>
                <th scope="col">{deployments === 1 ? 'Of 1 deployment' : `Average of ${deployments} deployments`}</th>
                <th scope="col">Time</th>
                <th scope="col">Share</th>
              </tr>
            </thead>
            <tbody>
              {parts.map(({ part, kind, seconds: length }) => (
                <tr key={part}>
                  <th scope="row">
                    {WORDS[part]}
                    <svg class="part" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                      <rect class={kind} width={share(length) * 100} height="4" />
                    </svg>
                  </th>
                  <td>{lengthOf(length / Math.max(1, deployments))}</td>
                  <td>{percent(length)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}
