import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../../core/access/identity.ts';
import type { GateResult, GateStatus } from '../../../core/gate/gate.ts';
import { recordGate } from '../../../core/gate/record-gate.ts';
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
