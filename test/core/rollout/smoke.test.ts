import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeSmoke, lostAllowed, requestsFor, type SmokeAnswer } from '../../../core/rollout/smoke.ts';

const check = { name: 'me', path: '/me', status: 200, json: { id: null, ok: true } };
const answer = (body: unknown, status = 200): SmokeAnswer => ({
  kind: 'answer',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('an answer', () => {
  it('passes with every member, null meaning present and not null', () => {
    expect(judgeSmoke(check, answer({ id: 7, ok: true, more: [] }))).toBeUndefined();
    expect(judgeSmoke({ name: 'page', path: '/', status: 200, contains: 'Sign In' }, answer('<h1>Sign In</h1>'))).toBeUndefined();
  });

  it.each([
    ['another status', answer({ id: 7, ok: true }, 500)],
    ['a redirect', answer('', 301)],
    ['a member that is null', answer({ id: null, ok: true })],
    ['a member that is missing', answer({ ok: true })],
    ['a member of another type', answer({ id: 7, ok: 'true' })],
    ['a member that every object inherits', answer('{"ok": true, "__proto__": {"id": 7}}')],
    ['an array', answer([{ id: 7, ok: true }])],
    ['no JSON', answer('ok')],
    ['no answer', { kind: 'failed', reason: 'no complete answer within 5 s' } as const],
    ['a lost connection', { kind: 'lost', reason: 'the connection was lost' } as const],
  ])('fails with %s, and the reason never quotes it', (_name, given) => {
    const reason = judgeSmoke(check, given);
    expect(reason).toMatch(/^me: /);
  });

  it('that holds a secret is not quoted', () => {
    expect(judgeSmoke(check, answer({ id: 'secret', ok: 'secret' }))).not.toContain('secret');
  });
});

it('a check is repeated until a pod of the new version is met with 99.9 %', () => {
  expect(requestsFor(10)).toBe(66);
  expect(requestsFor(50)).toBe(10);
  expect(requestsFor(100)).toBe(5);
  fc.assert(
    fc.property(fc.double({ min: 6.7, max: 100, noNaN: true }), (weight) => {
      expect((1 - weight / 100) ** requestsFor(weight)).toBeLessThanOrEqual(0.001);
    }),
  );
  expect(requestsFor(1)).toBe(100);
  expect(lostAllowed(5)).toBe(1);
  expect(lostAllowed(66)).toBe(3);
});
