import { describe, expect, it } from 'vitest';
import type { EnvironmentHistoryEntry, EnvironmentRecord } from '../../../core/environment/environment.ts';
import { type AfterLook, afterLook, isDue, type LookVerdict, watchedPromotion } from '../../../core/rollout/after-promotion.ts';

const START = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(START + seconds * 1000);
const now = at(600);
const occupant = (version: string, requestId: string) => ({ version, digest: `sha256:${version}`, requestId, at: at(0).toISOString() });
const RECORD: EnvironmentRecord = {
  ...{ environment: 'prod', artifact: 'api', tenant: 't', health: 'healthy', fence: 1, revision: 1 },
  ...{ current: occupant('2', 'PR-2'), previous: occupant('1', 'PR-1') },
};
const NEWEST: EnvironmentHistoryEntry = { ...occupant('2', 'PR-2'), outcome: 'succeeded' };

describe('a promotion is watched', () => {
  it('for so long after it succeeded, and not a moment longer', () => {
    expect(watchedPromotion(RECORD, NEWEST, 1_800, now)).toEqual({ current: RECORD.current, previous: RECORD.previous });
    expect(watchedPromotion(RECORD, NEWEST, 1_800, at(1_799))).toBeDefined();
    expect(watchedPromotion(RECORD, NEWEST, 1_800, at(1_800))).toBeUndefined();
  });

  it.each<[string, EnvironmentRecord | undefined, EnvironmentHistoryEntry | undefined]>([
    ['where nothing was ever recorded', undefined, undefined],
    ['where nothing ran before', { ...RECORD, previous: undefined as never }, NEWEST],
    ['while somebody changes the environment', { ...RECORD, holder: 'PR-3-1' }, NEWEST],
    ['that was a rollback itself: nothing goes to and fro', RECORD, { ...NEWEST, kind: 'rollback' }],
    ['that was a repair', RECORD, { ...NEWEST, kind: 'repair' }],
    ['that something else came after, though it failed', RECORD, { ...NEWEST, requestId: 'PR-3', outcome: 'rolled_back' }],
    ['that was adopted', RECORD, { ...NEWEST, outcome: 'adopted' }],
    ['that brought what ran already', { ...RECORD, previous: { ...RECORD.previous!, digest: 'sha256:2' } }, NEWEST],
    ['without history', RECORD, undefined],
  ])('not one %s', (_, record, newest) => {
    expect(watchedPromotion(record, newest, 1_800, now)).toBeUndefined();
  });
});

describe('looks', () => {
  const FAILED: LookVerdict = { kind: 'failed', reason: 'health answers 500' };
  const one: AfterLook = { requestId: 'PR-2', lookedAt: now.toISOString(), failures: 1 };

  it('count from 45 s apart; one that overlaps another is the same', () => {
    expect(isDue(undefined, 'PR-2', now)).toBe(true);
    expect(isDue(one, 'PR-2', at(644))).toBe(false);
    expect(isDue(one, 'PR-2', at(645))).toBe(true);
    expect(isDue(one, 'PR-3', now)).toBe(true);
  });

  it('count failures in a row: a good one ends it, one that found nothing out does not', () => {
    expect(afterLook(one, 'PR-2', FAILED, at(660))).toEqual({ requestId: 'PR-2', lookedAt: at(660).toISOString(), failures: 2 });
    expect(afterLook(one, 'PR-2', { kind: 'healthy' }, at(660)).failures).toBe(0);
    expect(afterLook(one, 'PR-2', { kind: 'unclear', why: 'away' }, at(660)).failures).toBe(1);
    expect(afterLook(undefined, 'PR-2', { kind: 'unclear', why: 'away' }, now).failures).toBe(0);
  });

  it('begin anew with the next promotion, and remember what was told of the same', () => {
    const told = { ...one, failures: 2, told: 'the risk is high' };
    expect(afterLook(told, 'PR-3', FAILED, at(660))).toEqual({ requestId: 'PR-3', lookedAt: at(660).toISOString(), failures: 1 });
    expect(afterLook(told, 'PR-2', FAILED, at(660))).toMatchObject({ failures: 3, told: 'the risk is high' });
  });
});
