/** What exactly will change: what runs there, what would come, by their digests. */
import { useLive } from '../kit/live.ts';
import { Copy, Digest, Foreign, When } from '../kit/text.tsx';
import { changeOf } from './change.ts';
import type { PromotionRequest } from './request-page.tsx';
import { isOver } from './state-words.ts';

export function ChangeCard({ request: { metadata, spec, status } }: { request: PromotionRequest }) {
  const { name, version, targetEnvironment } = spec.target;
  const { data } = useLive('getEnvironment', { params: { env: targetEnvironment } });
  const asked = { id: metadata.id, environment: targetEnvironment, digest: status.digest, isOver: isOver(status.state) };
  const { title, before, brings, isThere } = changeOf(
    asked,
    data?.artifacts.find(({ artifact }) => artifact === name),
  );
  return (
    <section class="card">
      <h2>{title}</h2>
      <div class="move">
        <div class="side">
          <p class="small soft">{before.label}</p>
          {before.version === undefined ? (
            <p class="soft">{data ? 'Nothing' : '…'}</p>
          ) : (
            <p class="version">
              <Foreign text={before.version} />
            </p>
          )}
          {before.digest !== undefined && <Digest digest={before.digest} />}
          {before.since !== undefined && (
            <p class="small soft">
              since <When at={before.since} />
            </p>
          )}
        </div>
        <span class="arrow" aria-hidden="true">
          →
        </span>
        <div class="side new">
          <p class="small soft">{brings}</p>
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
