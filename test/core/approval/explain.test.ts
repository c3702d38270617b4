import { describe, expect, it } from 'vitest';
import { DEFAULT_ROLES } from '../../../core/access/verb.ts';
import { askedApprovers } from '../../../core/approval/asked-approvers.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { Delegation } from '../../../core/approval/delegation.ts';
import { type EligiblePerson, eligibleFor } from '../../../core/approval/eligible.ts';
import { type ExplainFacts, explain } from '../../../core/approval/explain.ts';
import { smallestSet } from '../../../core/approval/smallest-set.ts';
import type { ApprovalStage } from '../../../core/approval/stage.ts';
import type { Configuration, PersonConfiguration } from '../../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import type { EnvironmentLock } from '../../../core/environment/lock.ts';
import type { WindowState } from '../../../core/environment/window.ts';
import type { GateResult } from '../../../core/gate/gate.ts';
import { isFinal, PHASES, type Phase } from '../../../core/promotion/phase.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import {
  actor,
  approversOf,
  decisionBy,
  delegation,
  demoConfiguration,
  ISSUER,
  keyOf,
  NOW,
  prodPlan,
  promotionIn,
  robotOf,
} from '../promotion/fixture.ts';

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

describe('what a request of the demo waits for', () => {
  const { plan } = prodPlan();
  const passed = (status: GateResult['status'] = 'passed'): GateResult[] =>
    plan.gates.map(({ name, type, definitionHash }) => ({ name, type, status, message: '', resolution: `mend ${name}`, definitionHash }));
  const at = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000).toISOString();

  interface Case {
    promotion?: Partial<Promotion>;
    plan?: Partial<Plan>;
    gates?: GateResult[];
    given?: string[];
    delegations?: Delegation[];
    environment?: EnvironmentRecord;
    change?: (configuration: Configuration) => void;
    now?: string;
    lock?: EnvironmentLock;
    windowAt?: (instant: string) => WindowState;
  }
  function explained(phase: Phase, its: Case = {}) {
    const configuration = demoConfiguration();
    its.change?.(configuration);
    const promotion = promotionIn(phase, its.promotion);
    return explain({
      promotion,
      plan: { ...plan, ...its.plan },
      gates: its.gates ?? passed(),
      decisions: (its.given ?? []).map((subject) => decisionBy(subject, promotion)),
      approvers: approversOf(configuration, its.delegations ?? []),
      environment: its.environment,
      lock: its.lock,
      windowAt: its.windowAt,
      now: its.now ?? NOW.toISOString(),
    });
  }
  const open = (...args: Parameters<typeof explained>) => explained(...args).conditions.filter(({ met }) => !met);

  it('gates that have not run, that are wrong, and what to do about them', () => {
    expect(open('validating', { gates: [] }).filter(({ kind }) => kind === 'gate')).toMatchObject([{ message: 'has not run yet' }, {}, {}]);
    const running = open('validating', { gates: passed('running') }).filter(({ kind }) => kind === 'gate');
    expect(running.map(({ message, resolution }) => [message, resolution])).toEqual(
      Array.from({ length: 3 }, () => ['running', undefined]),
    );
    const failed = open('blocked', { gates: passed('failed') }).filter(({ kind }) => kind === 'gate');
    expect(failed.map(({ resolution }) => resolution)).toEqual([
      'mend policy; in an emergency POST …/break-glass, by admin@example.com',
      'mend signature',
      'mend http; in an emergency POST …/break-glass, by admin@example.com',
    ]);
    expect(explained('blocked', { gates: passed('waived') }).conditions.filter(({ kind, met }) => kind === 'gate' && met)).toHaveLength(3);
  });

  it('windows and locks, with the earliest start that they leave, and for nothing that is over or goes back', () => {
    const opens = '2026-11-23T08:00:00.000Z';
    const closed = (at: string): WindowState => ({
      open: at >= opens,
      closedBy: at >= opens ? [] : ['nights'],
      opens: at > opens ? at : opens,
    });
    const given = ['lead', 'security'];
    const waiting = explained('approved', { given, windowAt: closed });
    expect(waiting).toMatchObject({ earliestStart: opens, ask: [] });
    expect(waiting.conditions).toContainEqual(
      expect.objectContaining({ kind: 'window', met: false, message: `prod is closed by nights; it opens ${opens}` }),
    );
    const never = explained('approved', { given, windowAt: () => ({ open: false, closedBy: ['always'] }) });
    expect(never.earliestStart).toBeNull();
    const ready = explained('approved', { given, windowAt: (at) => ({ open: true, closedBy: [], opens: at }) });
    expect(ready.conditions).toContainEqual(expect.objectContaining({ kind: 'window', met: true, message: 'prod is open' }));
    expect(ready.earliestStart).toBe(NOW.toISOString());
    const lock = {
      environment: 'prod',
      tenant: 'tenant-finance',
      artifact: '*',
      reason: 'incident',
      by: actor('cpi'),
      at: NOW.toISOString(),
    };
    const locked = explained('approved', { given, lock });
    expect(locked.earliestStart).toBeNull();
    expect(locked.conditions).toContainEqual(
      expect.objectContaining({ kind: 'lock', name: 'lock', resolution: expect.stringContaining('greenlight unlock prod') }),
    );
    for (const phase of ['rolling_back', 'succeeded'] as const)
      expect(explained(phase, { lock, windowAt: closed }).conditions.filter(({ kind }) => kind === 'lock' || kind === 'window')).toEqual(
        [],
      );
    const repair = explained('approved', { given, windowAt: closed, promotion: { kind: 'repair' } });
    expect(repair.conditions.filter(({ kind }) => kind === 'window')).toEqual([]);
  });

  it('names nobody who could not waive, and nothing to do where there is nothing', () => {
    const resolutions = (its: Case) =>
      open('blocked', { gates: passed('failed').map((gate) => ({ ...gate, resolution: '' })), ...its }).map(({ resolution }) => resolution);
    expect(resolutions({ promotion: { requester: actor('admin') } })[0]).toBeUndefined();
    expect(resolutions({ promotion: { requester: robotOf('admin') } })[0]).toBeUndefined();
    expect(resolutions({ promotion: { editors: [actor('admin')] } })[0]).toBeUndefined();
    expect(resolutions({})[0]).toBe('in an emergency POST …/break-glass, by admin@example.com');
  });

  it('people who are there, by whom they were named, and services', () => {
    const [lead, security] = open('pending_approval', { delegations: [delegation('security', 'qa')] });
    expect(lead).toMatchObject({
      name: 'approval: platform-leads',
      missing: 1,
      who: ['lead@example.com'],
      message: 'needs 1 more of platform-leads',
    });
    expect(security).toMatchObject({ who: ['qa@example.com'] });
    const approvals = [
      { name: 'checks', rules: [{ automated: 'risk', min: 1 }] },
      { name: 'people', rules: [{ team: 'security', min: 1 }] },
    ];
    const conditions = open('pending_approval', { plan: { approvals } });
    expect(conditions.map(({ message }) => message)).toEqual([
      'waits for the service risk',
      'needs 1 more of security, after the stages before it',
    ]);
    const gone = explained('pending_approval', { plan: { approvals } });
    expect(gone.conditions.find(({ name }) => name === 'checks: risk')!.resolution).toMatch(/no service risk any more/);
    expect(gone.ask).toBeNull();
    const there = explained('pending_approval', { plan: { approvals }, change: addService });
    expect(there.conditions.find(({ name }) => name === 'checks: risk')).not.toHaveProperty('resolution');
    expect(there.ask).toEqual(['security@example.com']);
  });

  const addService = ({ automatedApprovers }: Configuration) => {
    automatedApprovers['risk'] = { name: 'risk', url: 'https://risk.example.com', secret: 'secret:risk' };
  };

  it('who has approved, also in whose place', () => {
    const onBehalfOf = { key: keyOf('security'), email: 'security@example.com', delegation: 'dg-1' };
    const promotion = promotionIn('approved', { approvedAt: NOW.toISOString() });
    const decisions = [decisionBy('lead', promotion), decisionBy('qa', promotion, { teams: ['qa', 'security'], onBehalfOf })];
    const { conditions, summary } = explain({
      promotion,
      plan,
      gates: passed(),
      decisions,
      approvers: approversOf(),
      environment: undefined,
      now: NOW.toISOString(),
    });
    expect(conditions.filter(({ kind }) => kind === 'approval').map(({ message }) => message)).toEqual([
      'approved by lead@example.com',
      'approved by qa@example.com for security@example.com',
    ]);
    expect(summary).toBe('nothing is missing; it goes on by itself');
  });

  it('somebody to say so, where approvals count again that did not for a while', () => {
    const { conditions, ask, summary } = explained('pending_approval', { given: ['lead', 'security'] });
    expect(conditions.at(-1)).toMatchObject({
      kind: 'approval',
      name: 'closing',
      met: false,
      who: ['lead@example.com', 'security@example.com'],
    });
    expect(ask).toEqual(['lead@example.com']);
    expect(summary).toMatch(/^closing: /);
    expect(explained('approved', { given: ['lead', 'security'], promotion: { approvedAt: NOW.toISOString() } }).summary).toMatch(
      /^nothing is missing/,
    );
  });

  const approved = { approvedAt: NOW.toISOString() };
  const given = ['lead', 'security'];
  const waiver = { gate: 'http', type: 'http' as const, definitionHash: '', by: actor('qa'), at: '', expiresAt: at(60), review: 'rv-1' };
  const holder: EnvironmentRecord = {
    ...{ environment: 'prod', artifact: 'payment-api', tenant: 'tenant-finance', health: 'healthy', fence: 1, revision: 1 },
    holder: 'PR-2026-0001-1',
  };
  it.each<[string, Phase, Case, string[], string | null]>([
    ['nothing', 'approved', {}, [], NOW.toISOString()],
    ['the scheduled date', 'approved', { plan: { scheduledDate: at(60) } }, ['schedule'], at(60)],
    ['no date that has come', 'approved', { plan: { scheduledDate: at(0) } }, [], NOW.toISOString()],
    ['the wait timer', 'approved', { plan: { waitSeconds: 600 } }, ['timer'], at(10)],
    ['no timer that is over', 'approved', { plan: { waitSeconds: 600 }, now: at(10) }, [], at(10)],
    ['the later of the two', 'approved', { plan: { waitSeconds: 600, scheduledDate: at(60) } }, ['schedule', 'timer'], at(60)],
    ['a word', 'approved', { plan: { execute: 'manual' }, promotion: { waitingOn: 'confirm' } }, ['confirm'], null],
    ['no word that was given', 'approved', { plan: { execute: 'manual' } }, [], NOW.toISOString()],
    ['the environment', 'approved', { environment: holder }, ['lock'], null],
    [
      'no environment that is free',
      'approved',
      { environment: { ...holder, holder: undefined } as unknown as EnvironmentRecord },
      [],
      NOW.toISOString(),
    ],
    [
      'approvals that end before it could start',
      'approved',
      { plan: { scheduledDate: at(60), approvalValidSeconds: 3_600 } },
      ['validity', 'schedule'],
      null,
    ],
    ['approvals that are too old', 'approved', { now: at(72 * 60) }, ['validity'], null],
    ['no approvals where none are asked', 'approved', { plan: { approvals: [] }, now: at(72 * 60) }, [], at(72 * 60)],
    ['a waiver that is over', 'approved', { promotion: { waivers: [waiver] }, now: at(60) }, ['validity'], null],
    ['no waiver that holds', 'approved', { promotion: { waivers: [waiver] }, now: at(59) }, [], at(59)],
    ['a deadline that is over', 'approved', { promotion: { expiresAt: at(1) }, now: at(1) }, ['validity'], null],
  ])('%s', (_name, phase, its, kinds, earliest) => {
    const full = { given, ...its, promotion: { ...approved, ...its.promotion } };
    expect(open(phase, full).map(({ kind }) => kind)).toEqual(kinds);
    expect(explained(phase, full).earliestStart).toBe(earliest);
  });

  it('says of a timer how long it will be, before anybody has approved', () => {
    expect(open('pending_approval', { plan: { waitSeconds: 600 } }).at(-1)).toMatchObject({
      kind: 'timer',
      message: '600 s after the last approval',
    });
  });

  it('says of the deadline that it is over, while somebody could still mind', () => {
    for (const phase of PHASES) {
      const isSaid = open(phase, { promotion: { expiresAt: at(0) } }).some(({ name }) => name === 'deadline');
      expect(isSaid, phase).toBe(!isFinal(phase) && phase !== 'promoting' && phase !== 'rolling_back');
    }
  });

  it('is summed up in one sentence, whatever its phase', () => {
    expect(explained('pending_approval').summary).toBe('approval: platform-leads: needs 1 more of platform-leads, and 1 more');
    expect(explained('pending_approval', { given: ['lead'] }).summary).toBe('approval: security: needs 1 more of security');
    expect(explained('cancelled').summary).toBe('it is over: cancelled');
    expect(explained('failed', { promotion: { failure: { code: 'X', message: 'the copy broke' } } }).summary).toBe(
      'failed: the copy broke',
    );
    const edited = { code: 'CLUSTER_CONFLICT', message: 'somebody else changed Deployment shop during the rollout' };
    expect(explained('failed', { promotion: { failure: edited } }).summary).toMatch(
      /^failed: somebody else changed Deployment shop during the rollout; nothing was overwritten: look at both/,
    );
    expect(explained('rolling_back', { promotion: { step: 'canary:10' } }).summary).toBe('rolling back, step canary:10');
    expect(explained('promoting').summary).toBe('promoting');
    for (const phase of ['promoting', 'rolling_back', 'succeeded'] as const) expect(explained(phase).ask, phase).toEqual([]);
  });
});

describe('the fewest people', () => {
  const one = (key: string, more: Partial<EligiblePerson> = {}): EligiblePerson => ({
    key,
    email: `${key}@example.com`,
    name: key,
    ...more,
  });
  const lent = (key: string, of: string) => one(key, { onBehalfOf: `${of}@example.com` });
  const ask = (...places: [round: number, ...people: EligiblePerson[]][]) =>
    smallestSet(places.map(([round, ...people]) => ({ round, people, fits: () => false })))?.map(({ key }) => key);

  it('are found although one could fill two places', () => {
    expect(ask([0, one('a'), one('b')], [0, one('a')])).toEqual(['b', 'a']);
    expect(ask([0, one('a')], [0, one('a')])).toBeUndefined();
    expect(ask()).toEqual([]);
    expect(ask([0])).toBeUndefined();
  });

  it('are found although who has decided has to move to where nobody else is', () => {
    const promotion = promotionIn('pending_approval');
    const counted = decisionBy('both', promotion);
    const filled = { round: 0, people: [one('a')], counted, fits: () => true };
    const empty = { round: 0, people: [], fits: () => true };
    expect(smallestSet([filled, empty])?.map(({ key }) => key)).toEqual(['a']);
    expect(smallestSet([filled, { ...empty, fits: () => false }])).toBeUndefined();
    expect(smallestSet([filled])).toEqual([]);
  });

  it('decide in the order of the rounds, by the own authority before a lent one', () => {
    expect(ask([1, one('a')], [0, one('b')])).toEqual(['b', 'a']);
    expect(ask([0, lent('a', 'x')], [0, one('b')])).toEqual(['b', 'a']);
  });

  it('do not stand in where somebody is there, and are not away where somebody stands in', () => {
    expect(ask([0, lent('a', 'x'), one('b')])).toEqual(['b']);
    expect(ask([0, lent('a', 'x'), one('x', { away: true })])).toEqual(['a']);
    expect(ask([0, one('x', { away: true })])).toEqual(['x']);
  });

  it('are never one person twice: by another account, by two who stand in, or in person besides', () => {
    expect(ask([0, one('a')], [0, one('b', { email: 'A+2@example.com' })])).toBeUndefined();
    expect(ask([0, lent('a', 'x')], [0, lent('b', 'x')])).toBeUndefined();
    expect(ask([0, lent('a', 'x')], [0, lent('b', 'y')])).toEqual(['a', 'b']);
    expect(ask([0, lent('a', 'x')], [0, one('x')])).toBeUndefined();
    expect(ask([0, one('x')], [0, lent('a', 'x')])).toBeUndefined();
  });
});
