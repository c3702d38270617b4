import { describe, expect, it } from 'vitest';
import type { EnvironmentHistoryEntry, EnvironmentRecord } from '../../../core/environment/environment.ts';
import { rollbackTarget, type TargetFacts, undoneVersions } from '../../../core/rollout/rollback-target.ts';

const digestOf = (version: string): string => `sha256:${version.replaceAll('.', '').padStart(64, '0')}`;

function entry(version: string, at: string, more: Partial<EnvironmentHistoryEntry> = {}): EnvironmentHistoryEntry {
  return { version, digest: digestOf(version), requestId: `PR-${version}`, at, outcome: 'succeeded', ...more };
}

/** Newest first. */
const PAST = [
  entry('1.2.3', '2026-11-05'),
  entry('1.2.4', '2026-11-04', { outcome: 'rolled_back' }),
  entry('1.2.2', '2026-11-03'),
  entry('1.2.1', '2026-11-02', { outcome: 'failed' }),
  entry('1.2.0', '2026-11-01', { outcome: 'adopted' }),
];

const recordOf = (version: string, more: Partial<EnvironmentRecord> = {}): EnvironmentRecord => ({
  ...{ environment: 'prod', artifact: 'payment-api', tenant: 't', health: 'healthy', fence: 1, revision: 1 },
  current: { version, digest: digestOf(version), requestId: 'PR-1', at: '2026-11-05' },
  ...more,
});

const facts = (to: string, more: Partial<TargetFacts> = {}): TargetFacts => ({
  ...{ environment: 'prod', record: recordOf('1.2.3'), past: PAST, to, environments: ['dev', 'staging', 'prod'] },
  ...more,
});

describe('the version that an environment returns to', () => {
  it.each([
    ['as it was promoted', '1.2.2', '1.2.2'],
    ['with a leading v', 'v1.2.2', '1.2.2'],
    ['with the suffix of the environment', 'v1.2.2-prod', '1.2.2'],
    ['by its digest', digestOf('1.2.2'), '1.2.2'],
    ['that was adopted', '1.2.0', '1.2.0'],
  ])('is found %s', (_how, to, version) => {
    expect(rollbackTarget(facts(to)).target).toMatchObject({ version, digest: digestOf(version) });
  });

  it('is found however long ago it ran', () => {
    const long = Array.from({ length: 3_000 }, (_, index) => entry(`2.0.${3_000 - index}`, `2026-12-${index}`));
    expect(rollbackTarget(facts('1.2.0', { past: [...long, ...PAST] })).target.version).toBe('1.2.0');
  });

  it('is the one of that spelling where two versions differ only by the leading v', () => {
    const past = [entry('v1.2.2', '2026-11-04', { digest: digestOf('9.9.9') }), ...PAST];
    expect(rollbackTarget(facts('1.2.2', { past })).target.digest).toBe(digestOf('1.2.2'));
  });

  it.each([
    ['failed there', '1.2.1'],
    ['was undone there', '1.2.4'],
    ['never was there', '7.0.0'],
    ['never was there, in a spelling of ours', 'constructor'],
  ])('is never one that %s', (_why, to) => {
    expect(() => rollbackTarget(facts(to))).toThrow(
      expect.objectContaining({ code: 'EVIDENCE_MISMATCH', hint: expect.stringContaining('1.2.2, 1.2.0') }),
    );
  });

  it('is not what runs already', () => {
    for (const to of ['1.2.3', 'v1.2.3-prod', digestOf('1.2.3')])
      expect(() => rollbackTarget(facts(to))).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
  });

  it('does not exist where nothing, or nothing else, ever ran', () => {
    const nothing = expect.objectContaining({ code: 'NOTHING_TO_ROLL_BACK' });
    expect(() => rollbackTarget(facts('1.2.2', { record: undefined, past: [] }))).toThrow(nothing);
    const { current: _none, ...empty } = recordOf('1.2.3');
    expect(() => rollbackTarget(facts('1.2.2', { record: empty, past: [entry('1.2.2', '2026-11-01', { outcome: 'failed' })] }))).toThrow(
      nothing,
    );
    expect(() => rollbackTarget(facts('1.2.2', { past: [entry('1.2.3', '2026-11-05')] }))).toThrow(nothing);
  });

  it('is not looked for while somebody changes the environment', () => {
    expect(() => rollbackTarget(facts('1.2.2', { record: recordOf('1.2.3', { holder: 'PR-2026-0007-1' }) }))).toThrow(
      expect.objectContaining({ code: 'ENV_LOCKED', message: expect.stringContaining('changed by PR-2026-0007 now') }),
    );
  });

  it('is left alone when something else runs than the caller believes', () => {
    expect(rollbackTarget(facts('1.2.2', { from: 'v1.2.3' })).current.version).toBe('1.2.3');
    expect(() => rollbackTarget(facts('1.2.2', { from: '1.2.4' }))).toThrow(
      expect.objectContaining({ code: 'STATE_CONFLICT', message: 'prod runs 1.2.3, not 1.2.4' }),
    );
  });
});

describe('the versions that a rollback undoes', () => {
  const undone = (past: EnvironmentHistoryEntry[], to: string) =>
    undoneVersions(past, { digest: digestOf(to) }).map(({ version }) => version);

  it('are those that came after the target for the first time', () => {
    expect(undone(PAST, '1.2.0')).toEqual(['1.2.3', '1.2.2']);
    expect(undone(PAST, '1.2.2')).toEqual(['1.2.3']);
  });

  it('are none on the way forward again', () => {
    const past = [entry('1.2.2', '2026-11-06', { kind: 'rollback' }), ...PAST];
    expect(undone(past, '1.2.3')).toEqual([]);
    expect(undone(past, '1.2.2')).toEqual(['1.2.3']);
  });
});
