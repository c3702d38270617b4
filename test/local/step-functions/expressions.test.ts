import { afterAll, describe, expect, test } from 'vitest';
import { Clock } from '../../../local/clock.ts';
import { evaluate } from '../../../local/step-functions/expressions.ts';

const clock = new Clock();
afterAll(() => clock.close());
const value = (source: string, input: unknown = {}, variables: Record<string, unknown> = {}) =>
  evaluate(`{% ${source} %}`, { states: { input, context: {} }, variables, clock, stateName: 'S' }, 'Output');

test.each<[string, unknown]>([
  ['$partition([1,2,3,4,5], 2)', [[1, 2], [3, 4], [5]]],
  ['$range(0, 1, 0.25)', [0, 0.25, 0.5, 0.75, 1]],
  ['$range(3, 1, -1)', [3, 2, 1]],
  ['$hash("abc", "SHA-256")', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['$hash("abc", "MD5")', '900150983cd24fb0d6963f7d28e17f72'],
  ['$parse("{\\"a\\":[1]}").a', [1]],
  ['$random(7) = $random(7)', true],
  ['$uuid() = $uuid()', false],
  ['$states.input.l[$ > 1]', [2, 3]],
  ['$n + 1', 6],
])('%s', async (source, wanted) => {
  expect(await value(source, { l: [1, 2, 3] }, { n: 5 })).toEqual(wanted);
});

test('$now and $millis follow the virtual clock', async () => {
  await clock.advance(40 * 86_400_000);
  expect(Math.abs(Number(await value('$millis()')) - clock.now())).toBeLessThan(5_000);
  expect(String(await value('$now()')).slice(0, 10)).toBe(clock.date().toISOString().slice(0, 10));
  expect(await value('$now("[Y0001]")')).toBe(String(clock.date().getUTCFullYear()));
});

describe('fails with States.QueryEvaluationError', () => {
  test.each([
    ['nothing', '$states.input.nope'],
    ['an unknown variable', '$nope'],
    ['a function', '$sum'],
    ['a lambda', 'function($x) { $x }'],
    ['an error', '$states.input + "x"'],
    ['$eval by another name', '($e := $eval; $e("1"))'],
    ['the top-level context', '$'],
    ['a range that is too long', '$range(1, 2000, 1)'],
    ['an unknown hash', '$hash("a", "CRC")'],
  ])('%s', async (_, source) => {
    await expect(value(source, { a: 1 })).rejects.toMatchObject({ error: 'States.QueryEvaluationError' });
  });
});

test('keeps a key __proto__ of input as data', async () => {
  const input = JSON.parse('{"__proto__":{"admin":true}}') as unknown;
  const made = (await value('$states.input', input)) as Record<string, unknown>;
  expect(made.admin).toBeUndefined();
  expect(Object.hasOwn(made, '__proto__')).toBe(true);
});
