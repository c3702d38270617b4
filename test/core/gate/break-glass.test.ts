import { describe, expect, it } from 'vitest';
import { type Membership, membershipOfKey } from '../../../core/access/membership.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { Refusal } from '../../../core/errors.ts';
import { type BreakGlassFacts, breakGlass, refuseBreakGlass, refuseUnneeded, requesterMembership } from '../../../core/gate/break-glass.ts';
import type { GateResult, GateStatus, GateType } from '../../../core/gate/gate.ts';
import { closeReview, debtsOf, ownersOf, type Review, refuseReviewer, statusOfReview } from '../../../core/gate/review.ts';
import { rolloutHashOf, withCanary } from '../../../core/gate/skip-canary.ts';
import { isWaivable, mayBeWaived, type Waiver, waived, waiverFor } from '../../../core/gate/waiver.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { type Plan, planHashOf } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { acting, actor, becomes, demoConfiguration, keyOf, NOW, prodPlan, promotionIn, robotOf } from '../promotion/fixture.ts';

const HASH = `sha256:${'1'.repeat(64)}`;
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString();
const GATES: [string, GateType][] = [
  ['policy', 'policy'],
  ['signature', 'signature'],
  ['http', 'http'],
];
const result = (name: string, status: GateStatus): GateResult => ({
  name,
  type: GATES.find(([gate]) => gate === name)?.[1] ?? 'policy',
  status,
  message: 'it does not answer',
  resolution: '',
  definitionHash: HASH,
});

/** The demo's prod, with people of another role who may break glass. */
function configurationOf(change: (configuration: Configuration) => void = () => {}): Configuration {
  const configuration = demoConfiguration();
  configuration.roles['duty'] = { verbs: ['read', 'break_glass'], sees: 'tenant' };
  for (const subject of ['qa', 'cpi2']) person(configuration, subject).roles.push('duty');
  change(configuration);
  return configuration;
}
const person = ({ people }: Configuration, subject: string) => people.find((candidate) => candidate.subject === subject)!;

interface Case {
  phase?: Phase;
  promotion?: Partial<Promotion>;
  gates?: GateResult[];
  gate?: string;
  reviews?: Review[];
  change?: (configuration: Configuration) => void;
  plan?: Partial<Plan>;
  now?: Date;
}

function run(who: string, its: Case = {}, by = acting(who)) {
  const configuration = configurationOf(its.change);
  const promotion = promotionIn(its.phase ?? 'blocked', its.promotion);
  const facts: BreakGlassFacts = {
    promotion,
    plan: { ...prodPlan().plan, ...its.plan },
    gates: its.gates ?? [result('policy', 'passed'), result('signature', 'passed'), result('http', 'failed')],
    reviews: its.reviews ?? [],
    membership: membershipOfKey(configuration, by.actor.key),
    requester: requesterMembership(promotion, configuration),
    now: its.now ?? NOW,
    settings: { waiverSeconds: 3_600, reviewSeconds: 7_200 },
    reviewId: 'rv-1',
    hashText: (text) => `hash of ${text.length} characters`,
  };
  return breakGlass(facts, { ...by, gate: its.gate ?? 'http', reason: 'the payments of everybody fail' });
}

function outcomeOf(attempt: () => unknown): string {
  try {
    attempt();
    return 'granted';
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

describe('breaking glass', () => {
  const change = run('qa', { promotion: { attempt: 3 } });

  it('lets the gate pass for as long as the environment says, on this request and as it is defined now', () => {
    expect(change.after).toMatchObject({ phase: 'validating', attempt: 4, planHash: change.before!.planHash });
    expect(change.after.waivers).toEqual([
      {
        gate: 'http',
        type: 'http',
        definitionHash: HASH,
        by: { key: keyOf('qa'), email: 'qa@example.com' },
        at: NOW.toISOString(),
        expiresAt: later(3_600),
        review: 'rv-1',
      },
    ]);
    expect(change.wake).toEqual([{ kind: 'start', requestId: 'PR-2026-0007', attempt: 4 }]);
    expect(change.plan).toBeUndefined();
  });

  it('SELF-14: is an audit event without free text, a critical notice, and a review that somebody owes', () => {
    expect(change.event).toMatchObject({
      type: 'gate.overridden',
      actor: actor('qa'),
      data: {
        gate: 'http',
        type: 'http',
        status: 'failed',
        expiresAt: later(3_600),
        review: 'rv-1',
        reasonSha256: 'hash of 30 characters',
      },
      history: { action: 'gate_overridden', comment: 'http: the payments of everybody fail' },
    });
    expect(JSON.stringify(change.event.data)).not.toMatch(/@|everybody/);
    expect(change.notices).toMatchObject([{ type: 'waiver.granted', data: { gate: 'http', review: 'rv-1' } }]);
    expect(change.review).toEqual({
      id: 'rv-1',
      tenant: 'tenant-finance',
      requestId: 'PR-2026-0007',
      environment: 'prod',
      artifact: 'payment-api',
      gate: 'http',
      by: { key: keyOf('qa'), email: 'qa@example.com' },
      requester: { key: keyOf('dev'), email: 'dev@example.com' },
      owners: ['tenant:tenant-finance'],
      openedAt: NOW.toISOString(),
      dueAt: later(7_200),
    });
  });

  it('cannot be reviewed by who owns the robot that requested it', () => {
    const { review } = run('qa', { promotion: { requester: robotOf('lead') } });
    expect(review!.requester).toEqual({ key: keyOf('lead'), email: 'lead@example.com' });
  });

  it('replaces an older waiver of the same gate, and keeps those of other gates', () => {
    const old = { ...change.after.waivers![0]!, at: 'before' };
    const again = run('qa', { promotion: { waivers: [old, { ...old, gate: 'policy' }] } });
    expect(again.after.waivers!.map(({ gate, at }) => [gate, at])).toEqual([
      ['policy', 'before'],
      ['http', NOW.toISOString()],
    ]);
  });

  const people: [string, string, Case, string][] = [
    ['is for a second person of another role', 'qa', {}, 'granted'],
    ['SELF-14: is not for who requested it', 'qa', { promotion: { requester: actor('qa') } }, 'SELF_APPROVAL'],
    ['is not for who owns the robot that requested it', 'qa', { promotion: { requester: robotOf('qa') } }, 'SELF_APPROVAL'],
    ['is not for who edited it', 'qa', { promotion: { editors: [actor('qa')] } }, 'SELF_APPROVAL'],
    ['is not for who may not', 'lead', {}, 'FORBIDDEN'],
    ['is not for another tenant', 'outsider', { change: (its) => void person(its, 'outsider').roles.push('duty') }, 'FORBIDDEN'],
    ['is not for who may elsewhere only', 'qa', { change: becomes('qa', { roleEnvironments: { duty: ['staging'] } }) }, 'FORBIDDEN'],
    ['is not for one whose role the requester has too', 'qa', { promotion: { requester: actor('cpi2') } }, 'FORBIDDEN'],
    ['nor whose role the owner of the requesting robot has', 'qa', { promotion: { requester: robotOf('cpi2') } }, 'FORBIDDEN'],
    [
      'is for one whose requester has it elsewhere only',
      'qa',
      { promotion: { requester: actor('cpi2') }, change: becomes('cpi2', { roleEnvironments: { duty: ['dev'] } }) },
      'granted',
    ],
    [
      'is for one who has waived another gate of it before',
      'qa',
      { promotion: { waivers: [{ ...change.after.waivers![0]!, gate: 'policy' }] } },
      'granted',
    ],
  ];
  it.each(people)('%s', (_name, who, its, expected) => expect(outcomeOf(() => run(who, its))).toBe(expected));

  it('is not for a machine, whoever owns it', () => {
    expect(outcomeOf(() => run('qa', {}, { ...acting('qa'), actor: { ...robotOf('dev'), key: keyOf('qa') } }))).toBe('HUMAN_REQUIRED');
    const promotion = promotionIn('blocked');
    const requester = requesterMembership(promotion, configurationOf());
    const anybody: Membership = membershipOfKey(configurationOf(), keyOf('qa'));
    expect(
      outcomeOf(() => refuseBreakGlass({ promotion, membership: anybody, requester }, { ...acting('qa'), actor: robotOf('qa') })),
    ).toBe('HUMAN_REQUIRED');
  });

  const gates: [string, Case, string][] = [
    ['a gate that failed', {}, 'granted'],
    ['a gate that could not look', { gates: [result('http', 'errored')] }, 'granted'],
    ['a gate that could not tell', { gates: [result('http', 'inconclusive')] }, 'granted'],
    ['not a gate that passed', { gates: [result('http', 'passed'), result('policy', 'failed')] }, 'STATE_CONFLICT'],
    ['not a gate that has not run', { gates: [] }, 'STATE_CONFLICT'],
    ['not one that was not reached', { gates: [result('http', 'not_run')] }, 'STATE_CONFLICT'],
    ['not one that the plan does not have', { gate: 'other', gates: [result('other', 'failed')] }, 'STATE_CONFLICT'],
    ['never a signature', { gate: 'signature', gates: [result('signature', 'failed')] }, 'POLICY_FLOOR'],
    [
      'never a signature, whatever the result calls itself',
      { gate: 'signature', gates: [{ ...result('signature', 'failed'), type: 'http' }] },
      'POLICY_FLOOR',
    ],
    [
      'nor where the plan calls it another',
      {
        plan: { gates: [{ name: 'http', type: 'http', definitionHash: HASH }] },
        gates: [{ ...result('http', 'failed'), type: 'signature' }],
      },
      'STATE_CONFLICT',
    ],
  ];
  it.each(gates)('waives %s', (_name, its, expected) => expect(outcomeOf(() => run('qa', its))).toBe(expected));

  it.each(PHASES)('of a request that is %s', (phase) => {
    expect(outcomeOf(() => run('qa', { phase }))).toBe(
      phase === 'blocked' ? 'granted' : phase === 'expired' ? 'EXPIRED' : 'STATE_CONFLICT',
    );
  });

  it('ends with the time of the request', () => {
    const { expiresAt } = promotionIn('blocked');
    expect(outcomeOf(() => run('qa', { now: new Date(expiresAt) }))).toBe('EXPIRED');
    expect(outcomeOf(() => run('qa', { now: new Date(Date.parse(expiresAt) - 1) }))).toBe('granted');
  });

  it('is closed to those whose earlier review is overdue, until somebody has closed it', () => {
    const review = { ...change.review!, id: 'rv-0', dueAt: NOW.toISOString() };
    expect(outcomeOf(() => run('qa', { reviews: [review] }))).toBe('BREAK_GLASS_DEBT');
    for (const other of [
      { ...review, dueAt: later(0.001) },
      { ...review, tenant: 'tenant-retail' },
      { ...review, owners: ['team:others'] },
      { ...review, closed: { at: '', by: actor('lead'), outcome: 'justified' as const, finding: 'x' } },
    ])
      expect(outcomeOf(() => run('qa', { reviews: [other] }))).toBe('granted');
    const teams = becomes('dev', { teams: ['payments', 'web'] });
    expect(run('qa', { change: teams }).review!.owners).toEqual(['team:payments', 'team:web']);
    expect(outcomeOf(() => run('qa', { change: teams, reviews: [{ ...review, owners: ['team:web'] }] }))).toBe('BREAK_GLASS_DEBT');
    expect(outcomeOf(() => run('qa', { change: teams, reviews: [review] }))).toBe('granted');
  });

  it('is needed by a blocked request with such a gate only', () => {
    const needed = (phase: Phase, gates: GateResult[]) => outcomeOf(() => refuseUnneeded({ phase }, gates));
    expect(needed('blocked', [result('http', 'failed')])).toBe('granted');
    expect(needed('blocked', [result('signature', 'failed'), result('http', 'passed')])).toBe('STATE_CONFLICT');
    expect(needed('pending_approval', [result('http', 'failed')])).toBe('STATE_CONFLICT');
  });
});

describe('skipping the canary (S004-SKIP)', () => {
  const skip = (its: Case = {}, who = 'qa') => run(who, { gate: 'skip_canary', phase: 'pending_approval', ...its });
  const change = skip({ promotion: { attempt: 3 } });
  const { plan } = prodPlan();

  it('makes another plan, so that everybody approves what will really run, and keeps the checks at 100 %', () => {
    expect(change.plan).toEqual({ ...plan, edition: 2, rollout: { ...plan.rollout, weights: [100], skipped: [10, 50] } });
    expect(change.plan!.rollout).toMatchObject({ strategy: 'canary', smoke: true, bakeSeconds: 5 });
    expect(change.after).toMatchObject({ phase: 'validating', attempt: 4, edition: 2, planHash: planHashOf(change.plan!) });
    expect(change.after.planHash).not.toBe(change.before!.planHash);
    expect(change.wake).toEqual([
      { kind: 'start', requestId: 'PR-2026-0007', attempt: 4 },
      { kind: 'resume', requestId: 'PR-2026-0007', attempt: 3 },
    ]);
  });

  it('is a typed waiver that ends, an audit event, a notice, and a review that somebody owes', () => {
    expect(change.after.waivers).toMatchObject([
      {
        gate: 'skip_canary',
        type: 'skip_canary',
        by: { email: 'qa@example.com' },
        expiresAt: later(3_600),
        skips: ['canary:10', 'canary:50'],
      },
    ]);
    expect(change.event).toMatchObject({ type: 'gate.overridden', data: { gate: 'skip_canary', definition: rolloutHashOf(plan) } });
    expect(change.review).toMatchObject({ gate: 'skip_canary', dueAt: later(7_200) });
    expect(change.notices).toMatchObject([{ type: 'waiver.granted', data: { gate: 'skip_canary' } }]);
  });

  const direct = { rollout: { ...plan.rollout, strategy: 'direct' as const, weights: [100] } };
  const cases: [string, Case, string][] = [
    ['for a request that waits for approval', {}, 'granted'],
    ['for one that is approved', { phase: 'approved' }, 'granted'],
    ['for one that is blocked', { phase: 'blocked' }, 'granted'],
    ['not before its gates have run', { phase: 'requested' }, 'STATE_CONFLICT'],
    ['not while its gates run', { phase: 'validating' }, 'STATE_CONFLICT'],
    ['not once its rollout has begun', { phase: 'promoting' }, 'STATE_CONFLICT'],
    ['not on its way back', { phase: 'rolling_back' }, 'STATE_CONFLICT'],
    ['not for one that is over', { phase: 'succeeded' }, 'STATE_CONFLICT'],
    ['not for one that has expired', { phase: 'expired' }, 'EXPIRED'],
    ['not when its time is over', { now: new Date(promotionIn('blocked').expiresAt) }, 'EXPIRED'],
    ['not where there is no canary', { plan: direct }, 'STATE_CONFLICT'],
    ['not where the only weight is 100', { plan: { rollout: { ...plan.rollout, weights: [100] } } }, 'STATE_CONFLICT'],
    ['not twice', { plan: change.plan! }, 'STATE_CONFLICT'],
    ['not by who requested it', { promotion: { requester: actor('qa') } }, 'SELF_APPROVAL'],
    ['not by one whose role the requester has too', { promotion: { requester: actor('cpi2') } }, 'FORBIDDEN'],
    [
      'not while an earlier review is overdue',
      { reviews: [{ ...change.review!, id: 'rv-0', dueAt: NOW.toISOString() }] },
      'BREAK_GLASS_DEBT',
    ],
  ];
  it.each(cases)('is %s', (_name, its, expected) => expect(outcomeOf(() => skip(its))).toBe(expected));

  it('is taken back with its weights when the waiver is over', () => {
    expect(withCanary(change.plan!)).toEqual({ ...plan, edition: 2 });
    expect(withCanary(plan)).toEqual(plan);
  });
});

describe('a waiver', () => {
  const waiver: Waiver = {
    gate: 'http',
    type: 'http',
    definitionHash: HASH,
    by: actor('qa'),
    at: NOW.toISOString(),
    expiresAt: later(60),
    review: 'rv-1',
  };
  const found = (status: GateStatus, more: Partial<GateResult> = {}) => ({ ...result('http', status), ...more });

  it('covers its gate as it was defined, before it expires', () => {
    const table: [GateResult, string, boolean][] = [
      [found('failed'), later(0), true],
      [found('failed'), later(59.999), true],
      [found('failed'), later(60), false],
      [found('failed', { name: 'policy' }), later(0), false],
      [found('failed', { definitionHash: 'another' }), later(0), false],
    ];
    for (const [gate, now, expected] of table) {
      expect(waiverFor([waiver], gate, now) !== undefined).toBe(expected);
      expect(waived(gate, [waiver], now).status).toBe(expected ? 'waived' : 'failed');
    }
    expect(waiverFor(undefined, found('failed'), later(0))).toBeUndefined();
    expect(waived(found('failed'), undefined, later(0)).status).toBe('failed');
  });

  it.each<[GateStatus, GateStatus]>([
    ['failed', 'waived'],
    ['errored', 'waived'],
    ['inconclusive', 'waived'],
    ['passed', 'passed'],
    ['not_run', 'not_run'],
    ['pending', 'pending'],
    ['running', 'running'],
  ])('makes of a gate that is %s one that is %s', (status, expected) => {
    expect(waived(found(status), [waiver], later(0)).status).toBe(expected);
    expect(mayBeWaived(found(status))).toBe(expected === 'waived');
  });

  it('never covers a signature, also not one that was written down', () => {
    expect(isWaivable('signature')).toBe(false);
    expect(waived(found('failed', { type: 'signature' }), [{ ...waiver, type: 'signature' }], later(0)).status).toBe('failed');
    for (const type of ['policy', 'vulnerability', 'http', 'command', 'performance_baseline', 'cost'] as const)
      expect(isWaivable(type), type).toBe(true);
  });

  it('leaves what the gate found to be read', () => {
    expect(waived(found('failed'), [waiver], later(0)).message).toBe('waived by qa@example.com; it had failed: it does not answer');
  });
});

describe('the review', () => {
  const review = run('qa').review!;
  const configuration = configurationOf();
  const member = (subject: string) => membershipOfKey(configuration, keyOf(subject));
  const close = (who: string, its: Review = review, as = actor(who)) =>
    outcomeOf(() => closeReview(its, { actor: as, membership: member(who), outcome: 'justified', finding: 'it was down', now: later(5) }));

  it('is open, then overdue, until it is closed', () => {
    const closed = { at: later(1), by: actor('lead'), outcome: 'justified' as const, finding: '' };
    expect(statusOfReview(review, NOW.toISOString())).toBe('open');
    expect(statusOfReview(review, new Date(Date.parse(review.dueAt) - 1).toISOString())).toBe('open');
    expect(statusOfReview(review, review.dueAt)).toBe('overdue');
    expect(statusOfReview({ ...review, closed }, review.dueAt)).toBe('closed');
    expect(debtsOf([review], 'tenant-finance', ['tenant:tenant-finance'], review.dueAt)).toEqual([review]);
    expect(debtsOf([review], 'tenant-finance', ['tenant:tenant-finance'], NOW.toISOString())).toEqual([]);
    expect(ownersOf({ tenant: 't' }, ['a', 'b'])).toEqual(['team:a', 'team:b']);
    expect(ownersOf({ tenant: 't' }, [])).toEqual(['tenant:t']);
  });

  it.each<[string, string, string]>([
    ['lead', 'an approver there', 'granted'],
    ['admin', 'an administrator', 'granted'],
    ['qa', 'not who waived', 'SELF_APPROVAL'],
    ['dev', 'not who requested', 'SELF_APPROVAL'],
    ['viewer', 'not who may only read', 'FORBIDDEN'],
    ['outsider', 'not another tenant', 'FORBIDDEN'],
  ])('%s closes it: %s', (who, _name, expected) => expect(close(who)).toBe(expected));

  it('is closed by an administrator who does not approve there', () => {
    const roles = configurationOf((its) => {
      its.roles['keeper'] = { verbs: ['read', 'admin'], sees: 'tenant' };
      person(its, 'viewer').roles = ['keeper'];
    });
    expect(outcomeOf(() => refuseReviewer(review, actor('viewer'), membershipOfKey(roles, keyOf('viewer'))))).toBe('granted');
  });

  it('not by a machine, nor by another account of who waived', () => {
    expect(close('lead', review, { ...actor('lead'), kind: 'robot' })).toBe('HUMAN_REQUIRED');
    expect(close('lead', review, { ...actor('lead'), email: 'q.a+2@example.com' })).toBe('SELF_APPROVAL');
  });

  it('once', () => {
    const closed = closeReview(review, {
      actor: actor('lead'),
      membership: member('lead'),
      outcome: 'unjustified',
      finding: 'it was up',
      now: later(5),
    });
    expect(closed.closed).toEqual({
      at: later(5),
      by: { key: keyOf('lead'), email: 'lead@example.com' },
      outcome: 'unjustified',
      finding: 'it was up',
    });
    expect(close('security', closed)).toBe('STATE_CONFLICT');
  });
});
