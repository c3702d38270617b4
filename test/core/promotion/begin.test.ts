import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../../core/access/identity.ts';
import { standingDecisions } from '../../../core/approval/standing.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import type { Waiver } from '../../../core/gate/waiver.ts';
import { approvalsHoldUntil, type BeginFacts, begin, expired, lapsed } from '../../../core/promotion/begin.ts';
import { execute } from '../../../core/promotion/create.ts';
import { halt, resume } from '../../../core/promotion/hold.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { isAutomatic, type Plan, planHashOf } from '../../../core/promotion/plan.ts';
import {
  acting,
  actor,
  approversOf,
  DIGEST,
  decisionBy,
  demoConfiguration,
  NOW,
  OTHER_DIGEST,
  prodPlan,
  promotionIn,
  requestBody,
} from './fixture.ts';

const { plan } = prodPlan();
const environment: EnvironmentRecord = {
  environment: 'prod',
  artifact: 'payment-api',
  tenant: 'tenant-finance',
  current: { version: '1.0.0', digest: DIGEST, requestId: 'adopted', at: NOW.toISOString() },
  health: 'healthy',
  fence: 4,
  revision: 9,
};

function facts(phase: Phase, more: Partial<BeginFacts> = {}): BeginFacts {
  const promotion = more.promotion ?? promotionIn(phase);
  return {
    promotion,
    plan,
    decisions: [decisionBy('lead', promotion), decisionBy('security', promotion)],
    approvers: approversOf(),
    environment,
    hold: undefined,
    evidenceHolds: true,
    now: NOW,
    ...more,
  };
}

/** An approved rollback that nobody had to approve, of the version with this digest. */
function rollbackFrom(digest: string | null) {
  const way = { ...plan, kind: 'rollback' as const, from: 'prod', approvals: [], rollbackTarget: digest };
  const planHash = planHashOf(way);
  return { plan: way, promotion: promotionIn('approved', { kind: 'rollback', from: 'prod', planHash, firstPlanHash: planHash }) };
}

/** The demo with one person changed. */
function configurationWith(subject: string, change: Partial<Configuration['people'][number]>): Configuration {
  const configuration = demoConfiguration();
  Object.assign(configuration.people.find((person) => person.subject === subject)!, change);
  return configuration;
}

describe('what follows from the phase alone', () => {
  it.each(PHASES)('%s', (phase) => {
    const expected: Partial<Record<Phase, string>> = {
      requested: 'gates',
      validating: 'gates',
      pending_approval: 'approval',
      approved: 'start',
      rolling_back: 'back',
    };
    const outcome = begin(facts(phase));
    expect(outcome.kind).toBe(expected[phase] ?? 'stop');
    if (outcome.kind !== 'start') expect('change' in outcome && outcome.change).toBeFalsy();
  });

  it('a start records for each registry of the plan that nothing was copied yet, also where the file has lost the environment', () => {
    const copyOf = (configuration: Configuration) => {
      const approvers = { ...approversOf(), configuration };
      const outcome = begin(facts('approved', { approvers }));
      return outcome.kind === 'start' ? outcome.change?.after.copy : outcome.kind;
    };
    const pending = { registries: [{ name: 'prod', role: 'primary', required: true, status: 'pending', bytes: 0 }] };
    expect(copyOf(demoConfiguration())).toEqual(pending);
    const { prod: _lost, ...environments } = demoConfiguration().environments;
    expect(copyOf({ ...demoConfiguration(), environments })).toEqual(pending);
  });

  it('promoting goes on for the holder of the lock, and stops for who has lost it', () => {
    const held = { ...environment, holder: 'PR-2026-0007-1' };
    expect(begin(facts('promoting', { environment: held }))).toEqual({ kind: 'start' });
    expect(begin(facts('promoting', { environment: { ...held, holder: 'PR-2026-0007-2' } }))).toEqual({ kind: 'stop' });
    expect(begin(facts('promoting', { environment: undefined }))).toEqual({ kind: 'stop' });
  });
});

describe('the start', () => {
  it('takes the lock of the environment with the next fence, in the same change', () => {
    const outcome = begin(facts('approved'));
    expect(outcome).toMatchObject({
      kind: 'start',
      change: {
        after: { phase: 'promoting', step: 'copying', fence: 5 },
        environment: { kind: 'acquire', environment: 'prod', artifact: 'payment-api', holder: 'PR-2026-0007-1', fence: 5 },
        event: { type: 'promotion.started', data: { rollbackTarget: DIGEST, fence: 5 } },
      },
    });
    expect(begin(facts('approved', { environment: undefined }))).toMatchObject({ change: { after: { fence: 1 } } });
  });

  it('of a rollback verifies instead of copying, and is told as a rollback', () => {
    const { promotion, plan: way } = rollbackFrom(DIGEST);
    expect(begin(facts('approved', { promotion, plan: way, decisions: [] }))).toMatchObject({
      kind: 'start',
      change: {
        after: { phase: 'promoting', step: 'verifying_copy' },
        event: { type: 'rollback.started', data: { kind: 'rollback', rollbackTarget: DIGEST } },
        notices: [{ type: 'rollback.started' }],
      },
    });
  });

  it('may take its own lock again', () => {
    expect(begin(facts('approved', { environment: { ...environment, holder: 'PR-2026-0007-1' } })).kind).toBe('start');
  });
});

describe('what keeps an approved request from starting', () => {
  it('the deadline, whatever it waits for', () => {
    const promotion = promotionIn('approved', { waitingOn: 'confirm' });
    const outcome = begin(facts('approved', { promotion, now: new Date(promotion.expiresAt) }));
    expect(outcome).toMatchObject({ kind: 'stop', change: { after: { phase: 'expired' }, event: { type: 'promotion.expired' } } });
    const before = new Date(Date.parse(promotion.expiresAt) - 1);
    expect(begin(facts('approved', { promotion, now: before })).kind).toBe('wait');
    expect(begin(facts('pending_approval', { now: new Date(promotion.expiresAt) }))).toMatchObject({
      change: { after: { phase: 'expired' } },
    });
  });

  it('a stored plan that does not have the hash that was approved', () => {
    const outcome = begin(facts('approved', { plan: { ...plan, digest: `sha256:${'c'.repeat(64)}` } }));
    expect(outcome).toMatchObject({ kind: 'stop', change: { after: { phase: 'failed', failure: { code: 'PLAN_CHANGED' } } } });
    const other = begin(facts('approved', { plan: { ...plan, approvals: [] } }));
    expect(other).toMatchObject({ change: { after: { failure: { code: 'PLAN_CHANGED' } } } });
  });

  it('CAN-12 a rollback whose environment has moved on since it was asked for, however it was approved', () => {
    for (const digest of [OTHER_DIGEST, null]) {
      const { promotion, plan: way } = rollbackFrom(digest);
      const outcome = begin(facts('approved', { promotion, plan: way, decisions: [] }));
      expect(outcome).toMatchObject({
        kind: 'stop',
        change: { after: { phase: 'failed', failure: { code: 'PLAN_STALE', message: expect.stringContaining('runs 1.0.0 by now') } } },
      });
    }
    const emptied = rollbackFrom(DIGEST);
    const { current: _gone, ...nothing } = environment;
    expect(begin(facts('approved', { ...emptied, decisions: [], environment: nothing }))).toMatchObject({
      change: { after: { failure: { message: expect.stringContaining('runs nothing by now') } } },
    });
    const { promotion, plan: way } = rollbackFrom(DIGEST);
    const taken = { ...environment, holder: 'PR-2026-0001-1' };
    expect(begin(facts('approved', { promotion, plan: way, decisions: [], environment: taken }))).toMatchObject({ waitingOn: 'lock' });
  });

  it('evidence that is gone', () => {
    const outcome = begin(facts('approved', { evidenceHolds: false }));
    expect(outcome).toMatchObject({ kind: 'stop', change: { after: { phase: 'failed', failure: { code: 'EVIDENCE_MISMATCH' } } } });
  });

  it('a version that nobody may use any more; a repair brings nothing anywhere and goes on', () => {
    const refused = 'payment-api 1.1.0 is in quarantine';
    expect(begin(facts('approved', { refused }))).toMatchObject({
      kind: 'stop',
      change: { after: { phase: 'failed', failure: { code: 'VERSION_REFUSED', message: refused } } },
    });
    const { plan } = facts('approved');
    const repair = { ...plan, kind: 'repair' as const };
    const promotion = promotionIn('approved', { planHash: planHashOf(repair), kind: 'repair' });
    expect(begin(facts('approved', { refused, plan: repair, promotion, decisions: [] })).kind).toBe('approval');
  });

  it('the scheduled date: it waits until then and says so once', () => {
    const scheduled = prodPlan(demoConfiguration(), requestBody({}, { scheduledDate: '2026-11-21T00:00:00Z' })).plan;
    const promotion = promotionIn('approved', { scheduledDate: scheduled.scheduledDate, planHash: planHashOf(scheduled) });
    const base = { plan: scheduled, promotion };
    const outcome = begin(facts('approved', base));
    expect(outcome).toMatchObject({
      kind: 'wait',
      waitingOn: 'schedule',
      until: '2026-11-21T00:00:00.000Z',
      change: { after: { phase: 'approved', waitingOn: 'schedule' }, event: { type: 'promotion.waiting' } },
    });
    const again = begin(facts('approved', { ...base, promotion: { ...promotion, waitingOn: 'schedule' } }));
    expect(again).toEqual({ kind: 'wait', waitingOn: 'schedule', until: '2026-11-21T00:00:00.000Z' });
    expect(begin(facts('approved', { ...base, now: new Date('2026-11-21T00:00:00Z') })).kind).toBe('start');
  });

  it('the lock of another run', () => {
    const busy = { ...environment, holder: 'PR-2026-0002-1' };
    expect(begin(facts('approved', { environment: busy }))).toMatchObject({
      kind: 'wait',
      waitingOn: 'lock',
      change: { after: { phase: 'approved', waitingOn: 'lock' } },
    });
    const promotion = promotionIn('approved', { waitingOn: 'lock' });
    expect(begin(facts('approved', { environment: busy, promotion }))).toEqual({ kind: 'wait', waitingOn: 'lock' });
    expect(begin(facts('approved', { environment: { ...environment, holder: 'PR-2026-0007-2' } })).kind).toBe('wait');
  });

  it("a person's word that is still to come", () => {
    const promotion = promotionIn('approved', { waitingOn: 'confirm' });
    expect(begin(facts('approved', { promotion }))).toEqual({ kind: 'wait', waitingOn: 'confirm' });
  });
});

describe('the wait timer', () => {
  const timed = { ...plan, waitSeconds: 600 };
  const promotion = promotionIn('approved', { planHash: planHashOf(timed), approvedAt: NOW.toISOString() });
  const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

  it('counts from the last approval: the request waits and says so once', () => {
    expect(begin(facts('approved', { plan: timed, promotion, now: later(599.999) }))).toMatchObject({
      kind: 'wait',
      waitingOn: 'timer',
      until: later(600).toISOString(),
      change: { after: { waitingOn: 'timer' } },
    });
    const again = begin(facts('approved', { plan: timed, promotion: { ...promotion, waitingOn: 'timer' }, now: later(1) }));
    expect(again).toEqual({ kind: 'wait', waitingOn: 'timer', until: later(600).toISOString() });
    expect(begin(facts('approved', { plan: timed, promotion, now: later(600) })).kind).toBe('start');
  });

  it('holds nobody back where nobody had to approve', () => {
    const free = { ...timed, approvals: [] };
    const unasked = promotionIn('approved', { planHash: planHashOf(free) });
    expect(begin(facts('approved', { plan: free, promotion: unasked, decisions: [] })).kind).toBe('start');
    expect(approvalsHoldUntil(unasked, free) > '9').toBe(true);
    expect(approvalsHoldUntil({ ...unasked, approvedAt: NOW.toISOString() }, free) > '9').toBe(true);
  });
});

describe('approvals that are too old', () => {
  const promotion = promotionIn('approved', { approvedAt: NOW.toISOString() });
  const end = Date.parse(NOW.toISOString()) + plan.approvalValidSeconds * 1000;

  it('are asked for again, on the same plan under a hash that none of them names', () => {
    expect(begin(facts('approved', { promotion, now: new Date(end - 1) })).kind).toBe('start');
    const outcome = begin(facts('approved', { promotion, now: new Date(end) }));
    if (outcome.kind !== 'approval' || !outcome.change) throw new Error(outcome.kind);
    const { after, plan: stored, event, notices } = outcome.change;
    expect(stored).toEqual({ ...plan, edition: 2 });
    expect(after).toMatchObject({
      phase: 'pending_approval',
      edition: 2,
      planHash: planHashOf(stored!),
      askedAt: new Date(end).toISOString(),
    });
    expect(after.planHash).not.toBe(promotion.planHash);
    expect(after.approvedAt).toBeUndefined();
    expect(event).toMatchObject({ type: 'approval.voided', data: { voided: promotion.planHash, reason: 'too old' } });
    expect(notices).toMatchObject([{ type: 'approval.requested' }]);
    // Nothing that people read has changed: a decision without a plan hash is taken as before.
    expect(after.firstPlanHash).toBe(after.planHash);
  });

  it('of an edited request leave it one whose plan has to be named', () => {
    const edited = { ...promotion, firstPlanHash: `sha256:${'0'.repeat(64)}`, edition: 4 };
    const { after } = lapsed(edited, plan, new Date(end));
    expect(after).toMatchObject({ firstPlanHash: edited.firstPlanHash, edition: 5 });
  });
});

describe('a waiver that is over before the rollout begins', () => {
  const waiver = (gate: string, seconds: number): Waiver => ({
    gate,
    type: 'http',
    definitionHash: DIGEST,
    by: actor('qa'),
    at: NOW.toISOString(),
    expiresAt: new Date(NOW.getTime() + seconds * 1000).toISOString(),
    review: 'rv-1',
  });

  it('runs the gates again, and what was approved with it is approved again', () => {
    const promotion = promotionIn('approved', { approvedAt: NOW.toISOString(), waivers: [waiver('http', 60), waiver('policy', 3_600)] });
    expect(begin(facts('approved', { promotion, now: new Date(NOW.getTime() + 59_999) })).kind).toBe('start');
    const outcome = begin(facts('approved', { promotion, now: new Date(NOW.getTime() + 60_000) }));
    if (outcome.kind !== 'stop' || !outcome.change) throw new Error(outcome.kind);
    const { after, plan: stored, event, wake } = outcome.change;
    expect(after).toMatchObject({ phase: 'validating', attempt: 2, edition: 2, planHash: planHashOf(stored!) });
    expect(after.waivers!.map(({ gate }) => gate)).toEqual(['policy']);
    expect(event).toMatchObject({ type: 'approval.voided', data: { voided: promotion.planHash, reason: 'waiver over' } });
    expect(wake).toEqual({ kind: 'start', requestId: promotion.id, attempt: 2 });
  });
});

it('a canary that was skipped comes back when its waiver is over, also where the waiver outlived another run of the gates', () => {
  const { plan } = facts('approved');
  const skipping = { ...plan, rollout: { ...plan.rollout, weights: [100], skipped: [10, 50] } };
  const waiver = (gate: string, type: Waiver['type'], seconds: number): Waiver => ({
    ...{ gate, type, definitionHash: DIGEST, by: actor('qa'), at: NOW.toISOString(), review: 'rv-1' },
    expiresAt: new Date(NOW.getTime() + seconds * 1000).toISOString(),
  });
  const planHash = planHashOf(skipping);
  const outcomeAt = (seconds: number) => {
    const waivers = [waiver('skip_canary', 'skip_canary', 60), waiver('http', 'http', 30)];
    const promotion = promotionIn('approved', { planHash, approvedAt: NOW.toISOString(), waivers });
    const decisions = ['lead', 'security'].map((who) => ({ ...decisionBy(who, promotion), planHash }));
    const now = new Date(NOW.getTime() + seconds * 1000);
    const outcome = begin(facts('approved', { promotion, plan: skipping, decisions, now }));
    if (outcome.kind !== 'stop' || !outcome.change) throw new Error(outcome.kind);
    return outcome.change;
  };
  expect(outcomeAt(30).plan!.rollout).toMatchObject({ weights: [100], skipped: [10, 50] });
  const { plan: next, after } = outcomeAt(60);
  expect(next!.rollout).toEqual(plan.rollout);
  expect(after.waivers).toEqual([]);
});

describe('SELF-13: an approval counts only while its person may approve', () => {
  const gone: [string, Configuration][] = [
    ['was removed from the team', configurationWith('lead', { teams: [] })],
    ['was disabled', configurationWith('lead', { disabled: true })],
    ['lost the role', configurationWith('lead', { roles: ['viewer'] })],
    ['belongs to another tenant now', configurationWith('lead', { tenants: ['tenant-retail'] })],
    ['has another account with the same address', configurationWith('lead', { subject: 'lead-new' })],
  ];

  it.each(gone)('one who %s voids it: the request waits for another approver', (_name, configuration) => {
    expect(begin(facts('approved', { approvers: approversOf(configuration) }))).toMatchObject({
      kind: 'approval',
      change: {
        after: { phase: 'pending_approval' },
        event: { type: 'approval.voided', history: { action: 'approval_voided' } },
        notices: [{ type: 'approval.requested' }],
      },
    });
  });

  it('no approval of who requested or edited it counts, however it came there', () => {
    const decisions = (promotion = promotionIn('approved')) => [decisionBy('lead', promotion), decisionBy('security', promotion)];
    const edited = promotionIn('approved', { editors: [actor('security')] });
    expect(begin(facts('approved', { promotion: edited, decisions: decisions(edited) })).kind).toBe('approval');
    const asked = promotionIn('approved', { requester: { ...actor('other'), email: 'l.e.a.d+x@EXAMPLE.com' } });
    expect(begin(facts('approved', { promotion: asked, decisions: decisions(asked) })).kind).toBe('approval');
  });

  it('nor one on another plan, one that was taken back, or one that is missing', () => {
    const promotion = promotionIn('approved');
    const lead = decisionBy('lead', promotion);
    const kinds = [
      [lead],
      [lead, decisionBy('security', promotion, { planHash: `sha256:${'0'.repeat(64)}` })],
      [lead, decisionBy('security', promotion, { withdrawn: true })],
      [lead, decisionBy('security', promotion, { decision: 'reject' })],
      [lead, { ...lead, teams: ['security'] }],
    ].map((decisions) => begin(facts('approved', { promotion, decisions })).kind);
    expect(kinds).toEqual(Array.from({ length: 5 }, () => 'approval'));
  });

  it('takes back that it was approved', () => {
    const promotion = promotionIn('approved', { approvedAt: NOW.toISOString() });
    const outcome = begin(facts('approved', { promotion, approvers: approversOf(gone[0]![1]) }));
    expect('change' in outcome && outcome.change?.after.approvedAt).toBeUndefined();
  });

  it('gives the groups of now to those that stand, and leaves finished requests as they were', () => {
    const promotion = promotionIn('pending_approval');
    const decisions = [decisionBy('lead', promotion, { teams: ['security'] }), decisionBy('security', promotion, { decision: 'reject' })];
    const standing = standingDecisions(approversOf(configurationWith('security', { disabled: true })), promotion, decisions);
    expect(standing.map(({ teams, decision }) => [teams, decision])).toEqual([
      [['platform-leads'], 'approve'],
      [['security'], 'reject'],
    ]);
    const nobody = approversOf({ ...demoConfiguration(), people: [] });
    for (const phase of PHASES) {
      const isOpen = ['requested', 'validating', 'blocked', 'pending_approval', 'approved'].includes(phase);
      expect(standingDecisions(nobody, promotionIn(phase), decisions), phase).toHaveLength(isOpen ? 1 : 2);
    }
  });
});

describe('a lock or a window', () => {
  const until = '2026-11-21T05:00:00.000Z';
  const window = { waitingOn: 'window', message: 'prod is closed by nights', until } as const;
  const lock = { waitingOn: 'lock', message: 'prod is locked' } as const;
  const holding = { ...environment, holder: 'PR-2026-0007-1' };
  const halted = promotionIn('promoting', { waitingOn: 'lock', step: 'copying' });

  it('keeps what is approved from beginning, until it opens where that is known', () => {
    expect(begin(facts('approved', { hold: window }))).toMatchObject({ kind: 'wait', waitingOn: 'window', until });
    expect(begin(facts('approved', { hold: lock }))).toEqual(expect.not.objectContaining({ until: expect.anything() }));
  });

  it('keeps what has been halted, says anew for what it waits, and lets it go on where it was', () => {
    const its = { environment: holding, promotion: halted };
    expect(begin(facts('promoting', { ...its, hold: lock }))).toEqual({ kind: 'wait', waitingOn: 'lock' });
    expect(begin(facts('promoting', { ...its, hold: window }))).toMatchObject({
      waitingOn: 'window',
      until,
      change: { after: { phase: 'promoting', waitingOn: 'window' }, event: { type: 'promotion.waiting' } },
    });
    const on = begin(facts('promoting', its));
    expect(on).toMatchObject({ kind: 'start', change: { after: { step: 'copying' }, event: { type: 'promotion.resumed' } } });
    expect('change' in on && on.change?.after.waitingOn).toBeUndefined();
    expect(begin(facts('promoting', { environment: holding, hold: lock, promotion: promotionIn('promoting') }))).toEqual({ kind: 'start' });
    expect(begin(facts('promoting', { promotion: halted, hold: lock }))).toEqual({ kind: 'stop' });
  });

  it('does not count the time of a halt against the rollout', () => {
    const { after } = halt(promotionIn('promoting', { rolloutBeganMs: 1_000, step: 'bake' }), lock, 42_000);
    expect(after).toMatchObject({ rolloutSpentMs: 42_000, step: 'bake', waitingOn: 'lock' });
    expect(after.rolloutBeganMs).toBeUndefined();
    expect(halt(promotionIn('promoting', { rolloutBeganMs: 1_000 }), lock)).toMatchObject({
      after: { rolloutBeganMs: 1_000 },
      event: { data: { step: null } },
    });
    expect(resume(promotionIn('promoting', { waitingOn: 'lock' }))).toMatchObject({ event: { data: { step: null } } });
  });

  it('refuses a person who would execute it then, and says from when on it is possible', () => {
    const executed = (hold: typeof lock | typeof window | undefined) => () => execute(promotionIn('approved'), acting('cpi'), hold);
    expect(executed(lock)).toThrow(expect.objectContaining({ code: 'ENV_LOCKED', hint: 'execute it when that is over' }));
    expect(executed(window)).toThrow(expect.objectContaining({ code: 'FREEZE_WINDOW', hint: `execute it from ${until} on` }));
    expect(executed(undefined)).not.toThrow();
  });
});

it('an expiry tells the people and wakes the run, whichever wait it is in', () => {
  const { notices, wake } = expired(promotionIn('pending_approval'));
  expect(notices).toEqual([{ type: 'approval.closed', data: { outcome: 'expired' } }]);
  expect(wake).toEqual({ kind: 'resume', requestId: 'PR-2026-0007', attempt: 1 });
});

it('a rollback that the watch has begun is told from one that a person asks for', () => {
  const plan = (kind: Plan['kind'], requester: string) => isAutomatic({ kind, requester });
  expect([plan('rollback', ENGINE.key), plan('rollback', 'somebody'), plan('promote', ENGINE.key)]).toEqual([true, false, false]);
});
