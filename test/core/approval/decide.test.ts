import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../core/access/identity.ts';
import { limitedTo, type Membership, membershipOfKey, NOBODY } from '../../../core/access/membership.ts';
import { type DecisionFacts, type DecisionInput, type DecisionOutcome, decide } from '../../../core/approval/decide.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { Delegation } from '../../../core/approval/delegation.ts';
import type { ApprovalStage } from '../../../core/approval/stage.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { Refusal } from '../../../core/errors.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { planHashOf } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import {
  acting,
  actor,
  approversOf,
  becomes,
  decisionBy,
  delegation,
  demoConfiguration,
  keyOf,
  NOW,
  prodPlan,
  promotionIn,
  robotOf,
} from '../promotion/fixture.ts';

const HASH = `sha256:${'d'.repeat(64)}`;

interface Case {
  promotion?: Partial<Promotion>;
  phase?: Phase;
  approvals?: ApprovalStage[];
  execute?: 'auto' | 'manual';
  /** Who has approved already. */
  given?: (string | (Partial<Decision> & { by: string }))[];
  delegations?: Delegation[];
  change?: (configuration: Configuration) => void;
  now?: string;
  membership?: Membership;
  isReciprocal?: boolean;
  input?: Partial<DecisionInput>;
}

function run(who: string | Actor, decision: 'approve' | 'reject', its: Case = {}): DecisionOutcome {
  const configuration = demoConfiguration();
  its.change?.(configuration);
  const { plan: drawn } = prodPlan(configuration);
  const plan = { ...drawn, ...(its.approvals ? { approvals: its.approvals } : {}), ...(its.execute ? { execute: its.execute } : {}) };
  const planHash = planHashOf(plan);
  const promotion = promotionIn(its.phase ?? 'pending_approval', { planHash, firstPlanHash: planHash, ...its.promotion });
  const decisions = (its.given ?? []).map((one, index) => {
    const { by, ...more } = typeof one === 'string' ? { by: one } : one;
    const at = new Date(NOW.getTime() - 60_000 + index).toISOString();
    return { ...decisionBy(by, promotion, { at, ...more }), ...groupsOf(configuration, by), ...more };
  });
  const person = typeof who === 'string' ? actor(who) : who;
  const facts: DecisionFacts = {
    promotion,
    plan,
    decisions,
    membership: its.membership ?? membershipOfKey(configuration, person.key),
    approvers: approversOf(configuration, its.delegations ?? [], its.now === undefined ? NOW : new Date(its.now)),
    gatesHash: HASH,
    isReciprocal: its.isReciprocal ?? false,
    now: its.now ?? NOW.toISOString(),
    hashText: (text) => `hash of ${text}`,
  };
  return decide(facts, { ...acting('lead'), actor: person, decision, ...its.input });
}

function groupsOf(configuration: Configuration, subject: string): Pick<Decision, 'teams' | 'roles'> {
  const person = configuration.people.find((candidate) => candidate.subject === subject);
  return { teams: person?.teams ?? [], roles: person?.roles ?? [] };
}

function changeOf(...args: Parameters<typeof run>): PromotionChange {
  const outcome = run(...args);
  if (outcome.kind !== 'change') throw new Error(outcome.kind);
  return outcome.change;
}

function outcomeOf(...args: Parameters<typeof run>): string {
  try {
    const outcome = run(...args);
    return outcome.kind === 'change' ? outcome.change.after.phase : outcome.kind;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

const rule = (team: string, min = 1) => ({ team, min });
const stage = (name: string, ...rules: ApprovalStage['rules']): ApprovalStage => ({ name, rules });
const TWO_LEADS = [stage('approval', rule('platform-leads', 2))];
const moreLeads = (configuration: Configuration) => {
  for (const { subject, teams } of configuration.people) if (subject === 'qa' || subject === 'cpi') teams.push('platform-leads');
};

describe('who decides', () => {
  const editor = (subject: string, owner?: string) => ({ ...actor(subject), ...(owner ? { owner: actor(owner) } : {}) });
  const waiver = { gate: 'http', type: 'http' as const, definitionHash: HASH, by: actor('lead'), at: '', expiresAt: '', review: 'rv-1' };
  const table: [string, string | Actor, Case, string][] = [
    ['a member of a team that is asked', 'lead', {}, 'pending_approval'],
    ['SELF-01: not who requested it', 'dev', {}, 'SELF_APPROVAL'],
    ['SELF-01: not who requested it, with a role that could', 'lead', { promotion: { requester: actor('lead') } }, 'SELF_APPROVAL'],
    ['SELF-02: not another account of who requested it', { ...actor('lead'), email: 'D.e.v+lead@EXAMPLE.com' }, {}, 'SELF_APPROVAL'],
    ['not who owns the robot that requested it', 'lead', { promotion: { requester: robotOf('lead') } }, 'SELF_APPROVAL'],
    ['but another one than the owner', 'security', { promotion: { requester: robotOf('lead') } }, 'pending_approval'],
    ['SELF-05: not who edited it', 'lead', { promotion: { editors: [editor('lead')] } }, 'SELF_APPROVAL'],
    ['not who owns the robot that edited it', 'lead', { promotion: { editors: [editor('robot', 'lead')] } }, 'SELF_APPROVAL'],
    ['not who waived a gate of it', 'lead', { promotion: { waivers: [waiver] } }, 'SELF_APPROVAL'],
    ['not the robot itself', robotOf('qa'), { membership: membershipOfKey(demoConfiguration(), keyOf('lead')) }, 'HUMAN_REQUIRED'],
    ['not the engine', { ...actor('lead'), kind: 'system' }, {}, 'HUMAN_REQUIRED'],
    ['not somebody of another tenant, who learns nothing', 'outsider', {}, 'NOT_FOUND'],
    ['not somebody unknown, who learns nothing', 'nobody', {}, 'NOT_FOUND'],
    ['not who may only read', 'viewer', {}, 'FORBIDDEN'],
    [
      'not by a role that holds elsewhere',
      'lead',
      {
        change: becomes('lead', { roleEnvironments: { approver: ['staging'] } }),
      },
      'FORBIDDEN',
    ],
    [
      'by a role that holds there',
      'lead',
      {
        change: becomes('lead', { roleEnvironments: { approver: ['prod'] } }),
      },
      'pending_approval',
    ],
    [
      'not by a credential that is cut down to reading',
      'lead',
      { membership: limitedTo(membershipOfKey(demoConfiguration(), keyOf('lead')), { verbs: ['read'] }) },
      'FORBIDDEN',
    ],
    ['AUTH-10: not an approver of a team that is not asked', 'qa', {}, 'NOT_AN_APPROVER'],
    [
      'not in the place of somebody whose delegation is over',
      'qa',
      { delegations: [delegation('lead', 'qa', { until: NOW.toISOString() })] },
      'NOT_AN_APPROVER',
    ],
    ['in the place of somebody who named him or her', 'qa', { delegations: [delegation('lead', 'qa')] }, 'pending_approval'],
    [
      'not in the place of who requested it',
      'qa',
      { promotion: { requester: actor('lead') }, delegations: [delegation('lead', 'qa')] },
      'NOT_AN_APPROVER',
    ],
  ];
  it.each(table)('%s', (_name, who, its, expected) => {
    expect(outcomeOf(who, 'approve', its)).toBe(expected);
  });

  it('needs its own verb to reject', () => {
    const change = ({ roles }: Configuration) => {
      roles['approver'] = { ...roles['approver']!, verbs: ['read', 'approve'] };
    };
    expect(outcomeOf('lead', 'reject', { change })).toBe('FORBIDDEN');
    expect(outcomeOf('lead', 'approve', { change })).toBe('pending_approval');
  });
});

describe('when', () => {
  it.each(PHASES)('a request that is %s', (phase) => {
    const expected = phase === 'pending_approval' ? 'pending_approval' : phase === 'expired' ? 'EXPIRED' : 'STATE_CONFLICT';
    expect(outcomeOf('lead', 'approve', { phase })).toBe(expected);
  });

  it('before the deadline, to the millisecond', () => {
    const { expiresAt } = promotionIn('pending_approval');
    expect(outcomeOf('lead', 'approve', { now: expiresAt })).toBe('EXPIRED');
    expect(outcomeOf('lead', 'reject', { now: expiresAt })).toBe('EXPIRED');
    expect(outcomeOf('lead', 'approve', { now: new Date(Date.parse(expiresAt) - 1).toISOString() })).toBe('pending_approval');
  });

  it('on the plan that was seen only; without a hash, on the first plan only', () => {
    expect(outcomeOf('lead', 'approve', { input: { planHash: HASH } })).toBe('PLAN_CHANGED');
    expect(outcomeOf('lead', 'approve', { promotion: { firstPlanHash: HASH } })).toBe('PLAN_CHANGED');
    const { planHash } = changeOf('lead', 'approve').decision!;
    expect(outcomeOf('lead', 'approve', { promotion: { firstPlanHash: HASH }, input: { planHash } })).toBe('pending_approval');
  });

  it('its stage is open: an approval for a later one is not taken, a rejection always is', () => {
    const approvals = [stage('leads', rule('platform-leads')), stage('review', rule('security'))];
    expect(outcomeOf('security', 'approve', { approvals })).toBe('NOT_AN_APPROVER');
    expect(outcomeOf('security', 'reject', { approvals })).toBe('rejected');
    expect(outcomeOf('security', 'approve', { approvals, given: ['lead'] })).toBe('approved');
  });

  it('a further member of a team that has approved is heard too, while its stage is open', () => {
    expect(outcomeOf('qa', 'approve', { change: moreLeads, given: ['lead'] })).toBe('pending_approval');
  });
});

describe('the change', () => {
  it('holds the decision, its event without free text, its history line and its notice', () => {
    const change = changeOf('lead', 'approve', { input: { comment: 'read it', linkId: 'abc' } });
    expect(change.decision).toEqual({
      requestId: 'PR-2026-0007',
      planHash: change.before!.planHash,
      actor: actor('lead'),
      teams: ['platform-leads'],
      roles: ['approver'],
      decision: 'approve',
      at: NOW.toISOString(),
      channel: 'rest',
      auth: 'oidc',
      gatesHash: HASH,
      comment: 'read it',
    });
    expect(change.event).toEqual({
      type: 'approval.decided',
      actor: actor('lead'),
      auth: 'oidc',
      channel: 'rest',
      data: { decision: 'approve', gates: HASH, phase: 'pending_approval', stagesMet: 0, commentSha256: 'hash of read it' },
      history: { action: 'approved', comment: 'read it' },
    });
    expect(change.useLink).toBe('abc');
    expect(change.notices).toEqual([{ type: 'approval.decided', data: { decision: 'approve', channel: 'rest' } }]);
    expect(change.wake).toBeUndefined();
    expect(change.replaces).toBeUndefined();
  });

  it('approves, tells and wakes the run once nothing is missing', () => {
    const change = changeOf('security', 'approve', { given: ['lead'] });
    expect(change.after).toMatchObject({ phase: 'approved', approvedAt: NOW.toISOString() });
    expect(change.after.waitingOn).toBeUndefined();
    expect(change.wake).toEqual({ kind: 'resume', requestId: 'PR-2026-0007', attempt: 1, wait: 'approval' });
    expect(change.notices).toContainEqual({ type: 'approval.closed', data: { outcome: 'approved' } });
    expect(changeOf('security', 'approve', { given: ['lead'], execute: 'manual' }).after).toMatchObject({ waitingOn: 'confirm' });
  });

  it('SELF-09: rejects at once, whoever has approved', () => {
    const change = changeOf('security', 'reject', { given: ['lead'], input: { comment: 'the gate is wrong' } });
    expect(change.after).toMatchObject({ phase: 'rejected', rejectedBy: actor('security'), rejectedAt: NOW.toISOString() });
    expect(change.event).toMatchObject({ data: { decision: 'reject', phase: 'rejected' }, history: { action: 'rejected' } });
    expect(change.wake).toMatchObject({ wait: 'approval' });
  });

  it('asks the people of the next stage from now on, and leaves the counting of reminders where the same stage goes on', () => {
    const approvals = [stage('leads', rule('platform-leads')), stage('review', rule('security'))];
    const asked = { askedAt: '2026-11-19T00:00:00.000Z', reminders: { given: 2, lastAt: NOW.toISOString(), escalated: true } };
    expect(changeOf('lead', 'approve', { approvals, promotion: asked }).after).toMatchObject({
      askedAt: NOW.toISOString(),
      reminders: { given: 0, lastAt: null, escalated: false },
    });
    expect(changeOf('lead', 'approve', { promotion: asked }).after).toMatchObject(asked);
  });
});

describe('a quorum', () => {
  it('counts distinct people, never rows: a second account and a second row add nothing', () => {
    const its = { approvals: TWO_LEADS, change: moreLeads };
    expect(outcomeOf('qa', 'approve', { ...its, given: ['lead'] })).toBe('approved');
    const second: Case = { ...its, change: addSecondLead };
    expect(outcomeOf({ ...actor('lead2'), email: 'L.ead+2@example.com' }, 'approve', { ...second, given: ['lead'] })).toBe('unchanged');
    expect(
      outcomeOf('qa', 'approve', { approvals: [stage('approval', rule('platform-leads', 3))], change: moreLeads, given: ['lead', 'lead'] }),
    ).toBe('pending_approval');
  });

  it('is met by exactly as many as it asks for', () => {
    const approvals = [stage('approval', rule('platform-leads', 3))];
    expect(outcomeOf('qa', 'approve', { approvals, change: moreLeads, given: ['lead'] })).toBe('pending_approval');
    expect(outcomeOf('cpi', 'approve', { approvals, change: moreLeads, given: ['lead', 'qa'] })).toBe('approved');
  });

  it('SELF-10: counts nothing that was withdrawn, nor anything on another plan', () => {
    expect(outcomeOf('security', 'approve', { given: [{ by: 'lead', withdrawn: true }] })).toBe('pending_approval');
    expect(outcomeOf('security', 'approve', { given: [{ by: 'lead', planHash: HASH }] })).toBe('pending_approval');
  });

  it('is open to several stages at once where they are parallel', () => {
    const approvals: ApprovalStage[] = [
      stage('leads', rule('platform-leads')),
      { ...stage('review', rule('security')), parallel: true },
      stage('tenant', { role: 'cpi', min: 1 }),
    ];
    expect(outcomeOf('security', 'approve', { approvals })).toBe('pending_approval');
    expect(outcomeOf('cpi', 'approve', { approvals, given: ['security'] })).toBe('NOT_AN_APPROVER');
    expect(outcomeOf('cpi', 'approve', { approvals, given: ['security', 'lead'] })).toBe('approved');
  });

  function addSecondLead(configuration: Configuration): void {
    moreLeads(configuration);
    const lead = configuration.people.find(({ subject }) => subject === 'lead')!;
    configuration.people.push({ ...lead, subject: 'lead2' });
  }
});

describe('the same person again', () => {
  it('SELF-07: changes nothing by the same decision on the same plan', () => {
    expect(outcomeOf('lead', 'approve', { given: ['lead'] })).toBe('unchanged');
    expect(outcomeOf('lead', 'approve', { given: ['lead'], phase: 'approved' })).toBe('unchanged');
    expect(outcomeOf('lead', 'reject', { given: [{ by: 'lead', decision: 'reject' }], phase: 'rejected' })).toBe('unchanged');
  });

  it('LINK-04: cannot turn it around without taking it back first', () => {
    expect(outcomeOf('lead', 'reject', { given: ['lead'] })).toBe('ALREADY_DECIDED');
    expect(outcomeOf('lead', 'approve', { given: [{ by: 'lead', decision: 'reject' }], phase: 'rejected' })).toBe('ALREADY_DECIDED');
  });

  it('is told that the plan is another one, not that he or she has decided', () => {
    expect(outcomeOf('lead', 'approve', { given: ['lead'], input: { planHash: HASH } })).toBe('PLAN_CHANGED');
  });

  it('closes what has become complete meanwhile: an approval that was void counts again, and nobody else would come', () => {
    const its: Case = { given: ['lead', 'security'], input: { comment: 'again' } };
    const change = changeOf('lead', 'approve', its);
    expect(change).toMatchObject({
      after: { phase: 'approved', approvedAt: NOW.toISOString() },
      event: { type: 'approval.closed', data: { repeated: true }, actor: actor('lead') },
      wake: { wait: 'approval' },
    });
    expect(change.decision).toBeUndefined();
    expect(changeOf('lead', 'approve', { ...its, execute: 'manual' }).after.waitingOn).toBe('confirm');
    expect(outcomeOf('lead', 'approve', { ...its, now: promotionIn('approved').expiresAt })).toBe('unchanged');
  });

  it('decides anew on another plan, whatever was decided on the one before', () => {
    for (const decision of ['approve', 'reject'] as const) {
      const change = changeOf('lead', 'approve', { given: [{ by: 'lead', planHash: HASH, decision }] });
      expect(change.decision).toMatchObject({ decision: 'approve', planHash: change.before!.planHash });
      expect(change.replaces).toBeUndefined();
    }
  });

  it('decides anew in place of a decision that was withdrawn, or that counts no more', () => {
    expect(changeOf('lead', 'approve', { given: [{ by: 'lead', withdrawn: true }] }).replaces).toBe(true);
    const revoked = delegation('security', 'lead', { id: 'dg-old', revokedAt: NOW.toISOString() });
    const onBehalfOf = { key: keyOf('security'), email: 'security@example.com', delegation: 'dg-old' };
    const again = changeOf('lead', 'approve', { given: [{ by: 'lead', onBehalfOf }], delegations: [revoked] });
    expect(again).toMatchObject({ replaces: true, decision: { teams: ['platform-leads'] } });
    expect(again.decision!.onBehalfOf).toBeUndefined();
  });
});

describe('standing in', () => {
  const away = [delegation('security', 'qa')];
  const onBehalfOf = { key: keyOf('security'), email: 'security@example.com', delegation: 'dg-security-qa' };

  it('says in whose place, in the decision, the event and the history', () => {
    const change = changeOf('qa', 'approve', { delegations: away, given: ['lead'] });
    expect(change.after.phase).toBe('approved');
    expect(change.decision).toMatchObject({ actor: actor('qa'), teams: ['security'], onBehalfOf });
    expect(change.event).toMatchObject({
      actor: actor('qa'),
      data: { delegation: 'dg-security-qa' },
      history: { onBehalfOf: 'security@example.com' },
    });
    expect(JSON.stringify(change.event.data)).not.toContain('@');
  });

  it('is not used where the own authority suffices', () => {
    const { decision } = changeOf('lead', 'approve', { delegations: [delegation('security', 'lead')] });
    expect(decision!.onBehalfOf).toBeUndefined();
    const second = changeOf('lead', 'approve', { delegations: [delegation('security', 'lead')], given: ['qa'], change: moreLeads });
    expect(second).toMatchObject({ after: { phase: 'approved' }, decision: { onBehalfOf: { email: 'security@example.com' } } });
  });

  it('is void once the absent person decides in person: the one place is not counted twice', () => {
    const approvals = [stage('approval', rule('security', 2))];
    const given: Case['given'] = [{ by: 'qa', onBehalfOf }];
    expect(outcomeOf('security', 'approve', { approvals, given, delegations: away })).toBe('pending_approval');
    expect(outcomeOf('lead', 'approve', { given: [{ by: 'qa', onBehalfOf }, 'security'], delegations: away })).toBe('approved');
  });

  it('is possible for one of two who were named, not for both', () => {
    const both = [delegation('security', 'qa'), delegation('security', 'cpi')];
    const approvals = [stage('approval', rule('security', 2))];
    expect(outcomeOf('cpi', 'approve', { approvals, delegations: both, given: [{ by: 'qa', onBehalfOf }] })).toBe('NOT_AN_APPROVER');
  });

  it('also rejects', () => {
    expect(outcomeOf('qa', 'reject', { delegations: away })).toBe('rejected');
  });
});

describe('a service of the configuration', () => {
  const approvals = [stage('checks', { automated: 'risk-score', min: 1 }), stage('people', rule('platform-leads'))];
  const change = ({ automatedApprovers }: Configuration) => {
    automatedApprovers['risk-score'] = { name: 'risk-score', url: 'https://risk.example.com', secret: 'secret:risk' };
  };
  const service: Actor = { id: 'service:risk-score', key: 'k', kind: 'policy', email: 'risk-score', name: 'risk-score' };
  const its: Case = { approvals, change, membership: NOBODY, input: { automated: 'risk-score', auth: 'hmac', channel: 'hook' } };

  it('decides on the rule that names it, and on no other', () => {
    const approved = changeOf(service, 'approve', its);
    expect(approved).toMatchObject({
      decision: { automated: 'risk-score', teams: [], roles: [] },
      event: { data: { automated: 'risk-score', stagesMet: 1 }, actor: service },
    });
    expect(outcomeOf(service, 'reject', its)).toBe('rejected');
    expect(outcomeOf(service, 'approve', { ...its, input: { ...its.input, automated: 'other' } })).toBe('NOT_AN_APPROVER');
    for (const word of ['approve', 'reject'] as const)
      expect(outcomeOf(service, word, { ...its, approvals: [stage('people', rule('platform-leads'))] })).toBe('NOT_AN_APPROVER');
  });

  it('is bound by plan, state and time like everybody', () => {
    expect(outcomeOf(service, 'approve', { ...its, input: { ...its.input, planHash: HASH } })).toBe('PLAN_CHANGED');
    expect(outcomeOf(service, 'approve', { ...its, phase: 'approved' })).toBe('STATE_CONFLICT');
    const later = [stage('people', rule('platform-leads')), stage('checks', { automated: 'risk-score', min: 1 })];
    expect(outcomeOf(service, 'approve', { ...its, approvals: later })).toBe('NOT_AN_APPROVER');
  });

  it('fills nobody else’s place, whatever groups its decision claims', () => {
    const forged = { by: 'risk', automated: 'risk-score', teams: ['platform-leads'], roles: ['cpi'], actor: service };
    expect(
      outcomeOf('lead', 'approve', { ...its, membership: membershipOfKey(demoConfiguration(), keyOf('lead')), input: {}, given: [forged] }),
    ).toBe('approved');
    const people = [stage('people', rule('platform-leads', 2))];
    expect(outcomeOf('lead', 'approve', { approvals: people, change, given: [forged] })).toBe('pending_approval');
  });
});

describe('what is noticed', () => {
  const signals = (its: Case, who: string | Actor = 'lead', decision: 'approve' | 'reject' = 'approve') =>
    changeOf(who, decision, its).event.data['signals'];
  const askedAt = (seconds: number) => ({ promotion: { askedAt: new Date(NOW.getTime() - seconds * 1000).toISOString() } });

  it('an approval within seconds of being asked, and one between people who approve each other', () => {
    expect(signals(askedAt(9.999))).toEqual(['hasty_approval']);
    expect(signals(askedAt(10))).toBeUndefined();
    expect(signals({})).toBeUndefined();
    expect(signals({ isReciprocal: true })).toEqual(['reciprocal_approval']);
    expect(signals({ ...askedAt(1), isReciprocal: true })).toEqual(['hasty_approval', 'reciprocal_approval']);
  });

  it('tells the administrators, and stops nobody', () => {
    const change = changeOf('security', 'approve', { ...askedAt(1), given: ['lead'] });
    expect(change.after.phase).toBe('approved');
    expect(change.notices!.filter(({ type }) => type === 'security.alert')).toEqual([
      { type: 'security.alert', data: { signal: 'hasty_approval', reason: expect.stringContaining('within seconds') } },
    ]);
  });

  it('not of a rejection', () => {
    expect(signals({ ...askedAt(1), isReciprocal: true }, 'lead', 'reject')).toBeUndefined();
  });
});
