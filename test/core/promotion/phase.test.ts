import { describe, expect, it } from 'vitest';
import {
  isFinal,
  lifecycleOf,
  lifecycleOfHistoric,
  mayBecome,
  PHASES,
  type Phase,
  phasesOf,
  STATES,
  stateOf,
  TRANSITIONS,
  ticketStateOf,
  workflowViewOf,
} from '../../../core/promotion/phase.ts';

const FINAL: Phase[] = ['succeeded', 'rolled_back', 'failed', 'rejected', 'expired', 'cancelled', 'superseded'];

describe('phases', () => {
  it('that are final have no way out, and all others have one', () => {
    expect(PHASES.filter(isFinal).sort()).toEqual([...FINAL].sort());
  });

  it('all can be reached from requested', () => {
    const reached = new Set<Phase>(['requested']);
    for (const phase of reached) for (const next of TRANSITIONS[phase]) reached.add(next);
    expect([...reached].sort()).toEqual([...PHASES].sort());
  });

  it('never reach promoting without passing approved', () => {
    expect(PHASES.filter((phase) => mayBecome(phase, 'promoting'))).toEqual(['approved']);
  });

  it('end a rollout in succeeded, rolled_back or failed only', () => {
    expect(TRANSITIONS.promoting.toSorted()).toEqual(['failed', 'rolling_back', 'succeeded']);
    expect(TRANSITIONS.rolling_back.toSorted()).toEqual(['failed', 'rolled_back']);
  });
});

describe('the words of others', () => {
  it.each([
    ['requested', 'pending', 'pending', 'preview', 'requested'],
    ['validating', 'pending', 'pending', 'preview', 'requested'],
    ['blocked', 'pending', 'pending', 'failed', 'requested'],
    ['pending_approval', 'pending', 'pending', 'pending_approval', 'requested'],
    ['approved', 'approved', 'approved', 'approved', 'approved_by_devops'],
    ['promoting', 'deploying', 'deploying', 'applying', 'executed'],
    ['succeeded', 'deployed', 'deployed', 'applied', 'executed'],
    ['rolling_back', 'deploying', 'deploying', 'rollback', 'executed'],
    ['rolled_back', 'failed', 'failed', 'rollback', 'executed'],
    ['failed', 'failed', 'failed', 'failed', 'executed'],
    ['rejected', 'rejected', 'rejected', 'failed', 'rejected'],
    ['expired', 'expired', 'rejected', 'failed', 'rejected'],
    ['cancelled', 'cancelled', 'rejected', 'failed', 'rejected'],
    ['superseded', 'cancelled', 'rejected', 'failed', 'rejected'],
  ] as const)('%s is %s, on the ticket %s, in seed 002 %s, in seed 003 %s', (phase, state, ticket, lifecycle, workflow) => {
    expect(stateOf(phase)).toBe(state);
    expect(ticketStateOf(phase)).toBe(ticket);
    expect(lifecycleOf(phase)).toBe(lifecycle);
    expect(workflowViewOf(phase, 0).state).toBe(workflow);
  });

  it('name every phase by exactly one state', () => {
    expect(STATES.flatMap(phasesOf).sort()).toEqual([...PHASES].sort());
  });

  it('say approved_by_QA once the first stage is met', () => {
    expect(workflowViewOf('pending_approval', 1)).toEqual({ state: 'approved_by_QA' });
  });

  it('never hide a failure behind executed', () => {
    for (const phase of ['failed', 'rolled_back', 'rolling_back', 'promoting'] as const)
      expect(workflowViewOf(phase, 2)).toEqual({ state: 'executed', detail: phase });
    expect(workflowViewOf('succeeded', 2)).toEqual({ state: 'executed' });
  });

  it('read historic rows of seed 002', () => {
    expect(lifecycleOfHistoric('succeeded')).toBe('applied');
    expect(lifecycleOfHistoric('rolled_back')).toBe('rollback');
    expect(lifecycleOfHistoric('applying')).toBe('applying');
    expect(lifecycleOfHistoric('nonsense')).toBeUndefined();
  });
});
