import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/approval/decision.ts';
import { type LinkRow, refuseEndedLink, standingOf } from '../../../core/approval/link-standing.ts';
import type { LinkClaims } from '../../../core/approval/link-token.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { decisionBy, keyOf, NOW, promotionIn } from '../promotion/fixture.ts';

const END = Date.parse('2026-11-27T12:00:00.000Z');

function facts(
  more: { phase?: Phase; state?: LinkRow['state']; decisions?: Decision[]; at?: number; planHash?: string; expiresAt?: string } = {},
) {
  const promotion = promotionIn(more.phase ?? 'pending_approval', { expiresAt: more.expiresAt ?? new Date(END).toISOString() });
  const planHash = more.planHash ?? promotion.planHash;
  const claims: LinkClaims = {
    kid: 'k1',
    audience: 'https://x.example.com',
    id: '0'.repeat(32),
    requestId: promotion.id,
    approver: keyOf('lead'),
    planHash,
    issuedAt: 0,
    expiresAt: END / 1000,
  };
  const row: LinkRow = {
    id: claims.id,
    requestId: promotion.id,
    approver: claims.approver,
    planHash,
    state: more.state ?? 'issued',
    expiresAt: new Date(END).toISOString(),
  };
  return { claims, row, promotion, decisions: more.decisions ?? [], now: new Date(more.at ?? NOW.getTime()) };
}

function outcome(given: Parameters<typeof facts>[0] = {}): string {
  try {
    return standingOf(facts(given)) ? 'decided' : 'open';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
const mine = (more: Partial<Decision> = {}) => decisionBy('lead', promotionIn('pending_approval'), more);

describe('LINK-07 the time of a link', () => {
  it.each([
    ['a second before its end', END - 1_000, 'open'],
    ['a millisecond before its end', END - 1, 'open'],
    ['at its end', END, 'LINK_EXPIRED'],
    ['a millisecond after it', END + 1, 'LINK_EXPIRED'],
    ['a second after it', END + 1_000, 'LINK_EXPIRED'],
  ])('%s', (_what, at, expected) => {
    expect(outcome({ at })).toBe(expected);
  });

  it('ends with the earlier of its dates: its own, the one that is stored, the one of the request', () => {
    for (const date of ['claims', 'row', 'request'] as const) {
      const given = facts({ at: END - 60_000 });
      if (date === 'claims') given.claims.expiresAt -= 60;
      if (date === 'row') given.row.expiresAt = new Date(END - 60_000).toISOString();
      if (date === 'request') given.promotion = { ...given.promotion, expiresAt: new Date(END - 60_000).toISOString() };
      expect(() => standingOf(given), date).toThrow('the time of this link is over');
      expect(standingOf({ ...given, now: new Date(END - 60_001) }), date).toBeUndefined();
    }
  });

  it('is over when the store says that the request has expired, also for a clock that is five minutes behind', () => {
    expect(outcome({ phase: 'expired', at: END - 300_000 })).toBe('LINK_EXPIRED');
    expect(outcome({ phase: 'expired', at: END - 300_000, decisions: [mine()] })).toBe('LINK_EXPIRED');
  });

  it('is over for what was decided by it too', () => {
    expect(outcome({ phase: 'approved', decisions: [mine()], state: 'used', at: END })).toBe('LINK_EXPIRED');
  });
});

describe('what a link is good for', () => {
  it('depends on what has become of the request', () => {
    const outcomes = Object.fromEntries(PHASES.map((phase) => [phase, outcome({ phase })]));
    expect(outcomes).toEqual({
      requested: 'open',
      validating: 'open',
      blocked: 'open',
      pending_approval: 'open',
      approved: 'LINK_USED',
      promoting: 'LINK_USED',
      succeeded: 'LINK_USED',
      rolling_back: 'LINK_USED',
      rolled_back: 'LINK_USED',
      failed: 'LINK_USED',
      rejected: 'LINK_USED',
      expired: 'LINK_EXPIRED',
      cancelled: 'LINK_USED',
      superseded: 'LINK_USED',
    });
  });

  it('is what its addressee has decided, whichever way and whatever came of it', () => {
    for (const phase of ['pending_approval', 'approved', 'promoting', 'succeeded', 'rejected'] as const) {
      for (const state of ['issued', 'used'] as const) expect(outcome({ phase, state, decisions: [mine()] }), phase).toBe('decided');
    }
    const others = [decisionBy('security', promotionIn('pending_approval')), mine({ planHash: 'sha256:other' })];
    expect(outcome({ decisions: others })).toBe('open');
  });

  it('is nothing once its decision was taken back, or it was revoked', () => {
    expect(outcome({ state: 'used', decisions: [mine({ withdrawn: true })] })).toBe('LINK_USED');
    for (const decisions of [[], [mine()]]) expect(outcome({ state: 'revoked', decisions })).toBe('LINK_USED');
    expect(() => refuseEndedLink(facts({ state: 'revoked' }))).toThrow('revoked');
  });

  it('LINK-08 leaves a plan that has changed to the rule that decides, unless everything is over', () => {
    const planHash = 'sha256:other';
    for (const phase of ['validating', 'blocked', 'pending_approval', 'approved', 'promoting'] as const) {
      for (const state of ['issued', 'used'] as const) expect(outcome({ phase, planHash, state }), phase).toBe('open');
    }
    for (const phase of ['cancelled', 'succeeded', 'rejected'] as const) expect(outcome({ phase, planHash })).toBe('LINK_USED');
  });

  it('says who ended it', () => {
    expect(() => standingOf(facts({ phase: 'promoting' }))).toThrow('others have decided: it is promoting');
    expect(() => standingOf(facts({ phase: 'cancelled' }))).toThrow('the request is over: it is cancelled');
  });
});
