import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../core/notification/message.ts';
import type { NoticeType } from '../../../core/promotion/change.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { promotionIn } from '../promotion/fixture.ts';

const subject = (type: NoticeType, data: Record<string, string | null> = {}, more: Partial<Promotion> = {}) =>
  messageOf({ type, data, promotion: promotionIn('promoting', { kind: 'rollback', from: 'prod', ...more }), justification: 'x' }).subject;

describe('a rollback, as people are told of it', () => {
  it('goes back to a version, and from nowhere', () => {
    expect(subject('rollback.started')).toBe('[PR-2026-0007] Rollback started — payment-api: prod back to 1.1.0');
    expect(subject('promotion.requested')).toContain('Rollback requested');
    expect(subject('promotion.blocked')).toContain('Rollback blocked');
    expect(subject('rollback.finished', { version: '1.1.0', replaced: '1.2.0' })).toContain('Rolled back');
  });

  it('whose own rollout fails is not called done', () => {
    expect(subject('rollback.started', { code: 'SMOKE_FAILED' })).toContain('Rollback failed, what ran before is restored');
    expect(subject('rollback.finished', { restored: null })).toContain('Rollback failed, what ran before runs again');
    expect(subject('promotion.failed', { code: 'ROLLBACK_FAILED' })).toContain('Rollback failed');
  });

  it('is told apart from the way back of a promotion', () => {
    const promote = { kind: 'promote' as const, from: 'staging' };
    expect(subject('rollback.started', { code: 'SMOKE_FAILED' }, promote)).toContain(
      'Rollback started — payment-api 1.1.0: staging → prod',
    );
  });
});
