import { describe, expect, it } from 'vitest';
import type { EnvironmentHistoryEntry } from '../../../core/environment/environment.ts';
import { alertsOf, driftOf, versionsToKeep, type Watch, wayBackOf, wayBackWarnings } from '../../../core/environment/watch.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const C = `sha256:${'c'.repeat(64)}`;
const AT = '2026-11-28T10:00:00.000Z';
const LATER = '2026-11-28T10:15:00.000Z';
const occupant = (version: string, digest: string) => ({ version, digest, requestId: 'PR-2026-0001', at: AT });
const entry = (version: string, digest: string, outcome: EnvironmentHistoryEntry['outcome']) => ({ ...occupant(version, digest), outcome });

describe('drift', () => {
  it('is none when everything that serves is what was promoted', () => {
    expect(driftOf(A, { running: [A], canary: 0 }, undefined, AT)).toEqual({ status: 'none' });
    expect(driftOf(A, { running: [], canary: 0 }, undefined, AT)).toEqual({ status: 'none' });
  });

  it.each([
    ['another digest beside it', { running: [B, A], canary: 0 }, [A, B]],
    ['another digest alone', { running: [B], canary: 0 }, [B]],
    ['a canary that no promotion owns', { running: [A], canary: 2 }, [A]],
  ])('is %s', (_what, seen, running) => {
    expect(driftOf(A, seen, undefined, AT)).toEqual({ status: 'drifted', expected: A, running, since: AT });
  });

  it('keeps its beginning while it stays the same, and begins anew when it is another', () => {
    const first = driftOf(A, { running: [B], canary: 0 }, undefined, AT);
    expect(driftOf(A, { running: [B], canary: 0 }, first, LATER)).toEqual(first);
    expect(driftOf(A, { running: [C], canary: 0 }, first, LATER)).toMatchObject({ since: LATER });
    expect(driftOf(C, { running: [B], canary: 0 }, first, LATER)).toMatchObject({ since: LATER });
  });
});

describe('the versions to keep restorable', () => {
  it('are what runs and the newest other one that succeeded', () => {
    const history = [entry('3', C, 'failed'), entry('2', B, 'succeeded'), entry('1', A, 'adopted')];
    expect(versionsToKeep({ current: occupant('2', B) }, history)).toEqual([
      { purpose: 'current', version: '2', digest: B },
      { purpose: 'previous', version: '1', digest: A },
    ]);
  });

  it('are never one that was rolled back', () => {
    const history = [entry('1', A, 'succeeded'), entry('3', C, 'succeeded'), entry('2', B, 'succeeded')];
    expect(versionsToKeep({ current: occupant('1', A), rolledBack: occupant('3', C) }, history)[1]).toMatchObject({ digest: B });
    expect(versionsToKeep({ current: occupant('1', A), held: [{ ...occupant('3', C) }, { ...occupant('2', B) }] }, history)).toHaveLength(
      1,
    );
  });

  it('are none where nothing runs', () => {
    expect(versionsToKeep({}, [])).toEqual([]);
  });
});

it('a version that nobody may ask for is no way back, whole as it is', () => {
  const version = { purpose: 'previous' as const, version: '1', digest: A };
  expect(wayBackOf(version, [{ registry: 'prod' }], 'api 1 is in quarantine')).toEqual({
    ...version,
    ready: false,
    problems: ['api 1 is in quarantine'],
  });
  const both = wayBackOf(version, [{ registry: 'prod', problem: 'a blob is not there' }], 'api 1 is in quarantine');
  expect(both.problems).toEqual(['registry prod: a blob is not there', 'api 1 is in quarantine']);
});

describe('an alert', () => {
  const ready = wayBackOf({ purpose: 'current', version: '2', digest: B }, [{ registry: 'prod' }]);
  const lost = wayBackOf({ purpose: 'current', version: '2', digest: B }, [
    { registry: 'prod' },
    { registry: 'dr', problem: 'a blob is not there' },
  ]);
  const watch = (waysBack: Watch['waysBack'], drift: Watch['drift'] = { status: 'none' }): Watch => ({ checkedAt: AT, drift, waysBack });
  const drifted: Watch['drift'] = { status: 'drifted', expected: A, running: [B], since: AT };

  it('is raised once, when the way back is lost, and names the registry', () => {
    const after = watch([lost]);
    expect(alertsOf(watch([ready]), after, 'prod/payment-api')).toEqual([
      { signal: 'rollback_not_ready', reason: 'prod/payment-api could not go back to 2: registry dr: a blob is not there' },
    ]);
    expect(alertsOf(undefined, after, 'x')).toHaveLength(1);
    expect(alertsOf(after, after, 'x')).toEqual([]);
    expect(alertsOf(watch([ready]), watch([ready]), 'x')).toEqual([]);
    expect(alertsOf(watch([{ ...lost, purpose: 'previous' }]), after, 'x')).toHaveLength(1);
  });

  it('is raised once for each drift', () => {
    expect(alertsOf(watch([]), watch([], drifted), 'prod/payment-api')).toEqual([
      { signal: 'drift', reason: 'prod/payment-api does not run what was promoted there' },
    ]);
    expect(alertsOf(watch([], drifted), watch([], drifted), 'x')).toEqual([]);
    expect(alertsOf(watch([], { ...drifted, since: '2026-01-01T00:00:00.000Z' }), watch([], drifted), 'x')).toHaveLength(1);
    expect(alertsOf(watch([], drifted), watch([], { status: 'unknown', why: 'away' }), 'x')).toEqual([]);
  });

  it('becomes a warning of whoever plans to rely on it', () => {
    expect(wayBackWarnings(undefined, 'prod')).toEqual([]);
    expect(wayBackWarnings(watch([ready, { ...lost, purpose: 'previous' }]), 'prod')).toEqual([]);
    expect(wayBackWarnings(watch([lost], drifted), 'prod')).toEqual([
      'prod could not be restored to 2 if this promotion failed: registry dr: a blob is not there',
      `prod does not run what was promoted there (since ${AT})`,
    ]);
  });
});
