import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { sizeOf } from '../../console/kit/size-words.ts';
import { columnsOf } from '../../console/status/columns.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 kB'],
  [12_345, '12.3 kB'],
  [999_999, '1 MB'],
  [4_200_000_000, '4.2 GB'],
  [9e18, '9000 PB'],
])('%d bytes are %s', (bytes, words) => {
  expect(sizeOf(bytes)).toBe(words);
});

describe('the columns of a plot', () => {
  const since = '2026-10-29T12:00:00.000Z';

  it('are days, from the first that is touched to today', () => {
    const columns = columnsOf([{ day: '2026-11-28', deployments: 2, failures: 1 }], since, 30);
    expect(columns).toHaveLength(31);
    expect(columns[0]).toEqual({ from: '2026-10-29', to: '2026-10-29', deployments: 0, failures: 0 });
    expect(columns.at(-1)).toEqual({ from: '2026-11-28', to: '2026-11-28', deployments: 2, failures: 1 });
  });

  it('are whole weeks where days would be too thin to see', () => {
    const columns = columnsOf([{ day: '2026-11-22', deployments: 1, failures: 0 }], '2026-08-30T12:00:00.000Z', 90);
    expect(columns).toHaveLength(13);
    expect(columns.at(-1)).toEqual({ from: '2026-11-22', to: '2026-11-28', deployments: 1, failures: 0 });
  });

  it('hold everything that happened in the period, whatever its length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 366 }), fc.array(fc.nat()), (length, offsets) => {
        const start = Date.UTC(2026, 0, 5, 17);
        const days = offsets.map((offset) => ({
          day: new Date(start + (offset % (length + 1)) * 86_400_000).toISOString().slice(0, 10),
          ...{ deployments: 1, failures: 2 },
        }));
        const columns = columnsOf(days, new Date(start).toISOString(), length);
        expect(columns.reduce((sum, { deployments }) => sum + deployments, 0)).toBe(days.length);
        expect(columns.length).toBeLessThanOrEqual(54);
      }),
    );
  });
});
