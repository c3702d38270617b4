import { describe, expect, it } from 'vitest';
import { isCopying, missingAt, type Pass, type ReadBack, recordPass, recordReadBack } from '../../../core/promotion/copy-change.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { CopyComparison } from '../../../core/registry/copy-comparison.ts';
import {
  type CopyRecord,
  emptyCopy,
  lacking,
  outcomeOf,
  requiredAre,
  withFailure,
  withRegistry,
} from '../../../core/registry/copy-record.ts';

const ROOT = `sha256:${'a'.repeat(64)}`;
const DOWN = { failure: { code: 'UNAVAILABLE', message: 'the other side does not answer' } };
const COMPLETE: CopyComparison = { complete: true, sourceRoot: ROOT, targetRoot: ROOT, manifests: 5, blobs: 8, missing: [] };

const record = (require: 'all' | 'primary' = 'all'): CopyRecord =>
  emptyCopy({ registries: { source: 'dev', targets: ['ecr', 'harbor'], require } }, ['ecr', 'unused', 'harbor']);
const promotion = (copy: CopyRecord, step = 'copying') => ({ id: 'PR-2026-0001', phase: 'promoting', step, copy }) as Promotion;
const pass = (copy: CopyRecord, passes: Record<string, Pass>, step?: string) =>
  recordPass(promotion(copy, step), copy, new Map(Object.entries(passes)));
const readBack = (copy: CopyRecord, results: Record<string, ReadBack>) =>
  recordReadBack(promotion(copy, 'verifying_copy'), copy, new Map(Object.entries(results)));
const copied = (which?: 'all' | 'primary') =>
  pass(record(which), { ecr: { bytes: 10, done: true }, harbor: { bytes: 5, done: true } })!.after.copy!;

describe('the record of a copy', () => {
  it('begins pending everywhere, with the places that the environment gives and what the plan requires', () => {
    expect(record().registries).toMatchObject([
      { name: 'ecr', role: 'primary', required: true, status: 'pending', bytes: 0 },
      { name: 'harbor', role: 'tertiary', required: true },
    ]);
    expect(record('primary').registries.map(({ required }) => required)).toEqual([true, false]);
    expect(emptyCopy({ registries: { source: 'dev', targets: ['gone'] } }, ['ecr']).registries).toMatchObject([
      { name: 'gone', role: 'primary', required: true },
    ]);
  });

  it('goes on to the read-back when every required registry has its copy', () => {
    const change = pass(record(), { ecr: { bytes: 10, done: true }, harbor: { bytes: 5, done: true } })!;
    expect(change.after.step).toBe('verifying_copy');
    expect(change.event).toMatchObject({
      type: 'copy.finished',
      data: { registries: ['ecr', 'harbor'], failed: [], bytes: 15 },
      history: { action: 'copied' },
    });
  });

  it('adds up the bytes of several passes and stays copying until the last', () => {
    const first = pass(record(), { ecr: { bytes: 10, done: false } })!;
    expect(first.after.step).toBe('copying');
    expect(first.event).toMatchObject({ type: 'copy.progressed', data: { bytes: 10 } });
    const second = pass(first.after.copy!, { ecr: { bytes: 7, done: true }, harbor: { bytes: 0, done: true } })!;
    expect(second.after.copy!.registries.map(({ bytes }) => bytes)).toEqual([17, 0]);
    expect(second.after.step).toBe('verifying_copy');
  });

  it('does not go on while an optional registry is not done, and does when it failed', () => {
    expect(pass(record('primary'), { ecr: { bytes: 1, done: true }, harbor: { bytes: 1, done: false } })!.after.step).toBe('copying');
    const change = pass(record('primary'), { ecr: { bytes: 1, done: true }, harbor: DOWN })!;
    expect(change.after.step).toBe('verifying_copy');
    expect(change.event).toMatchObject({
      data: { failed: ['harbor UNAVAILABLE'] },
      history: { error: 'harbor: the other side does not answer' },
    });
  });

  it('says a failure once, however often it is tried, and forgets it when it is over', () => {
    const failed = pass(record(), { ecr: { bytes: 1, done: true }, harbor: DOWN })!;
    expect(failed.event.type).toBe('copy.failed');
    expect(failed.after.step).toBe('copying');
    expect(pass(failed.after.copy!, { harbor: DOWN })).toBeUndefined();
    const over = pass(failed.after.copy!, { harbor: { bytes: 1, done: true } })!;
    expect(over.after.copy!.registries[1]).not.toHaveProperty('failure');
    expect(over.after.step).toBe('verifying_copy');
  });

  it('keeps a long failure short', () => {
    const long = withFailure(record(), 'ecr', { code: 'LIMIT', message: 'x'.repeat(5_000) });
    expect(long.registries[0]!.failure!.message).toHaveLength(200);
  });

  it('is verified with the roots of both sides', () => {
    const change = readBack(copied(), { ecr: { comparison: COMPLETE }, harbor: { comparison: COMPLETE } })!;
    expect(change.after.step).toBe('tagging');
    expect(change.event).toMatchObject({
      type: 'copy.verified',
      data: { closureRoot: ROOT, targetRoots: [`ecr ${ROOT}`, `harbor ${ROOT}`], manifests: 5, blobs: 8, failed: [] },
    });
    expect(isCopying(change.after)).toBe(false);
  });

  it('stays unverified while a required registry does not show the artifact, and says that once', () => {
    const change = readBack(copied(), { ecr: { comparison: COMPLETE }, harbor: DOWN })!;
    expect(change.event.type).toBe('copy.failed');
    expect(change.after.step).toBe('verifying_copy');
    expect(isCopying(change.after)).toBe(true);
    expect(readBack(change.after.copy!, { harbor: DOWN })).toBeUndefined();
    expect(readBack(record(), {})).toBeUndefined();
    const nowhere = readBack(copied(), { ecr: DOWN, harbor: DOWN })!;
    expect(nowhere.event.data).toMatchObject({ closureRoot: null, targetRoots: [], registries: [], manifests: 0, blobs: 0 });
  });

  it('is verified without an optional registry', () => {
    const change = readBack(copied('primary'), { ecr: { comparison: COMPLETE }, harbor: DOWN })!;
    expect(change.after.step).toBe('tagging');
    expect(lacking(change.after.copy!)).toEqual(['harbor']);
  });

  it('counts as copying before anything was recorded', () => {
    expect(isCopying({ step: 'tagging' } as Promotion)).toBe(true);
  });
});

describe('the outcome', () => {
  const of = (...statuses: CopyRecord['registries'][number]['status'][]) =>
    outcomeOf(statuses.reduce((made, status, index) => withRegistry(made, ['ecr', 'harbor'][index]!, { status }), record()));

  it.each([
    [['pending', 'pending'], 'pending'],
    [['copied', 'pending'], 'pending'],
    [['failed', 'copied'], 'failed'],
    [['verified', 'failed'], 'partial'],
    [['tagged', 'pending'], 'partial'],
    [['tagged', 'verified'], 'complete'],
  ] as const)('of %j is %s', (statuses, outcome) => {
    expect(of(...statuses)).toBe(outcome);
  });

  it('asks of optional registries nothing', () => {
    expect(requiredAre(withRegistry(record('primary'), 'ecr', { status: 'verified' }), 'verified')).toBe(true);
    expect(requiredAre(withRegistry(record(), 'ecr', { status: 'verified' }), 'verified')).toBe(false);
  });
});

it('a failure names three missing parts and counts the rest', () => {
  const missing = Array.from({ length: 5 }, (_each, index) => ({
    kind: 'blob' as const,
    digest: `sha256:${String(index).repeat(64)}`,
    size: 1,
    reason: 'absent' as const,
  }));
  const text = missingAt('harbor', { ...COMPLETE, complete: false, missing });
  expect(text).toContain('registry harbor does not show the artifact as it is');
  expect(text.match(/is not there/g)).toHaveLength(3);
  expect(text).toContain('and 2 more');
  expect(missingAt('harbor', { ...COMPLETE, missing: missing.slice(0, 1) })).not.toContain('more');
});
