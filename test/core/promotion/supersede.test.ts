import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinal, PHASES } from '../../../core/promotion/phase.ts';
import { mayBeSuperseded, supersede, supersededIn } from '../../../core/promotion/supersede.ts';
import { promotionIn } from './fixture.ts';

const request = (id: number, phase: (typeof PHASES)[number], more: object = {}) =>
  promotionIn(phase, {
    id: `PR-2026-${String(id).padStart(4, '0')}`,
    createdAt: `2026-11-20T12:00:${String(id % 60).padStart(2, '0')}.000Z`,
    ...more,
  });
const ended = (...requests: ReturnType<typeof request>[]) =>
  [...supersededIn(requests, (environment) => environment === 'prod')].map(([{ id }, by]) => `${id.slice(-1)} by ${by.slice(-1)}`).sort();

describe('superseding', () => {
  it('ends what is older of the same artifact and has not begun, once the newer one has passed its gates', () => {
    expect(ended(request(1, 'pending_approval'), request(2, 'approved'), request(3, 'pending_approval'))).toEqual(['1 by 3', '2 by 3']);
    expect(ended(request(1, 'blocked'), request(2, 'promoting'))).toEqual(['1 by 2']);
    expect(ended(request(1, 'approved'), request(2, 'blocked'), request(3, 'validating'))).toEqual([]);
    expect(ended(request(1, 'promoting'), request(2, 'approved'))).toEqual([]);
    expect(ended(request(1, 'approved', { artifact: 'other' }), request(2, 'approved'))).toEqual([]);
    expect(ended(request(1, 'approved', { to: 'staging' }), request(2, 'approved', { to: 'staging' }))).toEqual([]);
    expect(ended(request(1, 'approved', { kind: 'rollback' }), request(2, 'approved'))).toEqual([]);
    expect(ended(request(1, 'approved'), request(2, 'approved', { kind: 'repair' }))).toEqual([]);
    expect(ended(request(8, 'approved', { createdAt: 'x' }), request(9, 'approved', { createdAt: 'x' }))).toEqual(['8 by 9']);
    expect(ended(request(9, 'approved', { createdAt: 'x' }), request(11, 'approved', { createdAt: 'x', id: 'PR-2026-10001' }))).toEqual([
      '9 by 1',
    ]);
  });

  it('never ends the newest, nor what has begun, and leaves one at most that waits', () => {
    const anyRequest = fc.tuple(fc.integer({ min: 1, max: 59 }), fc.constantFrom(...PHASES.filter((phase) => !isFinal(phase))));
    fc.assert(
      fc.property(fc.uniqueArray(anyRequest, { selector: ([id]) => id, maxLength: 12 }), (drawn) => {
        const requests = drawn.map(([id, phase]) => request(id, phase));
        const gone = supersededIn(requests, () => true);
        for (const [each, by] of gone) {
          expect(mayBeSuperseded(each)).toBe(true);
          expect(by > each.id).toBe(true);
        }
        const waiting = requests.filter((each) => !gone.has(each) && ['pending_approval', 'approved'].includes(each.phase));
        expect(waiting.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is one event, tells who asked, and ends the run that waits', () => {
    expect(supersede(request(1, 'approved'), 'PR-2026-0002')).toMatchObject({
      after: { phase: 'superseded' },
      event: { type: 'promotion.superseded', data: { by: 'PR-2026-0002' } },
      notices: [{ type: 'approval.closed', data: { outcome: 'superseded' } }],
      wake: { kind: 'resume' },
    });
  });
});
