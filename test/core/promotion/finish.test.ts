import { describe, expect, it } from 'vitest';
import { endRollback, fail, startRollback, succeed } from '../../../core/promotion/finish.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import { DIGEST, NOW, OTHER_DIGEST, promotionIn } from './fixture.ts';

const at = NOW.toISOString();
const promoting = promotionIn('promoting', { step: 'canary:10', fence: 5 });
const place = { environment: 'prod', artifact: 'payment-api', holder: 'PR-2026-0007-1' };
const failure = { code: 'SMOKE_FAILED', message: 'login page answers 500', step: 'canary:10' };

describe('the end of a rollout', () => {
  it('that succeeded says what runs now and what ran before', () => {
    const previous = { version: '1.0.0', digest: OTHER_DIGEST, requestId: 'adopted', at };
    const change = succeed(promoting, at, { current: previous });
    expect(change.after).toMatchObject({ phase: 'succeeded', deployedAt: at });
    expect(change.after.step).toBeUndefined();
    expect(change.environment).toEqual({
      kind: 'occupy',
      ...place,
      occupant: { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0007', at },
      previous,
      history: { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0007', at, outcome: 'succeeded', replaced: '1.0.0' },
      held: [],
    });
    expect(change.event.data).toMatchObject({ previous: OTHER_DIGEST, version: '1.1.0' });
    expect(succeed(promoting, at, undefined).environment).not.toHaveProperty('previous');
  });

  it('of a rollback says what it took back, which is held until it succeeds again', () => {
    const bad = { version: '2.0.0', digest: OTHER_DIGEST, requestId: 'PR-2026-0006', at: '2026-11-19T00:00:00.000Z' };
    const older = { version: '1.9.0', digest: `sha256:${'c'.repeat(64)}`, requestId: 'PR-2026-0005', at };
    const back = succeed({ ...promoting, kind: 'rollback' }, at, { current: bad, held: [older] });
    const rolledBack = { version: '2.0.0', digest: OTHER_DIGEST, requestId: 'PR-2026-0007', at };
    expect(back.environment).toMatchObject({
      ...{ kind: 'occupy', previous: bad, rolledBack, held: [rolledBack, older] },
      history: { outcome: 'succeeded', kind: 'rollback', replaced: '2.0.0' },
    });
    expect(back.event).toMatchObject({ type: 'rollback.finished', data: { kind: 'rollback', previous: OTHER_DIGEST } });
    expect(back.notices).toEqual([{ type: 'rollback.finished', data: { version: '1.1.0', replaced: '2.0.0' } }]);
    const forward = succeed({ ...promoting, digest: OTHER_DIGEST }, at, { held: [rolledBack, older] });
    expect(forward.environment).toMatchObject({ held: [older] });
    expect(forward.environment).not.toHaveProperty('rolledBack');
  });

  it('says how long the workload was being moved, without its bakes', () => {
    const step = (minute: number, seconds: number) => ({
      ...{ step: 'canary:10', status: 'done' as const, startedAt: `2026-11-20T11:0${minute}:00.000Z` },
      endedAt: `2026-11-20T11:0${minute}:${String(seconds).padStart(2, '0')}.000Z`,
    });
    const moved = succeed({ ...promoting, rollout: [step(1, 20), step(5, 22)] }, at);
    expect(moved.environment).toMatchObject({ history: { seconds: 42 } });
    const back = endRollback(
      { ...promotionIn('rolling_back', { rollout: [step(1, 20)] }), updatedAt: '2026-11-20T11:59:30.000Z' },
      at,
      null,
    );
    expect(back.environment).toMatchObject({ history: { seconds: 30 }, held: [{ digest: DIGEST }] });
  });

  it('that failed first goes back, holding the lock, and then gives it back in health', () => {
    const started = startRollback(promoting, failure);
    expect(started.after).toMatchObject({ phase: 'rolling_back', failure, step: 'canary:10' });
    expect(started.environment).toBeUndefined();
    const rollout = [{ step: 'canary:10', status: 'aborted' as const, startedAt: at, endedAt: at }];
    const ended = endRollback({ ...started.after, rollout }, at, OTHER_DIGEST);
    expect(ended.after).toMatchObject({ phase: 'rolled_back', failure });
    expect(ended.environment).toMatchObject({
      kind: 'release',
      ...place,
      health: 'healthy',
      rolledBack: { digest: DIGEST },
      history: { outcome: 'rolled_back' },
    });
    expect(ended.event).toMatchObject({ type: 'rollback.finished', data: { restored: OTHER_DIGEST }, history: { error: failure.message } });
  });

  it('that went back before its first step says nothing of the health of what runs', () => {
    expect(endRollback(promotionIn('rolling_back'), at, OTHER_DIGEST).environment).not.toHaveProperty('health');
  });

  it('that failed for good marks the environment only if it was touched, and frees only its own lock', () => {
    const touched = fail(promoting, at, failure, { touched: true, holds: true });
    expect(touched.environment).toMatchObject({ kind: 'release', ...place, health: 'failed', history: { outcome: 'failed' } });
    expect(fail(promoting, at, failure, { touched: false, holds: true }).environment).not.toHaveProperty('health');
    expect(fail(promoting, at, failure, { touched: true, holds: false }).environment).toBeUndefined();
  });

  it('keeps what broke out of the locked event, which names its code', () => {
    for (const change of [startRollback(promoting, failure), fail(promoting, at, failure, { touched: true, holds: true })]) {
      expect(change.event.data['code']).toBe('SMOKE_FAILED');
      expect(JSON.stringify(change.event.data)).not.toContain('500');
      expect(change.event.history.error).toBe(failure.message);
    }
  });
});

it('no end can be reached from a phase that it does not belong to', () => {
  const reach = (run: (promotion: ReturnType<typeof promotionIn>) => unknown) =>
    PHASES.filter((phase) => {
      try {
        run(promotionIn(phase));
        return true;
      } catch {
        return false;
      }
    });
  expect(reach((promotion) => succeed(promotion, at, undefined))).toEqual(['promoting']);
  expect(reach((promotion) => startRollback(promotion, failure))).toEqual(['promoting', 'rolling_back']);
  expect(reach((promotion) => endRollback(promotion, at, null))).toEqual(['rolling_back']);
  expect(reach((promotion) => fail(promotion, at, failure, { touched: false, holds: false }))).toEqual([
    ...['requested', 'validating', 'pending_approval', 'approved', 'promoting', 'rolling_back'],
  ]);
});
