import { describe, expect, it } from 'vitest';
import { planChanges } from '../../../core/promotion/plan-changes.ts';
import type { RequestBody } from '../../../core/promotion/request-body.ts';
import { demoConfiguration, OTHER_DIGEST, prodPlan, requestBody } from './fixture.ts';

const before = prodPlan();
const edited = (request: Partial<RequestBody['request']> = {}, body = requestBody({}, request)) => prodPlan(demoConfiguration(), body);

describe('what an edit changed', () => {
  it('is said in the words of the request, not in hashes', () => {
    expect(planChanges(before, edited({ rollbackPlan: 'Call somebody', impactAssessment: 'high' }))).toEqual([
      { field: 'impactAssessment', before: 'low', after: 'high' },
      { field: 'rollbackPlan', before: 'Revert to 1.0.0', after: 'Call somebody' },
    ]);
    expect(planChanges(before, before)).toEqual([]);
  });

  it('names facts of the plan by their path, also those that came or went', () => {
    const plan = {
      ...before.plan,
      digest: OTHER_DIGEST,
      registries: { ...before.plan.registries, targets: ['prod', 'backup'] },
      rollbackTarget: OTHER_DIGEST,
    };
    const changes = planChanges(before, { plan, spec: before.spec });
    expect(changes.map(({ field, before: old, after: now }) => [field, old, now])).toEqual([
      ['digest', before.plan.digest, OTHER_DIGEST],
      ['rollbackTarget', 'none', OTHER_DIGEST],
      ['registries.targets.2', 'none', 'backup'],
    ]);
    expect(planChanges({ plan, spec: before.spec }, before)).toContainEqual({
      field: 'registries.targets.2',
      before: 'backup',
      after: 'none',
    });
  });

  it('takes a member without a value for one that is not there', () => {
    const plan = {
      ...before.plan,
      edition: undefined,
      rollout: { ...before.plan.rollout, cluster: undefined },
    } as unknown as typeof before.plan;
    expect(planChanges({ plan, spec: before.spec }, { plan, spec: before.spec })).toEqual([]);
    expect(planChanges(before, { plan, spec: before.spec })).toEqual([{ field: 'rollout.cluster', before: 'demo', after: 'none' }]);
  });

  it('shows who the source’s evidence is by, and neither requester nor edition', () => {
    const plan = {
      ...before.plan,
      requester: 'another',
      edition: 7,
      textHash: 'x',
      source: { environment: 'staging', by: 'PR-2026-0002' },
    };
    expect(planChanges(before, { plan, spec: before.spec })).toEqual([
      { field: 'sourceEvidence', before: 'PR-2026-0001', after: 'PR-2026-0002' },
    ]);
  });

  it('shows the beginning of a long text, an empty one as none, and at most 40 of them', () => {
    const long = planChanges(before, edited({ releaseNotes: 'x'.repeat(5_000) }));
    expect(long[0]!.after).toBe(`${'x'.repeat(300)}…`);
    expect(
      planChanges(before, { plan: before.plan, spec: { ...before.spec, request: { ...before.spec.request, releaseNotes: '' } } })[0]!.after,
    ).toBe('none');
    const plan = { ...before.plan, tags: Array.from({ length: 60 }, (_, index) => `tag-${index}`) };
    expect(planChanges(before, { plan, spec: before.spec })).toHaveLength(40);
  });
});
