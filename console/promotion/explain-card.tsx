/** What the request waits for, who can help, and how soon it could start: the API's own explanation. */
import { useEffect } from 'preact/hooks';
import { useLive } from '../kit/live.ts';
import { Foreign, sentence, When } from '../kit/text.tsx';

export function ExplainCard({ environment, id, version }: { environment: string; id: string; version: number }) {
  const { data, reload } = useLive('explainRequest', { params: { env: environment, id } }, () => 10_000);
  // What has changed the request has changed its explanation.
  useEffect(reload, [version]);
  if (!data) return null;
  return (
    <section class="card" aria-live="polite">
      <h2>Now</h2>
      <div class="stack tight">
        <p>
          <strong>
            <Foreign text={sentence(data.summary)} />
          </strong>
        </p>
        <ul class="list ticks">
          {data.conditions.map(({ kind, name, met, message, resolution, who }) => (
            <li key={kind + name}>
              <p>
                <span class={met ? 'good' : 'warn'} aria-hidden="true">
                  {met ? '✓' : '○'}
                </span>{' '}
                <span class="hidden">{met ? 'Met:' : 'Open:'}</span>
                <Foreign text={message} />
              </p>
              {!met && resolution !== undefined && (
                <p class="small soft">
                  <Foreign text={sentence(resolution)} />
                </p>
              )}
              {!met && who && who.length > 0 && (
                <p class="small soft">
                  Can do it: <Foreign text={who.join(', ')} />
                </p>
              )}
            </li>
          ))}
        </ul>
        <p class="small soft">
          {data.earliestStart !== null && (
            <>
              Could start <When at={data.earliestStart} full />.{' '}
            </>
          )}
          Ends undecided <When at={data.expiresAt} />.
        </p>
        {data.notification === 'failed' && <p class="note warn">A mail about this request did not arrive: tell the people yourself.</p>}
      </div>
    </section>
  );
}
