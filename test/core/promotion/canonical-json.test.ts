import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, contentHash, type Json } from '../../../core/promotion/canonical-json.ts';
import { type Plan, planHashOf } from '../../../core/promotion/plan.ts';
import { prodPlan } from './fixture.ts';

/** The same value with its members in the opposite order, at every level. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => reversed(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member as Json)]),
  );
}

it('is the same whatever the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(reversed(value as Json))).toBe(canonicalJson(value as Json));
    }),
  );
});

it('says what JSON says: reading it gives the value again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

it('leaves out what is undefined, and refuses what no number is', () => {
  expect(canonicalJson({ b: undefined, a: [1, 'x', null, true] })).toBe('{"a":[1,"x",null,true]}');
  expect(() => canonicalJson({ a: Number.NaN })).toThrow(TypeError);
  expect(() => canonicalJson([Number.POSITIVE_INFINITY])).toThrow(TypeError);
});

it('gives another hash for every member of a plan that changes', () => {
  const { plan } = prodPlan();
  const hash = planHashOf(plan);
  for (const member of Object.keys(plan) as (keyof Plan)[]) {
    expect(planHashOf({ ...plan, [member]: 'another' } as unknown as Plan), member).not.toBe(hash);
  }
  expect(planHashOf({ ...plan, edition: 2 })).not.toBe(hash);
  expect(planHashOf({ ...plan, rollout: { ...plan.rollout, bakeSeconds: 6 } })).not.toBe(hash);
  expect(planHashOf(reversed(plan as unknown as Json) as unknown as Plan)).toBe(hash);
  expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/);
});

it('keeps lists and texts apart that look alike', () => {
  expect(contentHash(['a', 'b'])).not.toBe(contentHash(['b', 'a']));
  expect(contentHash(['1'])).not.toBe(contentHash([1]));
  expect(contentHash({ a: 'b":"c' })).not.toBe(contentHash({ a: 'b', '":"': 'c' }));
});
