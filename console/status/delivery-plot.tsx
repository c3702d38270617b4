/** Deployments above the line, failures below it: the place says which is which, and the colour repeats it. */
import { counted } from '../kit/size-words.ts';
import type { Column } from './columns.ts';

/** Of the plot, in units of its own; it is stretched to the width that there is. */
const [COLUMN, HALF] = [10, 40];

export function DeliveryPlot({ columns }: { columns: readonly Column[] }) {
  const most = Math.max(1, ...columns.map(({ deployments, failures }) => Math.max(deployments, failures)));
  const [deployed, failed] = [sum(columns, 'deployments'), sum(columns, 'failures')];
  const isWeekly = columns.some(({ from, to }) => from !== to);
  const shown = columns.filter(({ deployments, failures }) => deployments + failures > 0);
  return (
    <section class="card stack" aria-label="Deployments">
      <div class="row spread">
        <h2>{isWeekly ? 'Deployments a week' : 'Deployments a day'}</h2>
        <p class="legend small">
          <span class="good">deployed</span> <span class="bad">failed</span>
        </p>
      </div>
      <figure>
        <div class="plot">
          <span class="small soft">{most}</span>
          <svg
            viewBox={`0 0 ${columns.length * COLUMN} ${2 * HALF}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`${counted(deployed, 'deployment')} and ${counted(failed, 'failure')}, by ${isWeekly ? 'week' : 'day'}`}
          >
            {columns.map(({ from, deployments, failures }, index) => (
              <g key={from}>
                <rect
                  class="good"
                  x={index * COLUMN + 1}
                  y={HALF - (deployments / most) * HALF}
                  width={COLUMN - 2}
                  height={(deployments / most) * HALF}
                />
                <rect class="bad" x={index * COLUMN + 1} y={HALF} width={COLUMN - 2} height={(failures / most) * HALF} />
              </g>
            ))}
            <line x1="0" x2={columns.length * COLUMN} y1={HALF} y2={HALF} />
          </svg>
        </div>
        <figcaption class="row spread small soft">
          <span>{shortDay(columns[0]!.from)}</span>
          <span>{shortDay(columns.at(-1)!.to)}</span>
        </figcaption>
      </figure>
      {shown.length === 0 ? (
        <p class="soft">Nothing was deployed in this period.</p>
      ) : (
        <details>
          <summary>As a table</summary>
          <table>
            <thead>
              <tr>
                <th scope="col">{isWeekly ? 'Week' : 'Day'}</th>
                <th scope="col">Deployed</th>
                <th scope="col">Failed</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ from, to, deployments, failures }) => (
                <tr key={from}>
                  <th scope="row">{from === to ? shortDay(from) : `${shortDay(from)} to ${shortDay(to)}`}</th>
                  <td>{deployments}</td>
                  <td>{failures}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}

function sum(columns: readonly Column[], of: 'deployments' | 'failures'): number {
  return columns.reduce((total, column) => total + column[of], 0);
}

/** `20 Nov 2026`, whatever the zone of the reader: the days are those of UTC. */
function shortDay(day: string): string {
  return new Date(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
}
