import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../../core/access/identity.ts';
import type { GateResult, GateStatus } from '../../../core/gate/gate.ts';
import { recordGate, refuseAnswer } from '../../../core/gate/record-gate.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import { gatesAreSettled, settleGates } from '../../../core/promotion/settle-gates.ts';
import { NOW, prodPlan, promotionIn } from './fixture.ts';

const { plan, spec } = prodPlan();
const promotion = promotionIn('validating');
const names = plan.gates.map(({ name }) => name);

function result(name: string, status: GateStatus): GateResult {
  return { name, type: 'policy', status, message: 'looked at', resolution: 'look again', definitionHash: 'sha256:x', runId: `run-${name}` };
}
const settle = (planned: Plan, results: readonly GateResult[]) =>
  settleGates(promotion, planned, results, { now: NOW.toISOString(), claims: spec.preChecks });
const record = (others: readonly GateResult[], found: GateResult) => recordGate(promotion, plan, others, found, NOW.toISOString());
const all = (status: GateStatus) => names.map((name) => result(name, status));

describe('the results of all gates', () => {
  it.each<[GateStatus, string]>([
    ['passed', 'pending_approval'],
    ['waived', 'pending_approval'],
    ['failed', 'blocked'],
    ['errored', 'blocked'],
    ['inconclusive', 'blocked'],
    ['not_run', 'blocked'],
    ['pending', 'blocked'],
    ['running', 'blocked'],
  ])('one that is %s makes the request %s', (status, phase) => {
    for (const name of names) {
      const results = all('passed').map((other) => (other.name === name ? result(name, status) : other));
      const change = settle(plan, results);
      expect(change.after.phase).toBe(phase);
      if (phase === 'blocked') expect(change.event.data).toMatchObject({ gates: [name] });
    }
  });

  it('block where a result is missing, or belongs to a gate that the plan does not know', () => {
    expect(settle(plan, []).after.phase).toBe('blocked');
    expect(settle(plan, all('passed').slice(1)).after.phase).toBe('blocked');
    expect(settle(plan, [...all('passed').slice(1), result('other', 'passed')]).after.phase).toBe('blocked');
  });

  it('name every gate that blocks, and tell the people', () => {
    const { event, notices } = settle(plan, all('failed'));
    expect(event).toMatchObject({ type: 'promotion.blocked', data: { gates: names } });
    expect(event.history.error).toBe(`blocked by ${names.join(', ')}`);
    expect(notices).toEqual([{ type: 'promotion.blocked', data: { gates: names.join(', ') } }]);
  });

  it('lead to approval without approvers only where the plan asks for none, and then wait for a word where it is asked', () => {
    const free = { ...plan, approvals: [] };
    expect(settle(free, all('passed')).after).toMatchObject({ phase: 'approved' });
    expect(settle({ ...free, execute: 'manual' }, all('passed')).after).toMatchObject({
      phase: 'approved',
      waitingOn: 'confirm',
    });
    expect(settle(free, all('failed')).after.phase).toBe('blocked');
  });
});

describe('a claim that a gate contradicts', () => {
  const contradicting = all('passed').map((other, index) =>
    index === 1 ? { ...other, type: 'signature' as const, status: 'failed' as const } : other,
  );
  const alert = { type: 'security.alert', data: { signal: 'claim_contradicted', reason: expect.any(String), gates: names[1] } };

  it('is told to the administrators and written down, whatever becomes of the request', () => {
    const blocked = settle(plan, contradicting);
    expect(blocked.after.phase).toBe('blocked');
    expect(blocked.notices).toContainEqual(alert);
    expect(blocked.event.data['signals']).toEqual(['claim_contradicted']);
    const waived = contradicting.map((other) => (other.status === 'failed' ? { ...other, status: 'waived' as const } : other));
    for (const planned of [plan, { ...plan, approvals: [] }]) {
      const change = settle(planned, waived);
      expect(change.after.phase).toBe(planned === plan ? 'pending_approval' : 'approved');
      expect(change.notices).toContainEqual(alert);
      expect(change.event.data['signals']).toEqual(['claim_contradicted']);
    }
    expect(settle(plan, all('passed')).event.data).not.toHaveProperty('signals');
  });
});

it('waivers that are over are forgotten, whatever the gates say: what is approved now is approved without them', () => {
  const waiver = (gate: string, expiresAt: string) => ({
    gate,
    type: 'http' as const,
    definitionHash: '',
    by: { key: 'k', email: 'qa@example.com' },
    at: '',
    expiresAt,
    review: 'rv-1',
  });
  const waived = { ...promotion, waivers: [waiver('over', NOW.toISOString()), waiver('holds', '2026-11-20T12:00:00.001Z')] };
  for (const [planned, status] of [
    [plan, 'passed'],
    [plan, 'failed'],
    [{ ...plan, approvals: [] }, 'passed'],
  ] as [Plan, GateStatus][]) {
    const { after } = settleGates(waived, planned, all(status), { now: NOW.toISOString(), claims: spec.preChecks });
    expect(after.waivers!.map(({ gate }) => gate)).toEqual(['holds']);
  }
  // That of a canary stays: the plan still lacks its weights, and `begin` brings them back.
  const skipping = { ...waiver('skip_canary', NOW.toISOString()), type: 'skip_canary' as const };
  const kept = settleGates({ ...promotion, waivers: [skipping] }, plan, all('passed'), { now: NOW.toISOString(), claims: spec.preChecks });
  expect(kept.after.waivers).toEqual([skipping]);
  expect(settle(plan, all('passed')).after).not.toHaveProperty('waivers');
});

it('approval is asked for from the moment that the gates have passed', () => {
  expect(settle(plan, all('passed')).after).toMatchObject({
    askedAt: NOW.toISOString(),
    reminders: { given: 0, lastAt: null, escalated: false },
  });
});

describe('one result', () => {
  it('wakes the run when it is the last, and not before', () => {
    const [first, second, third] = all('passed');
    expect(record([first!], second!).wake).toBeUndefined();
    expect(record([first!, second!], third!).wake).toEqual({
      kind: 'resume',
      requestId: promotion.id,
      attempt: 1,
      wait: 'gates',
    });
    expect(record([first!, result(names[1]!, 'running')], third!).wake).toBeUndefined();
    expect(record([first!, second!], result(names[2]!, 'running')).wake).toBeUndefined();
  });

  it('of a gate that is waived counts, and its history says what was found', () => {
    const by = { key: 'k', email: 'qa@example.com' };
    const waiver = { gate: names[0]!, type: 'policy' as const, definitionHash: 'sha256:x', by, at: '', expiresAt: '9999', review: 'rv-1' };
    const found = result(names[0]!, 'failed');
    const change = recordGate({ ...promotion, waivers: [waiver] }, plan, [], found, NOW.toISOString());
    expect(change.gates).toMatchObject([{ status: 'waived' }]);
    expect(change.event).toMatchObject({
      data: { status: 'waived' },
      history: { action: 'gate_waived', error: expect.stringContaining('failed') },
    });
  });

  it('that nobody waits for is recorded, and nothing else, until it has been said often enough', () => {
    const answer = { gate: 'http', attempt: 2, status: 'passed' as const };
    const change = refuseAnswer(promotion, [], answer)!;
    expect(change).toMatchObject({
      before: promotion,
      after: promotion,
      event: { type: 'gate.refused', data: answer, history: { action: 'late_answer' } },
    });
    for (const name of ['gates', 'wake', 'notices'] as const) expect(change[name]).toBeUndefined();
    const said = (times: number) => Array.from({ length: times }, () => change.event.history);
    expect(refuseAnswer(promotion, [...said(19), { action: 'created' }], answer)).toBeDefined();
    expect(refuseAnswer(promotion, said(20), answer)).toBeUndefined();
  });

  it('replaces an earlier one of the same gate', () => {
    const change = record(all('running'), result(names[0]!, 'passed'));
    expect(change.gates).toEqual([result(names[0]!, 'passed')]);
    expect(change.wake).toBeUndefined();
    expect(gatesAreSettled(plan, [...all('passed').slice(1), result(names[0]!, 'failed')])).toBe(true);
  });

  it('leaves the phase, and keeps the gate’s own words out of the locked event', () => {
    const change = record([], { ...result(names[0]!, 'failed'), message: 'who@example.com broke it' });
    expect(change.after).toEqual(promotion);
    expect(change.event).toMatchObject({ type: 'gate.finished', data: { gate: names[0], status: 'failed', definition: 'sha256:x' } });
    expect(JSON.stringify(change.event.data)).not.toContain('who@example.com');
    expect(change.event.history).toEqual({ action: 'gate_failed', error: `${names[0]}: who@example.com broke it` });
  });
});

it('a change by the engine names the engine, the new phase and what is given', () => {
  const change = engineChange(
    promotion,
    promotion,
    { type: 'copy.finished', action: 'copied', data: { blobs: 3 }, jobId: 'j', error: 'e' },
    { notices: [] },
  );
  expect(change).toEqual({
    before: promotion,
    after: promotion,
    event: {
      type: 'copy.finished',
      actor: ENGINE,
      auth: 'engine',
      channel: 'engine',
      data: { phase: 'validating', blobs: 3 },
      history: { action: 'copied', jobId: 'j', error: 'e' },
    },
    notices: [],
  });
});
