import { describe, expect, it, test } from 'vitest';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import { begin } from '../../../core/promotion/begin.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { cancel } from '../../../core/promotion/create.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { fail, succeed } from '../../../core/promotion/finish.ts';
import { type Deletion, mayDelete, mayLetGo, mayPin, pinsOf, type Standing } from '../../../core/retention/pin.ts';
import { acting, approversOf, created, DIGEST, decisionBy, NOW, OTHER_DIGEST, prodPlan, promotionIn } from '../promotion/fixture.ts';

const now = NOW.toISOString();
const later = '2026-11-20T12:00:00.001Z';

function standing(deletion?: Deletion, requests: string[] = [], environments: string[] = []): Standing {
  return { requests: new Set(requests), environments: new Set(environments), ...(deletion ? { deletion } : {}) };
}

test.each<[string, Standing, boolean, boolean]>([
  ['that nobody relies on', standing(), true, true],
  ['that a request relies on', standing(undefined, ['PR-2026-0001']), true, false],
  ['that an environment relies on', standing(undefined, [], ['prod']), true, false],
  ['whose deletion is decided by this run', standing({ by: 'run-1' }), false, true],
  ['whose deletion is decided by another run', standing({ by: 'run-2' }), false, false],
  ['that is gone since a moment', standing({ by: 'run-1', closedUntil: later }), false, false],
  ['that was deleted long ago', standing({ by: 'run-2', closedUntil: now }), true, true],
])('a digest %s: may be pinned and deleted', (_name, state, pin, remove) => {
  expect([mayPin(state, now), mayDelete(state, 'run-1', now)]).toEqual([pin, remove]);
});

test('an environment lets go of neither what it runs nor what it goes back to, and of nothing during a rollout', () => {
  const occupant = (digest: string) => ({ version: '1', digest, requestId: 'adopted', at: now });
  const record: EnvironmentRecord = {
    ...{ environment: 'prod', artifact: 'a', tenant: 't', health: 'healthy', fence: 1, revision: 3 },
    current: occupant('sha256:c'),
    previous: occupant('sha256:p'),
  };
  expect(['sha256:c', 'sha256:p', 'sha256:o'].map((digest) => mayLetGo(record, digest))).toEqual([false, false, true]);
  expect(mayLetGo({ ...record, holder: 'PR-2026-0001-1' }, 'sha256:o')).toBe(false);
});

describe('the pins of a change', () => {
  const id = created().after.id;
  const artifact = 'payment-api';

  it('are the request from its beginning', () => {
    expect(pinsOf(created())).toEqual([{ artifact, digest: DIGEST, addRequest: id }]);
  });

  it('follow the digest when an edit changes it', () => {
    const before = promotionIn('pending_approval');
    const after = { ...before, digest: OTHER_DIGEST };
    const edited = { before, after, event: created().event };
    expect(pinsOf(edited)).toEqual([
      { artifact, digest: OTHER_DIGEST, addRequest: before.id },
      { artifact, digest: DIGEST, removeRequest: before.id },
    ]);
    expect(pinsOf({ ...edited, after: { ...before, impact: 'high' } })).toEqual([]);
  });

  it('are said again when the rollout begins, with what the environment goes back to', () => {
    const promotion = promotionIn('approved');
    const start = (runs: string | undefined) => {
      const environment: EnvironmentRecord = {
        ...{ environment: 'prod', artifact, tenant: 'tenant-finance', health: 'healthy', fence: 0, revision: 1 },
        ...(runs === undefined ? {} : { current: { version: '1.0.0', digest: runs, requestId: 'adopted', at: now } }),
      };
      const outcome = begin({
        promotion,
        plan: prodPlan().plan,
        decisions: [decisionBy('lead', promotion), decisionBy('security', promotion)],
        approvers: approversOf(),
        environment,
        hold: undefined,
        evidenceHolds: true,
        now: NOW,
      });
      return pinsOf((outcome as { change: PromotionChange }).change);
    };
    const own = { artifact, digest: DIGEST, addRequest: promotion.id };
    expect(start(undefined)).toEqual([own]);
    expect(start(OTHER_DIGEST)).toEqual([own, { artifact, digest: OTHER_DIGEST, addEnvironment: 'prod' }]);
    expect(start(DIGEST)).toEqual([{ ...own, addEnvironment: 'prod' }]);
  });

  it('go over to the environment when it succeeds, and end with every other end', () => {
    const promoting = promotionIn('promoting');
    expect(pinsOf(succeed(promoting, now, undefined))).toEqual([
      { artifact, digest: DIGEST, addEnvironment: 'prod', removeRequest: promoting.id },
    ]);
    const ended = [
      fail(promoting, now, { code: 'DIGEST_MISMATCH', message: 'no' }, { touched: false, holds: true }),
      cancel(promotionIn('pending_approval'), acting('dev')),
    ];
    for (const change of ended) expect(pinsOf(change)).toEqual([{ artifact, digest: DIGEST, removeRequest: change.after.id }]);
  });

  it('are none of a change that neither begins nor ends anything', () => {
    const promotion = promotionIn('pending_approval');
    expect(pinsOf(engineChange(promotion, promotion, { type: 'promotion.waiting', action: 'waiting' }))).toEqual([]);
  });
});
