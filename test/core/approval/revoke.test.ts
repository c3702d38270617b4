import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/approval/decision.ts';
import { revoke } from '../../../core/approval/revoke.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { acting, decisionBy, keyOf, promotionIn } from '../promotion/fixture.ts';

const byLink = (more: Partial<Decision> = {}) => decisionBy('lead', promotionIn('pending_approval'), { channel: 'link', ...more });
const take = (phase: Phase, decision: Decision | undefined) =>
  revoke(
    { promotion: promotionIn(phase, { waitingOn: 'confirm' }), decision, linkId: 'l1' },
    { ...acting('lead'), auth: 'email-link', channel: 'link' },
  );

describe('"this was not me"', () => {
  it('takes back while nothing has begun, and is too late afterwards', () => {
    const outcomes = Object.fromEntries(PHASES.map((phase) => [phase, take(phase, byLink()).outcome]));
    expect(outcomes).toMatchObject({ pending_approval: 'taken_back', approved: 'taken_back', promoting: 'begun', rolling_back: 'begun' });
    for (const phase of ['succeeded', 'rolled_back', 'failed', 'rejected', 'expired', 'cancelled'] as const)
      expect(outcomes[phase]).toBe('over');
  });

  it('opens approval again where it was complete, and lets the run that waited for its turn wait for it', () => {
    const { change } = take('approved', byLink());
    expect(change.after).toMatchObject({ phase: 'pending_approval' });
    expect(change.after.waitingOn).toBeUndefined();
    expect(change.wake).toMatchObject({ kind: 'resume', wait: 'turn' });
    expect(change.withdraw).toEqual([keyOf('lead')]);
    expect(change.notices!.map(({ type }) => type)).toEqual(['approval.requested', 'security.alert']);
    const open = take('pending_approval', byLink()).change;
    expect(open.after).toBe(open.before);
    expect(open.wake).toBeUndefined();
  });

  it('always kills the link, records one event, and tells people if there was a decision', () => {
    for (const phase of PHASES) {
      for (const decision of [undefined, byLink(), byLink({ withdrawn: true }), byLink({ planHash: 'sha256:other' })]) {
        const { change, outcome } = take(phase, decision);
        expect(change.revokeLink).toBe('l1');
        expect(change.event).toMatchObject({ type: 'link.revoked', auth: 'email-link', channel: 'link', data: { outcome } });
        expect(change.notices!.some(({ type }) => type === 'security.alert')).toBe(decision !== undefined);
        if (outcome !== 'taken_back') {
          expect(change.after).toBe(change.before);
          expect(change.withdraw).toBeUndefined();
        }
      }
    }
  });

  it('has nothing to take back where nothing was decided, or where it does not count any more', () => {
    expect(take('pending_approval', undefined).outcome).toBe('unused');
    expect(take('pending_approval', byLink({ withdrawn: true })).outcome).toBe('void');
    expect(take('approved', byLink({ planHash: 'sha256:other' })).outcome).toBe('void');
  });
});
