/** The promotion that the tests of rollouts move: its plan as approved, and its head when the rollout begins. */
import { ENGINE } from '../../../core/access/identity.ts';
import { type Plan, planHashOf } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';

export const REPLICAS = 10;
export const REQUEST = 'PR-2026-0001';

export function makePlan(digest: string, rollbackTarget: string | null, rollout: Plan['rollout']): Plan {
  return {
    kind: 'promote',
    tenant: 'tenant-finance',
    artifact: 'payment-api',
    version: '2.0.0',
    digest,
    from: 'staging',
    to: 'prod',
    source: { environment: 'staging', by: 'PR-2026-0000' },
    gates: [],
    approvals: [],
    approvalTimeoutSeconds: 60,
    approvalValidSeconds: 3_600,
    waitSeconds: 0,
    execute: 'auto',
    registries: { source: 'staging', targets: ['prod'] },
    tags: ['2.0.0-prod', 'latest-prod'],
    rollout,
    rollbackTarget,
    scheduledDate: null,
    policyHash: 'sha256:0',
    requester: 'key',
    textHash: 'sha256:1',
  };
}

export function makeHead(plan: Plan): Promotion {
  return {
    id: REQUEST,
    kind: 'promote',
    tenant: plan.tenant,
    artifact: plan.artifact,
    artifactType: 'api',
    requestedVersion: plan.version,
    releaseVersion: plan.version,
    digest: plan.digest,
    from: plan.from,
    to: plan.to,
    impact: 'low',
    requester: ENGINE,
    editors: [],
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-08T00:00:00.000Z',
    scheduledDate: null,
    phase: 'promoting',
    step: 'tagging',
    attempt: 1,
    planHash: planHashOf(plan),
    firstPlanHash: planHashOf(plan),
    version: 7,
    seq: 7,
    lastLine: '',
    fence: 3,
  };
}
