import { describe, expect, it } from 'vitest';
import { alertOf, contradictedClaims, SIGNAL_WORDS, SIGNALS, signalsOfApproval } from '../../../core/approval/suspicion.ts';
import type { GateResult, GateStatus, GateType } from '../../../core/gate/gate.ts';
import { actor, NOW } from '../promotion/fixture.ts';

const result = (type: GateType, status: GateStatus): GateResult => ({
  name: `the ${type} gate`,
  type,
  status,
  message: '',
  resolution: '',
  definitionHash: '',
});
const claims = {
  stagingTestsPassed: true,
  securityScanPassed: true,
  performanceTestsPassed: true,
  testEvidenceUrl: 'https://ci.example.com/1',
};

describe('a claim is contradicted', () => {
  it.each<[GateType, keyof typeof claims]>([
    ['signature', 'securityScanPassed'],
    ['vulnerability', 'securityScanPassed'],
    ['performance_baseline', 'performanceTestsPassed'],
    ['command', 'stagingTestsPassed'],
  ])('by a %s gate that fails although %s was claimed', (type, claim) => {
    expect(contradictedClaims(claims, [result(type, 'failed')])).toEqual([`the ${type} gate`]);
    expect(contradictedClaims(claims, [result(type, 'waived')])).toEqual([`the ${type} gate`]);
    expect(contradictedClaims({ ...claims, [claim]: false }, [result(type, 'failed')])).toEqual([]);
    const others = Object.fromEntries(Object.keys(claims).map((name) => [name, name === claim])) as unknown as typeof claims;
    expect(contradictedClaims(others, [result(type, 'failed')])).toHaveLength(1);
  });

  it('not by a gate that passed, that could not look, or that measures no claim', () => {
    for (const status of ['passed', 'errored', 'inconclusive', 'not_run', 'pending', 'running'] as const)
      expect(contradictedClaims(claims, [result('signature', status)]), status).toEqual([]);
    for (const type of ['policy', 'http', 'cost'] as const) expect(contradictedClaims(claims, [result(type, 'failed')]), type).toEqual([]);
  });
});

it('a machine’s approval is neither hasty nor reciprocal, a person’s is', () => {
  const facts = { now: NOW.toISOString(), isReciprocal: true };
  const asked = { askedAt: NOW.toISOString() };
  expect(signalsOfApproval(asked, actor('lead'), facts)).toEqual(['hasty_approval', 'reciprocal_approval']);
  expect(signalsOfApproval(asked, { ...actor('lead'), kind: 'policy' }, facts)).toEqual([]);
});

it('every sign says in words what was seen', () => {
  for (const signal of SIGNALS) {
    expect(alertOf(signal)).toEqual({ type: 'security.alert', data: { signal, reason: SIGNAL_WORDS[signal] } });
    expect(SIGNAL_WORDS[signal].length).toBeGreaterThan(20);
  }
  expect(alertOf('claim_contradicted', { gates: 'policy' }).data['gates']).toBe('policy');
});
