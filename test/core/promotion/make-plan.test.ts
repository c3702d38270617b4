import { describe, expect, it } from 'vitest';
import { makePlan, type PlanFacts, routeOf, specOf } from '../../../core/promotion/make-plan.ts';
import { stepsOf } from '../../../core/promotion/plan.ts';
import { DIGEST, demoConfiguration, keyOf, NOW, OTHER_DIGEST, requestBody } from './fixture.ts';

const configuration = demoConfiguration();
const refused = (code: string) => expect.objectContaining({ code });
const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: NOW.toISOString() };

function planFor(to: string, more: Partial<PlanFacts> = {}) {
  const { from } = routeOf(more.configuration ?? configuration, to, {
    ...requestBody().target,
  });
  const version = { tag: `1.1.0-${from}`, releaseVersion: '1.1.0', digest: DIGEST };
  const base = { configuration, body: requestBody(), from, to, version, evidence: occupant, environment: undefined };
  return makePlan({ ...base, requesterKey: keyOf('dev'), ...more });
}

describe('the way of a promotion (REST-22)', () => {
  it.each([
    ['staging', undefined, 'dev'],
    ['prod', undefined, 'staging'],
    ['staging', 'dev', 'dev'],
    ['prod', 'staging', 'staging'],
  ])('to %s from %s is from %s', (to, sourceEnvironment, from) => {
    expect(routeOf(configuration, to, { ...requestBody().target, sourceEnvironment })).toEqual({ from, to });
  });

  it.each([
    ['dev', undefined],
    ['dev', 'dev'],
    ['dev', 'staging'],
    ['staging', 'prod'],
    ['staging', 'staging'],
    ['prod', 'dev'],
    ['prod', 'prod'],
    ['prod', 'nowhere'],
    ['nowhere', undefined],
    ['nowhere', 'prod'],
  ])('to %s from %s is refused, and says the path', (to, sourceEnvironment) => {
    expect(() => routeOf(configuration, to, { ...requestBody().target, sourceEnvironment })).toThrow(
      expect.objectContaining({ code: 'NOT_NEXT_ENV', message: expect.stringContaining('dev → staging → prod') }),
    );
  });

  it('takes the target environment from the path only, and refuses a body that names another', () => {
    const target = { ...requestBody().target, targetEnvironment: 'staging' };
    expect(routeOf(configuration, 'staging', target).to).toBe('staging');
    expect(() => routeOf(configuration, 'prod', target)).toThrow(refused('INVALID_REQUEST'));
  });
});

describe('the evidence of the source', () => {
  it('is asked for everywhere but in the first environment', () => {
    expect(() => planFor('prod', { evidence: undefined })).toThrow(refused('EVIDENCE_MISMATCH'));
    expect(planFor('staging', { evidence: undefined }).source).toEqual({ environment: 'dev', by: 'published' });
    expect(planFor('prod').source).toEqual({ environment: 'staging', by: 'PR-2026-0001' });
  });
});

describe('registries', () => {
  it('are those of the target environment unless the request chooses among them', () => {
    const two = demoConfiguration();
    two.environments['prod']!.registries = ['prod', 'mirror'];
    expect(planFor('prod', { configuration: two }).registries).toEqual({ source: 'staging', targets: ['prod', 'mirror'], require: 'all' });
    two.environments['prod']!.requireRegistries = 'primary';
    const body = { ...requestBody(), registries: ['primary'] };
    expect(planFor('prod', { configuration: two, body }).registries).toEqual({ source: 'staging', targets: ['prod'], require: 'primary' });
    expect(() => planFor('prod', { configuration: two, body: { ...body, registries: ['mirror', 'dev'] } })).toThrow(
      expect.objectContaining({ code: 'VERSION_REFUSED', hint: 'choose among prod (primary), mirror (secondary)' }),
    );
  });
});

describe('a repair', () => {
  const digest = `sha256:${'d'.repeat(64)}`;
  const held = { version: '1.1.0', digest, requestId: 'PR-2026-0007', at: '2026-01-01T00:00:00.000Z' };
  const body = { ...requestBody(), kind: 'repair' as const };

  it('is planned from the evidence of the target environment, rolls nothing out, and may leave the primary alone', () => {
    const two = demoConfiguration();
    two.environments['prod']!.registries = ['prod', 'mirror'];
    const plan = planFor('prod', { configuration: two, body: { ...body, registries: ['mirror'] }, repaired: held, evidence: undefined });
    expect(plan).toMatchObject({
      kind: 'repair',
      source: { environment: 'staging', by: 'PR-2026-0007' },
      registries: { targets: ['mirror'] },
      rollout: { strategy: 'none' },
      rollbackTarget: null,
      tags: ['1.1.0-prod'],
    });
  });

  it('names the latest tag only of what runs there', () => {
    const version = { tag: '1.1.0', releaseVersion: '1.1.0', digest };
    const environment = {
      environment: 'prod',
      artifact: 'payment-api',
      tenant: 'tenant-finance',
      health: 'healthy',
      fence: 0,
      revision: 1,
    };
    const plan = planFor('prod', { body, repaired: held, version, environment: { ...environment, current: held } as never });
    expect(plan.tags).toEqual(['1.1.0-prod', 'latest-prod']);
  });

  it('is refused for what never succeeded in the target environment', () => {
    expect(() => planFor('prod', { body })).toThrow(expect.objectContaining({ code: 'EVIDENCE_MISMATCH' }));
  });

  it('is part of the spec', () => {
    expect(specOf(body, 'staging', 'prod').kind).toBe('repair');
    expect(specOf(requestBody(), 'staging', 'prod')).not.toHaveProperty('kind');
  });
});

describe('what the plan writes down', () => {
  it('names the tags of the release, and the digest to go back to', () => {
    expect(planFor('prod').tags).toEqual(['1.1.0-prod', 'latest-prod']);
    expect(planFor('prod').rollbackTarget).toBeNull();
    const current = { ...occupant, digest: OTHER_DIGEST };
    const environment = {
      environment: 'prod',
      artifact: 'payment-api',
      tenant: 'tenant-finance',
      current,
      health: 'healthy',
      fence: 1,
      revision: 1,
    } as const;
    expect(planFor('prod', { environment }).rollbackTarget).toBe(OTHER_DIGEST);
  });

  it('spells the scheduled date in one way, so that equal instants are equal plans', () => {
    const at = (scheduledDate: string | null) => planFor('prod', { body: requestBody({}, { scheduledDate }) });
    expect(at('2026-12-01T11:00:00+02:00').scheduledDate).toBe('2026-12-01T09:00:00.000Z');
    expect(at('2026-12-01T11:00:00+02:00')).toEqual(at('2026-12-01T09:00:00Z'));
    expect(at(null)).toEqual(planFor('prod'));
  });

  it('changes with a gate definition, not with a gate that it does not use', () => {
    const strict = demoConfiguration();
    strict.gates['policy'] = { ...strict.gates['policy']!, timeoutSeconds: 61 };
    expect(planFor('prod', { configuration: strict }).gates).not.toEqual(planFor('prod').gates);
    const unused = demoConfiguration();
    unused.gates['integration'] = { ...unused.gates['integration']!, timeoutSeconds: 61 };
    expect(planFor('prod', { configuration: unused }).gates).toEqual(planFor('prod').gates);
  });

  it('changes with what approvers read', () => {
    const edited = planFor('prod', { body: requestBody({}, { rollbackPlan: 'Call somebody' }) });
    expect(edited.textHash).not.toBe(planFor('prod').textHash);
  });
});

describe('the rollout', () => {
  it('is a canary, one direct step, or none where nothing runs', () => {
    expect(planFor('prod').rollout).toMatchObject({ strategy: 'canary', weights: [10, 50, 100], bakeSeconds: 5, workload: 'payment-api' });
    expect(planFor('staging').rollout).toMatchObject({ strategy: 'direct', cluster: 'demo' });
    const unknown = planFor('prod', { body: requestBody({ name: 'some-library' }) });
    expect(unknown.rollout).toMatchObject({ strategy: 'none', weights: [], bakeSeconds: 0 });
    expect(unknown.tenant).toBe('tenant-finance');
    const bare = demoConfiguration();
    delete bare.environments['prod']!.cluster;
    expect(planFor('prod', { configuration: bare }).rollout.strategy).toBe('none');
  });

  it('gives the steps in order', () => {
    expect(stepsOf(planFor('prod'))).toEqual([
      'copying',
      'verifying_copy',
      'tagging',
      ...['canary:10', 'smoke', 'bake', 'canary:50', 'smoke', 'bake', 'canary:100', 'smoke', 'bake'],
    ]);
    const { rollout, ...rest } = planFor('prod');
    expect(stepsOf({ ...rest, rollout: { ...rollout, weights: [100], smoke: false, bakeSeconds: 0 } }).slice(3)).toEqual(['canary:100']);
    expect(stepsOf({ ...rest, rollout: { ...rollout, strategy: 'job' } }).slice(3)).toEqual(['job']);
    expect(stepsOf(planFor('prod', { body: requestBody({ name: 'some-library' }) }))).toEqual(['copying', 'verifying_copy', 'tagging']);
    const back = { ...rest, kind: 'rollback' as const, rollout: { ...rollout, weights: [100], smoke: false, bakeSeconds: 0 } };
    expect(stepsOf(back)).toEqual(['verifying_copy', 'canary:100']);
  });
});
