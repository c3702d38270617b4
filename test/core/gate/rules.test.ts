import { describe, expect, test } from 'vitest';
import { cleanMessage, cleanOutput } from '../../../core/gate/clean-text.ts';
import { checkCost } from '../../../core/gate/cost.ts';
import type { PolicyGate } from '../../../core/gate/definition.ts';
import { gateAnswerSchema, gateCallbackSchema, outcomeOf } from '../../../core/gate/gate-answer.ts';
import { checkPolicy, type PolicyFacts } from '../../../core/gate/policy-rules.ts';
import { isSignedMessage, signMessage } from '../../../core/gate/webhook-signature.ts';

const facts: PolicyFacts = {
  artifact: {
    digest: 'sha256:x',
    mediaType: 'x',
    labels: { team: 'payments' },
    created: '2026-11-01T00:00:00Z',
    platforms: ['linux/amd64'],
    sizeBytes: 1_000,
  },
  registry: 'dev',
  claims: { stagingTestsPassed: false, securityScanPassed: true, performanceTestsPassed: true, testEvidenceUrl: 'https://example.com' },
  claimsMustHold: false,
  now: new Date('2026-11-20T00:00:00Z'),
};

describe('a policy gate', () => {
  test.each<[string, PolicyGate['rules'], string]>([
    ['no rule', {}, 'passed'],
    ['a label that is there', { requiredLabels: ['team'] }, 'passed'],
    ['a label with its value', { requiredLabels: ['team=payments'] }, 'passed'],
    ['a label with another value', { requiredLabels: ['team=retail'] }, 'failed'],
    ['a label that is missing', { requiredLabels: ['owner'] }, 'failed'],
    ['a label named like a member of every object', { requiredLabels: ['constructor'] }, 'failed'],
    ['an age of 19 days', { maxAgeDays: 20 }, 'passed'],
    ['an age that is too high', { maxAgeDays: 18 }, 'failed'],
    ['a size that fits', { maxSizeBytes: 1_000 }, 'passed'],
    ['a size that does not', { maxSizeBytes: 999 }, 'failed'],
    ['platforms that are there', { platforms: ['linux/amd64'] }, 'passed'],
    ['platforms that are missing', { platforms: ['linux/amd64', 'linux/arm64'] }, 'failed'],
    ['another registry', { allowedRegistries: ['trusted'] }, 'failed'],
    ['claims that do not hold', { requireClaims: true }, 'failed'],
  ])('with %s', (_name, rules, status) => {
    const outcome = checkPolicy(rules, facts);
    expect(outcome.status).toBe(status);
    expect(outcome.resolution === '').toBe(status === 'passed');
  });

  test('names every broken rule and what to do', () => {
    const outcome = checkPolicy({ requiredLabels: ['owner'], maxSizeBytes: 1 }, facts);
    expect(outcome.message).toContain('owner');
    expect(outcome.message).toContain('1000 bytes');
    expect(outcome.resolution).toContain('label owner');
  });

  test('asks for the claims where the environment wants them verified', () => {
    expect(checkPolicy({}, { ...facts, claimsMustHold: true })).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('staging'),
    });
  });

  test('takes an image without a date for too old', () => {
    const { created: _created, ...artifact } = facts.artifact;
    expect(checkPolicy({ maxAgeDays: 1_000 }, { ...facts, artifact }).status).toBe('failed');
  });
});

test('what a promotion costs in its first month is compared with its budget', () => {
  const prices = { usdPerGibMonth: 0.1, usdPerGibTransfer: 0, usdPerReplicaMonth: 0 };
  const cost = { name: 'cost', type: 'cost', timeoutSeconds: 60, maxMonthlyUsd: 1, ...prices } as const;
  const facts = { bytes: 10 * 1024 ** 3, replicas: 10, addedReplicas: 10 };
  expect(checkCost(cost, facts).status).toBe('passed');
  expect(checkCost(cost, { ...facts, bytes: 11 * 1024 ** 3 }).status).toBe('failed');
  const run = checkCost({ ...cost, usdPerReplicaMonth: 0.05 }, facts);
  expect([run.status, run.message]).toEqual(['failed', expect.stringContaining('10 more of 10 replicas, $0.50 a month: $1.50')]);
  expect(checkCost({ ...cost, usdPerReplicaMonth: 0.05 }, { ...facts, addedReplicas: 0 }).status).toBe('passed');
  expect(checkCost({ ...cost, usdPerGibTransfer: 0.01 }, facts).message).toContain('$0.10 once to move it');
});

describe('an answer from outside', () => {
  test.each(['successful', 'Passed', 'PASSED', 'ok', '', true, null, undefined])('with status %j is no answer', (status) => {
    expect(gateAnswerSchema.safeParse({ status }).success).toBe(false);
  });

  test('of a callback holds nothing else', () => {
    expect(gateCallbackSchema.safeParse({ status: 'passed', extra: 1 }).success).toBe(false);
  });

  test('HOOK-12 is stripped, redacted and shortened', () => {
    const text = `\u001b[31mred\u001b[0m AKIAABCDEFGHIJKLMNOP \u202e-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY----- done`;
    expect(outcomeOf({ status: 'failed', message: text })).toMatchObject({ message: 'red [redacted] [redacted] done' });
    expect(cleanMessage('x'.repeat(1_000_000)).length).toBeLessThan(1_100);
    expect(cleanOutput('x'.repeat(1_000_000)).length).toBe(65_536);
  });
});

describe('the signature of a callback', () => {
  const now = new Date('2026-11-20T12:00:00Z');
  const body = Buffer.from('{"status":"passed"}');
  const headers = signMessage('secret', 'run-1', now, body);
  const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);

  test('counts within five minutes', () => {
    expect(isSignedMessage('secret', { ...headers }, body, at(299))).toBe(true);
    expect(isSignedMessage('secret', { ...headers, 'webhook-signature': `v1,AAAA ${headers['webhook-signature']}` }, body, now)).toBe(true);
  });

  test.each([
    ['another secret', () => isSignedMessage('other', { ...headers }, body, now)],
    ['another body', () => isSignedMessage('secret', { ...headers }, Buffer.from('{}'), now)],
    ['another id', () => isSignedMessage('secret', { ...headers, 'webhook-id': 'run-2' }, body, now)],
    ['an old time stamp', () => isSignedMessage('secret', { ...headers }, body, at(301))],
    ['a time stamp ahead', () => isSignedMessage('secret', { ...headers }, body, at(-301))],
    [
      'another version',
      () => isSignedMessage('secret', { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1', 'v2') }, body, now),
    ],
    ['no signature', () => isSignedMessage('secret', {}, body, now)],
  ])('does not count with %s', (_name, check) => {
    expect(check()).toBe(false);
  });

  test('takes secrets as Standard Webhooks spells them', () => {
    const spelled = `whsec_${Buffer.from('secret').toString('base64')}`;
    expect(isSignedMessage(spelled, { ...headers }, body, now)).toBe(true);
  });
});
