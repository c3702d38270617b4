import { describe, expect, it } from 'vitest';
import { changeOf } from '../../console/promotion/change.ts';
import { grouped } from '../../console/promotion/history-lines.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OLD = `sha256:${'b'.repeat(64)}`;
const asked = (isOver: boolean) => ({ id: 'PR-2026-0002', environment: 'prod', digest: DIGEST, isOver });
const place = (current: object | null, ...history: object[]) => ({ current, history }) as unknown as Parameters<typeof changeOf>[1];
const runs = { version: '1.0.0', digest: OLD, at: '2026-11-20T12:00:00.000Z' };
const entry = { requestId: 'PR-2026-0002', version: '1.1.0', digest: DIGEST, outcome: 'succeeded', replaced: '1.0.0' };
const before = { requestId: 'PR-2026-0001', version: '1.0.0', digest: OLD, outcome: 'succeeded' };

describe('what a request changes', () => {
  it('is what runs now, as long as it is open', () => {
    expect(changeOf(asked(false), place(runs))).toMatchObject({ title: 'What will change', before: { version: '1.0.0', digest: OLD } });
    expect(changeOf(asked(false), place({ ...runs, digest: DIGEST }))).toMatchObject({ title: 'What runs', isThere: true });
    expect(changeOf(asked(false), undefined).before).toMatchObject({ label: 'Runs in prod', version: undefined });
  });

  it('is what ran before it, once it is over: what runs now may have come later', () => {
    const later = place({ version: '1.3.0', digest: 'sha256:c' }, entry, before);
    expect(changeOf(asked(true), later)).toMatchObject({ title: 'What changed', before: { version: '1.0.0', digest: OLD } });
    const failed = place(runs, { ...entry, outcome: 'rolled_back' }, before);
    expect(changeOf(asked(true), failed)).toMatchObject({ title: 'What was to change', brings: 'This request was to bring' });
  });

  it('says so where it has never begun', () => {
    expect(changeOf(asked(true), place(runs, before))).toMatchObject({
      title: 'What was to change',
      before: { label: 'Runs in prod now', version: '1.0.0' },
    });
  });
});

describe('the timeline', () => {
  const line = (action: string, more: object = {}) => ({ action, at: '2026-11-20T12:00:00.000Z', by: 'system', ...more });

  it('says once what happened several times in a row, with the last time', () => {
    const last = line('gate passed', { at: '2026-11-20T12:00:05.000Z' });
    const lines = grouped([line('created', { by: 'dev' }), line('gate passed'), line('gate passed'), last]);
    expect(lines.map(({ action, times, at }) => [action, times, at.slice(17, 19)])).toEqual([
      ['created', 1, '00'],
      ['gate passed', 3, '05'],
    ]);
  });

  it('keeps every line that says more: another person, a comment, an error', () => {
    const lines = grouped([
      line('approved', { by: 'lead' }),
      line('approved', { by: 'security' }),
      line('gate failed', { error: 'unsigned' }),
      line('gate failed', { error: 'too old' }),
    ]);
    expect(lines.every(({ times }) => times === 1)).toBe(true);
  });
});
