import { describe, expect, it } from 'vitest';
import { detailOf, shareOf, stepWords, toneOfGate } from '../../console/promotion/state-words.ts';

describe('what a request does now', () => {
  it.each([
    [{ phase: 'pending_approval' }, 'waits for approval'],
    [{ phase: 'blocked' }, 'blocked by its gates'],
    [{ phase: 'validating' }, 'gates are running'],
    [{ phase: 'approved', waitingOn: 'confirm' }, 'waits to be executed'],
    [{ phase: 'approved', waitingOn: 'window' }, 'waits on window'],
    [{ phase: 'promoting', step: 'canary:50' }, 'canary 50 %'],
    [{ phase: 'promoting', step: 'verifying_copy' }, 'verifying copy'],
    [{ phase: 'rolling_back' }, 'rolling back'],
    [{ phase: 'succeeded' }, undefined],
  ])('%j is %s', (progress, words) => {
    expect(detailOf(progress)).toBe(words);
  });
});

describe('a step', () => {
  it('says its weight, if it has one', () => {
    expect([shareOf('canary:10'), shareOf('bake'), shareOf(undefined)]).toEqual([0.1, undefined, undefined]);
    expect(stepWords('copying')).toBe('copying artifacts');
  });
});

describe('the colour of a gate', () => {
  it('only repeats what its word says, and is calm for words that nobody knows yet', () => {
    expect(['passed', 'failed', 'waived', 'running', 'new'].map(toneOfGate)).toEqual(['good', 'bad', 'warn', 'calm', 'idle']);
  });
});
