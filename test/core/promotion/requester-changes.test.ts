import { describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import type { PolicyRecord } from '../../../core/policy/replay.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { cancel, create, edit, execute, refusePastDate, refuseUneditable, retry } from '../../../core/promotion/create.ts';
import { type RequestChange, refuseChange } from '../../../core/promotion/may-change.ts';
import { isFinal, mayBecome, PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { planHashOf } from '../../../core/promotion/plan.ts';
import {
  acting,
  actor,
  created,
  decisionBy,
  demoConfiguration,
  keyOf,
  NOW,
  prodPlan,
  promotionIn,
  requestBody,
  robotOf,
} from './fixture.ts';

const { plan, spec } = prodPlan();
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'allowed';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('creating', () => {
  it('names the requester of the token, the plan and its hash, and wakes one run', () => {
    const change = created();
    expect(change.after).toMatchObject({
      phase: 'requested',
      attempt: 1,
      version: 0,
      requester: actor('dev'),
      editors: [],
      tenant: 'tenant-finance',
    });
    expect(change.after.planHash).toBe(planHashOf(plan));
    expect(change.after.firstPlanHash).toBe(change.after.planHash);
    expect(change.before).toBeUndefined();
    expect(change.wake).toEqual({ kind: 'start', requestId: 'PR-2026-0007', attempt: 1 });
    expect(change.event).toMatchObject({ type: 'promotion.requested', actor: actor('dev') });
  });

  it('keeps priority, project, preview and the request that it repeats, where there are any', () => {
    const urgent = { ...spec, request: { ...spec.request, priority: 'urgent' as const } };
    const more = { project: 'payments', previewRef: 'pv-1', retryOf: 'PR-2026-0001' };
    const { after } = create({ ...acting('dev'), id: 'PR-2026-0008', plan, spec: urgent, requestedVersion: '1.1.0', now: NOW, ...more });
    expect(after).toMatchObject({ priority: 'urgent', ...more });
    for (const name of ['priority', 'project', 'previewRef', 'retryOf']) expect(created().after).not.toHaveProperty(name);
  });

  it('of a policy keeps by what it was asked for, and tells whom the policy names', () => {
    const policy = { name: 'auto', notify: ['teams@acme.example'] } as PolicyRecord['policy'];
    const askedBy = { policy, facts: {} as PolicyRecord['facts'], at: NOW.toISOString() };
    const change = create({ ...acting('dev'), id: 'PR-2026-0009', plan, spec, requestedVersion: '1.1.0', now: NOW, askedBy });
    expect(change.askedBy).toEqual({ ...askedBy, requestId: 'PR-2026-0009' });
    expect(change.notices).toEqual([{ type: 'promotion.requested', data: { policy: 'auto' }, to: ['teams@acme.example'] }]);
    expect(created()).not.toHaveProperty('askedBy');
  });

  it('does not begin in the past, but for what clocks differ by', () => {
    const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000).toISOString();
    const ask = (date: string | null | undefined) => codeOf(() => refusePastDate(date, NOW));
    expect([ask(null), ask(undefined), ask(minutesAgo(-1)), ask(minutesAgo(5)), ask(minutesAgo(5.001))]).toEqual([
      ...Array.from({ length: 4 }, () => 'allowed'),
      'INVALID_DATE',
    ]);
  });

  it('writes no free text and no address into the event that is locked', () => {
    const text = JSON.stringify(created().event.data);
    for (const secret of [spec.request.justification, spec.request.rollbackPlan, 'example.com']) expect(text).not.toContain(secret);
  });

  it('counts the deadline from now, or from the scheduled date if that is later', () => {
    expect(created().after.expiresAt).toBe('2026-11-27T12:00:00.000Z');
    const later = prodPlan(demoConfiguration(), requestBody({}, { scheduledDate: '2026-12-01T00:00:00Z' }));
    expect(created(later).after.expiresAt).toBe('2026-12-08T00:00:00.000Z');
    const past = prodPlan(demoConfiguration(), requestBody({}, { scheduledDate: '2020-01-01T00:00:00Z' }));
    expect(created(past).after.expiresAt).toBe('2026-11-27T12:00:00.000Z');
    // The pause after the last approval takes nothing from the time to give it.
    const paused = { ...prodPlan(), plan: { ...plan, waitSeconds: 3_600 } };
    expect(created(paused).after.expiresAt).toBe('2026-11-27T13:00:00.000Z');
  });
});

describe('what may be done in which phase', () => {
  const input = { ...acting('cpi'), plan, spec, changes: [], requestedVersion: '1.1.0', now: NOW };
  const table: Record<Phase, [edit: string, retry: string, cancel: string, execute: string]> = {
    requested: ['STATE_CONFLICT', 'STATE_CONFLICT', 'allowed', 'STATE_CONFLICT'],
    validating: ['STATE_CONFLICT', 'STATE_CONFLICT', 'allowed', 'STATE_CONFLICT'],
    blocked: ['allowed', 'allowed', 'allowed', 'STATE_CONFLICT'],
    pending_approval: ['allowed', 'STATE_CONFLICT', 'allowed', 'STATE_CONFLICT'],
    approved: ['allowed', 'STATE_CONFLICT', 'allowed', 'allowed'],
    promoting: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    rolling_back: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    succeeded: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    rolled_back: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    failed: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    rejected: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    expired: ['STATE_CONFLICT', 'STATE_CONFLICT', 'EXPIRED', 'EXPIRED'],
    cancelled: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
    superseded: ['STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT', 'STATE_CONFLICT'],
  };

  it.each(PHASES)('%s', (phase) => {
    const promotion = promotionIn(phase);
    const outcome = [
      codeOf(() => edit(promotion, input)),
      codeOf(() => retry(promotion, acting('dev'))),
      codeOf(() => cancel(promotion, acting('dev'))),
      codeOf(() => execute(promotion, acting('dev'))),
    ];
    expect(outcome).toEqual(table[phase]);
  });
});

describe('an edit', () => {
  const other = prodPlan(demoConfiguration(), requestBody({}, { rollbackPlan: 'Call somebody' }));
  const change = edit(promotionIn('approved', { approvedAt: NOW.toISOString(), waitingOn: 'lock' }), {
    ...acting('cpi'),
    ...other,
    changes: [],
    requestedVersion: '1.1.0',
    now: NOW,
  });

  it('has another plan, runs the gates again, and lets the old run end', () => {
    expect(change.after).toMatchObject({ phase: 'validating', attempt: 2, planHash: planHashOf(change.plan!) });
    expect(change.after.firstPlanHash).toBe(planHashOf(plan));
    expect(change.wake).toEqual([
      { kind: 'start', requestId: 'PR-2026-0007', attempt: 2 },
      { kind: 'resume', requestId: 'PR-2026-0007', attempt: 1 },
    ]);
  });

  it('makes its author one who may not decide, and leaves the requester the requester', () => {
    expect(change.after.editors).toEqual([{ key: keyOf('cpi'), email: 'cpi@example.com' }]);
    expect(change.after.requester).toEqual(actor('dev'));
    const own = edit(promotionIn('blocked'), { ...acting('dev'), ...other, changes: [], requestedVersion: '1.1.0', now: NOW });
    expect(own.after.editors).toEqual([]);
  });

  it('by a robot makes its owner one who may not decide', () => {
    const byRobot = edit(promotionIn('blocked'), {
      ...acting('x'),
      actor: robotOf('lead'),
      ...other,
      changes: [],
      requestedVersion: '1.1.0',
      now: NOW,
    });
    expect(byRobot.after.editors).toEqual([
      { key: keyOf('robot'), email: 'robot@example.com', owner: { key: keyOf('lead'), email: 'lead@example.com' } },
    ]);
    const again = edit(
      { ...byRobot.after, phase: 'blocked' },
      { ...acting('x'), actor: robotOf('lead'), ...other, changes: [], requestedVersion: '1.1.0', now: NOW },
    );
    expect(again.after.editors).toHaveLength(1);
  });

  it('ends every waiver: it was given for the plan that stood', () => {
    const waiver = { gate: 'http', type: 'http' as const, definitionHash: '', by: actor('qa'), at: '', expiresAt: '9999', review: 'rv-1' };
    const edited = edit(promotionIn('approved', { waivers: [waiver] }), {
      ...acting('cpi'),
      ...other,
      changes: [],
      requestedVersion: '1.1.0',
      now: NOW,
    });
    expect(edited.after.waivers).toEqual([]);
  });

  it('keeps what it changed for those whose approval is void, and the priority that it names', () => {
    const changes = [{ field: 'rollbackPlan', before: 'a', after: 'b' }];
    const urgent = { ...other.spec, request: { ...other.spec.request, priority: 'urgent' as const } };
    const edited = edit(promotionIn('blocked', { priority: 'low' }), {
      ...acting('dev'),
      plan: other.plan,
      spec: urgent,
      changes,
      requestedVersion: '1.1.0',
      now: NOW,
    });
    expect(edited.texts).toEqual({ spec: urgent, changes });
    expect(edited.after.priority).toBe('urgent');
    expect(
      edit(promotionIn('blocked', { priority: 'low' }), { ...acting('dev'), ...other, changes, requestedVersion: '1.1.0', now: NOW }).after
        .priority,
    ).toBe('low');
  });

  it('takes back that it was approved', () => {
    expect(change.after.approvedAt).toBeUndefined();
    expect(change.after.waitingOn).toBeUndefined();
  });

  it('back to an earlier plan does not revive the decisions on that one', () => {
    const first = promotionIn('pending_approval');
    const decision = decisionBy('lead', first);
    const back = edit(
      { ...change.after, phase: 'pending_approval' },
      { ...acting('cpi'), plan, spec, changes: [], requestedVersion: '1.1.0', now: NOW },
    );
    expect(back.after.planHash).not.toBe(decision.planHash);
    expect(back.plan).toEqual({ ...plan, edition: 3 });
  });
});

it('a retry keeps the plan and runs the gates again', () => {
  const { after, wake, plan: planned } = retry(promotionIn('blocked'), acting('dev'));
  expect(after).toMatchObject({ phase: 'validating', attempt: 2, planHash: planHashOf(plan) });
  expect(planned).toBeUndefined();
  expect(wake).toEqual({ kind: 'start', requestId: 'PR-2026-0007', attempt: 2 });
});

it("execute is a person's word for one that waits for it, and no approval", () => {
  const { after, event } = execute(promotionIn('approved', { waitingOn: 'confirm' }), acting('cpi'));
  expect(after).toMatchObject({ phase: 'approved' });
  expect(after.waitingOn).toBeUndefined();
  expect(event).toMatchObject({ data: { confirmed: true }, actor: actor('cpi') });
});

describe('who may change a request', () => {
  const configuration = demoConfiguration();
  const promotion = promotionIn('pending_approval');
  const rows: Record<string, Record<RequestChange, string>> = {
    dev: { edit: 'allowed', cancel: 'allowed', abort: 'allowed', retry: 'allowed', execute: 'allowed' },
    cpi: { edit: 'allowed', cancel: 'allowed', abort: 'allowed', retry: 'allowed', execute: 'allowed' },
    admin: { edit: 'allowed', cancel: 'allowed', abort: 'allowed', retry: 'allowed', execute: 'allowed' },
    lead: { edit: 'FORBIDDEN', cancel: 'FORBIDDEN', abort: 'FORBIDDEN', retry: 'FORBIDDEN', execute: 'FORBIDDEN' },
    viewer: { edit: 'FORBIDDEN', cancel: 'FORBIDDEN', abort: 'FORBIDDEN', retry: 'FORBIDDEN', execute: 'FORBIDDEN' },
    auditor: { edit: 'FORBIDDEN', cancel: 'FORBIDDEN', abort: 'FORBIDDEN', retry: 'FORBIDDEN', execute: 'FORBIDDEN' },
    outsider: { edit: 'FORBIDDEN', cancel: 'FORBIDDEN', abort: 'FORBIDDEN', retry: 'FORBIDDEN', execute: 'FORBIDDEN' },
    nobody: { edit: 'FORBIDDEN', cancel: 'FORBIDDEN', abort: 'FORBIDDEN', retry: 'FORBIDDEN', execute: 'FORBIDDEN' },
  };
  it.each(Object.keys(rows))('%s', (subject) => {
    const membership = membershipOfKey(configuration, keyOf(subject));
    for (const [change, expected] of Object.entries(rows[subject]!)) {
      expect(
        codeOf(() => refuseChange(change as RequestChange, promotion, actor(subject), membership)),
        change,
      ).toBe(expected);
    }
  });

  it('not a requester who has left', () => {
    const gone = demoConfiguration();
    gone.people.find(({ subject }) => subject === 'dev')!.disabled = true;
    const membership = membershipOfKey(gone, keyOf('dev'));
    expect(codeOf(() => refuseChange('cancel', promotion, actor('dev'), membership))).toBe('FORBIDDEN');
  });
});

describe('another phase', () => {
  it('is reached by a legal transition only', () => {
    for (const from of PHASES) {
      for (const to of PHASES) {
        const outcome = codeOf(() => withPhase(promotionIn(from), to));
        expect(outcome, `${from} to ${to}`).toBe((from === to && !isFinal(from)) || mayBecome(from, to) ? 'allowed' : 'PLAN_CHANGED');
      }
    }
  });

  it('forgets what it waited for, and its step outside of a rollout', () => {
    const promoting = withPhase(promotionIn('approved', { waitingOn: 'lock' }), 'promoting', { step: 'copying' });
    expect(promoting.waitingOn).toBeUndefined();
    expect(withPhase(promoting, 'rolling_back').step).toBe('copying');
    expect(withPhase(promoting, 'failed').step).toBeUndefined();
    expect(promotionIn('approved', { waitingOn: 'lock' }).waitingOn).toBe('lock');
  });
});

it('a rollback is never edited: its target and its impact belong together', () => {
  expect(() => refuseUneditable(promotionIn('pending_approval', { kind: 'rollback' }))).toThrow(
    expect.objectContaining({ code: 'STATE_CONFLICT', hint: 'cancel it and request another one' }),
  );
});
