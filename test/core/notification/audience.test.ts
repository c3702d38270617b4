import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../../core/access/identity.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import { audienceOf, type Recipient } from '../../../core/notification/audience.ts';
import type { NoticeType } from '../../../core/promotion/change.ts';
import type { Phase } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { actor, approversOf, decisionBy, demoConfiguration, keyOf, prodPlan, promotionIn } from '../promotion/fixture.ts';

const { plan } = prodPlan();

function audience(
  type: NoticeType,
  phase: Phase,
  more: {
    promotion?: Partial<Promotion>;
    decisions?: string[];
    change?: (c: ReturnType<typeof demoConfiguration>) => void;
    named?: Recipient[];
  } = {},
) {
  const configuration = demoConfiguration();
  more.change?.(configuration);
  const promotion = promotionIn(phase, more.promotion);
  const decisions: Decision[] = (more.decisions ?? []).map((subject) => decisionBy(subject, promotion));
  return audienceOf(type, { approvers: approversOf(configuration), promotion, plan, decisions }, {}, more.named);
}
const withLink = (recipients: ReturnType<typeof audience>) =>
  recipients.filter(({ approverKey }) => approverKey !== undefined).map(({ email }) => email);

describe('a link goes', () => {
  it('to each person whose approval is asked, bound to that person', () => {
    expect(audience('approval.requested', 'pending_approval')).toEqual([
      { email: 'lead@example.com', approverKey: keyOf('lead') },
      { email: 'security@example.com', approverKey: keyOf('security') },
    ]);
  });

  it('not to those who have decided, and again to one whose approval counts no more', () => {
    expect(withLink(audience('approval.decided', 'pending_approval', { decisions: ['lead'] }))).toEqual(['security@example.com']);
    const moved = audience('approval.requested', 'pending_approval', {
      decisions: ['lead', 'security'],
      change: ({ people }) => {
        people.find(({ subject }) => subject === 'lead')!.teams = [];
        people.find(({ subject }) => subject === 'qa')!.teams = ['platform-leads'];
      },
    });
    expect(withLink(moved)).toEqual(['qa@example.com']);
  });

  it('never to the requester, another account of theirs, or an editor', () => {
    const requester = { ...actor('somebody'), email: 'L.e.a.d+alias@EXAMPLE.com' };
    expect(withLink(audience('approval.requested', 'pending_approval', { promotion: { requester } }))).toEqual(['security@example.com']);
    const edited = audience('approval.requested', 'pending_approval', { promotion: { editors: [actor('security')] } });
    expect(withLink(edited)).toEqual(['lead@example.com']);
  });

  it('never to a list, also not one that has an approver on it', () => {
    const recipients = audience('approval.requested', 'pending_approval', {
      named: ['LEAD@example.com', 'ops@example.com', 'all@example.com'].map((email) => ({ email })),
    });
    expect(withLink(recipients)).toEqual(['lead@example.com', 'security@example.com']);
    expect(recipients.map(({ email }) => email)).toEqual([...withLink(recipients), 'ops@example.com', 'all@example.com']);
  });

  it.each<[NoticeType, Phase]>([
    ['approval.requested', 'validating'],
    ['approval.requested', 'cancelled'],
    ['approval.requested', 'approved'],
    ['approval.decided', 'approved'],
    ['approval.decided', 'rejected'],
    ['approval.closed', 'approved'],
    ['promotion.requested', 'requested'],
    ['promotion.started', 'promoting'],
    ['promotion.succeeded', 'succeeded'],
  ])('to nobody with %s in phase %s', (type, phase) => {
    expect(withLink(audience(type, phase, { decisions: ['lead'] }))).toEqual([]);
  });
});

describe('news go', () => {
  it('to the requester, and to who decided once the rollout begins', () => {
    expect(audience('approval.closed', 'approved', { decisions: ['lead'] })).toEqual([{ email: 'dev@example.com' }]);
    for (const type of ['promotion.started', 'rollback.started'] as const) {
      const emails = audience(type, 'promoting', { decisions: ['lead'] }).map(({ email }) => email);
      expect(emails, type).toEqual(['dev@example.com', 'lead@example.com']);
    }
  });

  it('of an end to everybody who had to do with it: who asked, who decided, who might have', () => {
    for (const type of ['promotion.succeeded', 'rollback.finished'] as const) {
      const emails = audience(type, 'promoting', { decisions: ['lead'] }).map(({ email }) => email);
      expect(emails, type).toEqual(['dev@example.com', 'lead@example.com', 'security@example.com']);
    }
  });

  it('CAN-15 of a failure to who runs the place, too, also where it was taken back', () => {
    const told = (type: NoticeType, data: Record<string, string>) => {
      const facts = { approvers: approversOf(), promotion: promotionIn('failed'), plan, decisions: [] };
      return audienceOf(type, facts, { data }).map(({ email }) => email);
    };
    const everybody = ['admin@example.com', 'dev@example.com', 'lead@example.com', 'security@example.com'];
    expect(told('promotion.failed', { code: 'ROLLBACK_FAILED' })).toEqual(everybody);
    expect(told('rollback.finished', { restored: '1.0.0' })).toEqual(everybody);
    expect(told('rollback.finished', { version: '1.0.0' })).toEqual(everybody.slice(1));
  });

  it('of a version that is taken back by itself to administrators and to who brought it; the engine that asks for it has no mailbox', () => {
    const more = { promotion: { requester: ENGINE }, named: [{ email: 'dev@example.com' }] };
    expect(audience('environment.alert', 'requested', more).map(({ email }) => email)).toEqual(['admin@example.com', 'dev@example.com']);
    expect(audience('rollback.started', 'promoting', { promotion: { requester: ENGINE } })).toEqual([{ email: 'admin@example.com' }]);
  });

  it('to nobody about single gates and steps', () => {
    for (const type of ['gate.finished', 'rollout.step', 'promotion.requested'] as const) expect(audience(type, 'promoting')).toEqual([]);
  });

  it('of a decision by mailed link to everybody who could have given one too, without a link, and not to its own person', () => {
    const configuration = demoConfiguration();
    const facts = { approvers: approversOf(configuration), promotion: promotionIn('approved'), plan, decisions: [] };
    configuration.people.find(({ subject }) => subject === 'qa')!.teams = ['platform-leads'];
    const told = (channel: string) =>
      audienceOf('approval.decided', facts, { data: { channel }, by: { key: keyOf('lead'), email: 'lead@example.com' } });
    expect(told('link')).toEqual(['qa', 'security', 'dev'].map((subject) => ({ email: `${subject}@example.com` })));
    expect(told('rest')).toEqual([{ email: 'dev@example.com' }]);
  });

  it('that somebody has to act on to every approver and administrator', () => {
    const everybody = ['lead@example.com', 'security@example.com', 'admin@example.com'];
    const facts = { approvers: approversOf(), promotion: promotionIn('promoting'), plan, decisions: [] };
    const revoked = audienceOf('security.alert', facts, { data: { signal: 'decision_revoked' } });
    expect(revoked).toEqual(everybody.map((email) => ({ email })));
    expect(audience('security.alert', 'promoting')).toEqual([{ email: 'admin@example.com' }]);
    expect(audience('notification.failed', 'pending_approval').map(({ email }) => email)).toEqual([...everybody, 'dev@example.com']);
  });

  it('once to each address, however it is spelled', () => {
    const recipients = audience('promotion.succeeded', 'succeeded', {
      decisions: ['lead'],
      named: ['DEV@example.com', 'ops@example.com', 'OPS@example.com'].map((email) => ({ email })),
    });
    expect(recipients.map(({ email }) => email)).toEqual([
      'dev@example.com',
      'lead@example.com',
      'security@example.com',
      'ops@example.com',
    ]);
  });
});
