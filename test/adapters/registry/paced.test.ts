import { expect, test } from 'vitest';
import { paced } from '../../../adapters/registry/paced.ts';

test('as many calls as a second allows go at once, the rest at the rate, and a pause fills the quota again', async () => {
  let now = 0;
  const waits: number[] = [];
  const turn = paced(
    10,
    () => now,
    async (milliseconds) => void waits.push(Math.round(milliseconds)),
  );
  for (let call = 0; call < 13; call++) await turn();
  // Ten at once; nobody moves the clock, so that the others stand in line.
  expect(waits).toEqual([100, 200, 300]);
  now = 10_000;
  waits.length = 0;
  for (let call = 0; call < 11; call++) await turn();
  expect(waits).toEqual([100]);
});
