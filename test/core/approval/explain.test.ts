import { describe, expect, it } from 'vitest';
import { identityKey } from '../../../core/access/identity.ts';
import { DEFAULT_ROLES } from '../../../core/access/verb.ts';
import { askedApprovers } from '../../../core/approval/asked-approvers.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import { eligibleFor } from '../../../core/approval/eligible.ts';
import { type ExplainFacts, explain } from '../../../core/approval/explain.ts';
import type { ApprovalStage } from '../../../core/approval/stage.ts';
import type { Configuration, PersonConfiguration } from '../../../core/environment/configuration.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';

const ISSUER = 'https://issuer.example';
const keyOf = (subject: string) => identityKey({ issuer: ISSUER, subject });

function person(subject: string, more: Partial<PersonConfiguration> = {}): PersonConfiguration {
  return {
    subject,
    email: `${subject}@example.com`,
    name: subject,
    tenants: ['finance'],
    roles: ['approver'],
    teams: [],
    disabled: false,
    ...more,
  };
}

function facts(
  people: PersonConfiguration[],
  approvals: ApprovalStage[],
  more: { phase?: Promotion['phase']; decisions?: Decision[]; plan?: Partial<Plan>; promotion?: Partial<Promotion> } = {},
): ExplainFacts {
  const now = '2026-01-01T00:00:00.000Z';
  const requester = { id: 'p-1', key: keyOf('dev'), kind: 'person' as const, email: 'dev@example.com' };
  return {
    promotion: {
      id: 'PR-2026-0001',
      tenant: 'finance',
      requester,
      editors: [],
      planHash: 'h',
      phase: more.phase ?? 'pending_approval',
      expiresAt: '2026-01-08',
      ...more.promotion,
    } as Promotion,
    plan: { approvals, gates: [], scheduledDate: null, waitSeconds: 0, execute: 'auto', to: 'prod', ...more.plan } as unknown as Plan,
    gates: [],
    decisions: more.decisions ?? [],
    approvers: { configuration: { issuer: ISSUER, people, roles: DEFAULT_ROLES } as unknown as Configuration, delegations: [], now },
    environment: undefined,
    now,
  };
}

function decision(subject: string, teams: string[]): Decision {
  const actor = { id: subject, key: keyOf(subject), kind: 'person' as const, email: `${subject}@example.com` };
  return {
    requestId: 'PR-2026-0001',
    planHash: 'h',
    actor,
    teams,
    roles: ['approver'],
    decision: 'approve',
    at: '',
    channel: 'rest',
    auth: 'oidc',
    gatesHash: '',
  };
}

const stage = (...teams: string[]): ApprovalStage => ({ name: 'approval', rules: teams.map((team) => ({ team, min: 1 })) });

describe('who is eligible', () => {
  it('leaves out the requester, a second account of theirs, editors, the disabled, other tenants and those without the verb', () => {
    const people = [
      person('dev', { teams: ['leads'] }),
      person('alias', { teams: ['leads'], email: 'd.e.v+x@EXAMPLE.com' }),
      person('editor', { teams: ['leads'] }),
      person('gone', { teams: ['leads'], disabled: true }),
      person('foreign', { teams: ['leads'], tenants: ['retail'] }),
      person('reader', { teams: ['leads'], roles: ['viewer'] }),
      person('admin', { teams: ['leads'], tenants: [], roles: ['cpi-admin'] }),
      person('lead', { teams: ['leads'] }),
    ];
    const { promotion, approvers } = facts(people, []);
    const editors = [{ key: keyOf('editor'), email: 'editor@example.com' }];
    const eligible = eligibleFor({ team: 'leads' }, { ...promotion, editors }, approvers).map((found) => found.email);
    expect(eligible).toEqual(['admin@example.com', 'lead@example.com']);
  });

  it('asks the open stage only, and nobody twice', () => {
    const people = [person('a', { teams: ['one'] }), person('b', { teams: ['one', 'two'] }), person('c', { teams: ['three'] })];
    const { promotion, plan, approvers } = facts(people, [stage('one', 'two'), stage('three')]);
    const asked = (decisions: Decision[]) => askedApprovers(approvers, promotion, plan, decisions).map(({ name }) => name);
    expect(asked([])).toEqual(['a', 'b']);
    expect(asked([decision('a', ['one'])])).toEqual(['b']);
    expect(asked([decision('a', ['one']), decision('b', ['one', 'two'])])).toEqual(['c']);
  });
});

describe('the smallest set to ask', () => {
  it('does not spend the only member of one team on the rule of another', () => {
    const both = person('both', { teams: ['leads', 'security'] });
    const lead = person('lead', { teams: ['leads'] });
    expect(explain(facts([both, lead], [stage('leads', 'security')])).ask).toEqual(['lead@example.com', 'both@example.com']);
  });

  it('is null when nobody can complete the plan, and empty when it is over', () => {
    const both = person('both', { teams: ['leads', 'security'] });
    const impossible = explain(facts([both], [stage('leads', 'security')]));
    expect(impossible.ask).toBeNull();
    expect(explain(facts([both], [stage('leads', 'security')], { phase: 'rejected' })).ask).toEqual([]);
    const alone = explain(facts([], [stage('leads')]));
    expect(alone.conditions[0]).toMatchObject({ met: false, missing: 1, who: [], resolution: expect.stringContaining('leads') });
  });

  it('counts what was given', () => {
    const people = [person('a', { teams: ['leads'] }), person('s', { teams: ['security'] })];
    expect(explain(facts(people, [stage('leads', 'security')], { decisions: [decision('a', ['leads'])] })).ask).toEqual(['s@example.com']);
  });
});

describe('the earliest start', () => {
  it('is now, or the scheduled date, once nothing depends on people', () => {
    expect(explain(facts([], [], { phase: 'approved' })).earliestStart).toBe('2026-01-01T00:00:00.000Z');
    const scheduledDate = '2026-01-03T00:00:00.000Z';
    expect(explain(facts([], [], { phase: 'approved', plan: { scheduledDate } })).earliestStart).toBe(scheduledDate);
    expect(explain(facts([], [stage('leads')])).earliestStart).toBeNull();
    expect(
      explain(facts([], [], { phase: 'approved', plan: { execute: 'manual' }, promotion: { waitingOn: 'confirm' } })).earliestStart,
    ).toBeNull();
  });
});
