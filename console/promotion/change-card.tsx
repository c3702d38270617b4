/** What exactly will change: what runs there, what would come, by their digests. */
import { useLive } from '../kit/live.ts';
import { Copy, Digest, Foreign, When } from '../kit/text.tsx';
import type { PromotionRequest } from './request-page.tsx';

export function ChangeCard({ request: { spec, status } }: { request: PromotionRequest }) {
  const { name, version, targetEnvironment } = spec.target;
  const { data } = useLive('getEnvironment', { params: { env: targetEnvironment } });
  const place = data?.artifacts.find(({ artifact }) => artifact === name);
  const current = place?.current ?? undefined;
  const isThere = current?.digest === status.digest;
  return (
    <section class="card">
      <h2>{isThere ? 'What runs' : 'What will change'}</h2>
      <div class="move">
        <div class="side">
          <p class="small soft">Runs in {targetEnvironment}</p>
          {current ? (
            <>
              <p class="version">
                <Foreign text={current.version} />
              </p>
              <Digest digest={current.digest} />
              <p class="small soft">
                since <When at={current.at} />
              </p>
            </>
          ) : (
            <p>{data ? 'Nothing' : '…'}</p>
          )}
        </div>
        <span class="arrow" aria-hidden="true">
          →
        </span>
        <div class="side new">
          <p class="small soft">{isThere ? 'This request brought' : 'This request brings'}</p>
          <p class="version">
            <Foreign text={version} />
          </p>
          <Digest digest={status.digest} /> <Copy text={status.digest} what="the digest" />
          {isThere && <p class="small good">The same digest: nothing is left to do.</p>}
        </div>
      </div>
      {status.planChanges && status.planChanges.length > 0 && (
        <div class="note warn">
          <p>
            <strong>Changed since it was last asked for</strong>
          </p>
          <ul>
            {status.planChanges.map(({ field, before, after }) => (
              <li key={field}>
                <Foreign text={field} />: <Foreign text={before} /> → <Foreign text={after} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
