import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const RUN = ['--import', 'tsx', join(import.meta.dirname, '../../bench/run.ts')];

it('says that the peer is not installed where its scripts are not, and misses no target by that', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...RUN, 'copy', '--json'], {
    env: { ...process.env, BENCH_PEERS: join(import.meta.dirname, 'nothing-here') },
  });
  const { name, figures } = JSON.parse(stdout) as { name: string; figures: object[] };
  expect(name).toBe('copy');
  expect(figures).toEqual([expect.objectContaining({ reference: 'not installed', referenceValue: null, ratio: null, ok: null })]);
});
