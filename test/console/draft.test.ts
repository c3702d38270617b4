import { describe, expect, it } from 'vitest';
import { Problem } from '../../console/kit/client.ts';
import { bodyOf, type Draft, draftLike, EMPTY, mistakesIn, refusedOf } from '../../console/promotion/draft.ts';

const COMPLETE: Draft = {
  ...EMPTY,
  ...{ environment: 'prod', name: ' payment-api ', version: '1.2.0', justification: 'Customers wait for the new methods' },
  ...{ releaseNotes: 'New methods', rollbackPlan: 'Promote 1.1.0', testEvidenceUrl: 'https://ci.example.com/1' },
};

describe('the form of a new request', () => {
  it('says what is missing, field by field', () => {
    expect(Object.keys(mistakesIn(EMPTY))).toEqual(['name', 'version', 'justification', 'releaseNotes', 'rollbackPlan', 'testEvidenceUrl']);
    expect(mistakesIn(COMPLETE)).toEqual({});
  });

  it('counts only characters that a reader sees', () => {
    expect(mistakesIn({ ...COMPLETE, justification: `${'a'.repeat(19)}\u200b\u202e ` }).justification).toBe('1 more character.');
  });

  it('shows beside a field what the API says of it', () => {
    const problem = new Problem(400, { errors: [{ path: '/target/version', message: 'is not a version' }] });
    expect(refusedOf(problem, 'version')).toBe('is not a version');
    expect(refusedOf(problem, 'justification')).toBeUndefined();
  });

  it('sends a date only where one was chosen', () => {
    expect(bodyOf(COMPLETE)).toMatchObject({ target: { name: 'payment-api' }, request: { impactAssessment: 'low' } });
    expect(bodyOf(COMPLETE)?.request).not.toHaveProperty('scheduledDate');
    expect(bodyOf({ ...COMPLETE, scheduled: '2026-12-01T10:00' })?.request).toHaveProperty('scheduledDate');
  });
});

it('a request like an earlier one says the same, and vouches for nothing', () => {
  const earlier = {
    spec: {
      target: { type: 'policy', name: 'limits', version: '2.0.0', sourceEnvironment: 'staging', targetEnvironment: 'prod' },
      request: {
        ...{ justification: 'Limits for the new market', releaseNotes: '# Limits', impactAssessment: 'high', rollbackPlan: 'Back' },
        scheduledDate: '2026-11-01T10:00:00.000Z',
      },
      preChecks: {
        ...{ stagingTestsPassed: true, securityScanPassed: true, performanceTestsPassed: true },
        testEvidenceUrl: 'https://ci.example.com/2',
      },
    },
  };
  expect(draftLike(earlier as Parameters<typeof draftLike>[0])).toEqual({
    ...EMPTY,
    ...{ environment: 'prod', type: 'policy', name: 'limits', version: '2.0.0', justification: 'Limits for the new market' },
    ...{ releaseNotes: '# Limits', impactAssessment: 'high', rollbackPlan: 'Back', testEvidenceUrl: 'https://ci.example.com/2' },
  });
});
