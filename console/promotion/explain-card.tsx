/** What the request waits for, who can help, and how soon it could start: the API's own explanation. */
import { useEffect } from 'preact/hooks';
import { useLive } from '../kit/live.ts';
import { Foreign, sentence, shortDigests, When } from '../kit/text.tsx';

export function ExplainCard({ environment, id, version }: { environment: string; id: string; version: number }) {
  const { data, reload } = useLive('explainRequest', { params: { env: environment, id } }, () => 10_000);
  // What has changed the request has changed its explanation.
  useEffect(reload, [version]);
  if (!data) return null;
  const met = data.conditions.filter((condition) => condition.met);
  return (
    <section class="card" aria-live="polite">
      <h2>Now</h2>
      <div class="stack tight">
        <p>
          <strong>
            <Foreign text={sentence(shortDigests(data.summary))} />
          </strong>
        </p>
        <ul class="list ticks">
          {data.conditions
            .filter(({ met }) => !met)
            .map(({ kind, name, message, resolution, who }) => (
              <li key={kind + name}>
                <p>
                  <span class="warn" aria-hidden="true">
                    ○
                  </span>{' '}
                  <span class="hidden">Open:</span>
                  <Foreign text={shortDigests(message)} />
                </p>
                {resolution !== undefined && (
                  <p class="small soft">
                    <Foreign text={sentence(shortDigests(resolution))} />
                  </p>
                )}
                {who && who.length > 0 && (
                  <p class="small soft">
                    Can do it: <Foreign text={who.join(', ')} />
                  </p>
                )}
              </li>
            ))}
        </ul>
        {met.length > 0 && (
          <details>
            <summary>{`${met.length} ${met.length === 1 ? 'condition is' : 'conditions are'} met`}</summary>
            <ul class="ticks small">
              {met.map(({ kind, name, message }) => (
                <li key={kind + name}>
                  <span class="good" aria-hidden="true">
                    ✓
                  </span>{' '}
                  <Foreign text={message} />
                </li>
              ))}
            </ul>
          </details>
        )}
        <p class="small soft">
          {data.earliestStart !== null && (
            <>
              Could start <When at={data.earliestStart} full />.{' '}
            </>
          )}
          Ends undecided: <When at={data.expiresAt} />
        </p>
        {data.notification === 'failed' && <p class="note warn">A mail about this request did not arrive: tell the people yourself.</p>}
      </div>
    </section>
  );
}
