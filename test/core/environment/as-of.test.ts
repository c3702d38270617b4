import { describe, expect, it } from 'vitest';
import { heldAt } from '../../../core/environment/as-of.ts';
import type { EnvironmentHistoryEntry } from '../../../core/environment/environment.ts';
import { isBehind } from '../../../core/environment/is-behind.ts';

const at = (hour: number) => `2026-03-01T${String(hour).padStart(2, '0')}:00:00.000Z`;
const entry = (
  hour: number,
  version: string,
  outcome: EnvironmentHistoryEntry['outcome'],
  kind?: 'rollback' | 'repair',
): EnvironmentHistoryEntry => ({
  ...{ version, digest: `sha256:${version}`, requestId: `PR-2026-00${hour}`, at: at(hour), outcome },
  ...(kind ? { kind } : {}),
});
/** Newest first. */
const HISTORY = [
  entry(16, '1.1.0', 'succeeded', 'repair'),
  entry(15, '1.1.0', 'succeeded', 'rollback'),
  entry(14, '1.3.0', 'failed'),
  entry(13, '1.2.0', 'succeeded'),
  entry(12, '1.2.0', 'rolled_back'),
  entry(11, '1.1.0', 'succeeded'),
  entry(10, '1.0.0', 'adopted'),
];
const versions = (hour: number) => {
  const { current, previous } = heldAt(HISTORY, at(hour));
  return [current?.version, previous?.version];
};

it('what ran then is what had succeeded last by then', () => {
  expect(versions(9)).toEqual([undefined, undefined]);
  expect(versions(10)).toEqual(['1.0.0', undefined]);
  expect(versions(11)).toEqual(['1.1.0', '1.0.0']);
  expect(versions(12)).toEqual(['1.1.0', '1.0.0']);
  expect(versions(13)).toEqual(['1.2.0', '1.1.0']);
  expect(versions(14)).toEqual(['1.2.0', '1.1.0']);
  expect(versions(15)).toEqual(['1.1.0', '1.2.0']);
  expect(versions(23)).toEqual(['1.1.0', '1.2.0']);
});

it('the past ends at that instant, the millisecond included', () => {
  expect(heldAt(HISTORY, at(13)).past).toHaveLength(4);
  expect(heldAt(HISTORY, '2026-03-01T12:59:59.999Z').past).toHaveLength(3);
});

describe('an environment is behind the one before it', () => {
  const at = (version: string, digest = version) => ({ version, digest });

  it.each([
    ['where it runs an older version', at('1.9.0'), at('1.10.0'), true],
    ['where it runs nothing', null, at('1.0.0'), true],
    ['where the same version is another image', at('1.0.0', 'a'), at('v1.0.0', 'b'), true],
    ['where names are in no order', at('build-9'), at('build-10'), true],
    ['but not where it runs the same', at('1.0.0', 'a'), at('v1.0.0', 'a'), false],
    ['but not behind what is older: nobody goes forward to that', at('1.10.0'), at('1.9.0'), false],
  ])('%s', (_case, current, before, expected) => {
    expect(isBehind(current, before)).toBe(expected);
  });
});
