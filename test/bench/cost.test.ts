import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { cost, MOST_TRANSITIONS, MOST_TRANSITIONS_PER_STEP, promotionScript } from '../../bench/cost.ts';
import { walkPromotion } from '../../bench/walk-promotion.ts';

const RUN = ['--import', 'tsx', join(import.meta.dirname, '../../bench/run.ts')];

it('a promotion without canary takes at most 14 transitions, a canary step at most 3 more', async () => {
  const { figures } = await cost();
  const value = (metric: string) => figures.find((figure) => figure.metric === metric)!.value;
  expect(value('transitions of a promotion without canary')).toBeLessThanOrEqual(MOST_TRANSITIONS);
  expect(value('transitions of each canary step')).toBeLessThanOrEqual(MOST_TRANSITIONS_PER_STEP);
  expect(figures.filter((figure) => figure.ok === false)).toEqual([]);
});

it('counts a retry as a transition, as AWS bills it', async () => {
  const script = promotionScript(0);
  const plain = await walkPromotion(script);
  const retried = await walkPromotion({ ...script, tag: [{ errorType: 'UNAVAILABLE' }, ...script['tag']!] });
  expect(retried.status).toBe('SUCCEEDED');
  expect(retried.transitions).toBe(plain.transitions + 1);
});

it('prints one JSON object per benchmark with the fields of the contract', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...RUN, 'cost', '--json']);
  const { name, figures } = JSON.parse(stdout) as { name: string; figures: object[] };
  expect(name).toBe('cost');
  for (const figure of figures) {
    expect(Object.keys(figure).sort()).toEqual(['metric', 'ok', 'ratio', 'reference', 'referenceValue', 'target', 'unit', 'value']);
  }
});

it('lists what exists when a name is unknown, and exits with 2', async () => {
  await expect(promisify(execFile)(process.execPath, [...RUN, 'speed'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('benchmarks: cost'),
  });
});
