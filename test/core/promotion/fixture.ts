/** The demo's configuration, a plan by its rules, and a request of it, for tests of the rules. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Actor, identityKey } from '../../../core/access/identity.ts';
import { membershipOfKey, rolesIn } from '../../../core/access/membership.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { Approvers, Delegation } from '../../../core/approval/delegation.ts';
import type { Configuration, PersonConfiguration } from '../../../core/environment/configuration.ts';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { create } from '../../../core/promotion/create.ts';
import { makePlan, specOf } from '../../../core/promotion/make-plan.ts';
import type { Phase } from '../../../core/promotion/phase.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { Promotion, PromotionSpec } from '../../../core/promotion/promotion.ts';
import type { RequestBody } from '../../../core/promotion/request-body.ts';

export const ISSUER = 'https://issuer.example.com';
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const OTHER_DIGEST = `sha256:${'b'.repeat(64)}`;
export const NOW = new Date('2026-11-20T12:00:00.000Z');

const FILE = readFileSync(join(import.meta.dirname, '../../../greenlight.yaml'), 'utf8');

const DEMO = readConfiguration(FILE);

/** A fresh copy, so that a test may change it. */
export function demoConfiguration(): Configuration {
  if (!DEMO.ok) throw new Error(JSON.stringify(DEMO.problems));
  return { ...structuredClone(DEMO.configuration), issuer: ISSUER };
}

/** Who may approve by a configuration, at `now`. */
export function approversOf(configuration = demoConfiguration(), delegations: readonly Delegation[] = [], now = NOW): Approvers {
  return { configuration, delegations, now: now.toISOString() };
}

export const keyOf = (subject: string): string => identityKey({ issuer: ISSUER, subject });

/** A person of the demo, by subject. */
export function actor(subject: string): Actor {
  return { id: `p-${subject}`, key: keyOf(subject), kind: 'person', email: `${subject}@example.com` };
}

export const acting = (subject: string) => ({ actor: actor(subject), auth: 'oidc' as const, channel: 'rest' as const });

export function requestBody(more: Partial<RequestBody['target']> = {}, request: Partial<RequestBody['request']> = {}): RequestBody {
  return {
    target: { type: 'api', name: 'payment-api', version: '1.1.0', ...more },
    request: {
      justification: 'New PCI-DSS compliant payment flow',
      releaseNotes: '- Added 3DS2',
      impactAssessment: 'low',
      rollbackPlan: 'Revert to 1.0.0',
      ...request,
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/1',
    },
  };
}

/** Plan and spec of a promotion from staging to prod that `dev` asks for. */
export function prodPlan(configuration = demoConfiguration(), body = requestBody()): { plan: Plan; spec: PromotionSpec } {
  const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: NOW.toISOString() };
  const plan = makePlan({
    configuration,
    body,
    from: 'staging',
    to: 'prod',
    version: { tag: '1.1.0-staging', releaseVersion: '1.1.0', digest: DIGEST },
    evidence: occupant,
    environment: undefined,
    requesterKey: keyOf('dev'),
  });
  return { plan, spec: specOf(body, 'staging', 'prod') };
}

/** A change of a configuration: this person is another way. */
export function becomes(subject: string, change: Partial<PersonConfiguration>): (configuration: Configuration) => void {
  return ({ people }) => {
    Object.assign(people.find((person) => person.subject === subject)!, change);
  };
}

/** One who stands in for another; without `to` the other is merely away. It holds at `NOW`, for a week. */
export function delegation(from: string, to?: string, more: Partial<Delegation> = {}): Delegation {
  const party = (subject: string) => ({ key: keyOf(subject), email: `${subject}@example.com`, name: subject });
  return {
    id: `dg-${from}-${to ?? 'nobody'}`,
    tenant: 'tenant-finance',
    from: party(from),
    ...(to === undefined ? {} : { to: party(to) }),
    since: '2026-11-19T00:00:00.000Z',
    until: '2026-11-26T00:00:00.000Z',
    createdAt: '2026-11-19T00:00:00.000Z',
    ...more,
  };
}

/** A robot of somebody's. */
export function robotOf(owner: string): Actor {
  const { key, email } = actor(owner);
  return { id: 'r-1', key: keyOf('robot'), kind: 'robot', email: 'robot@example.com', owner: { key, email } };
}

/** The change that creates `PR-2026-0007`. */
export function created({ plan, spec } = prodPlan()): PromotionChange {
  return create({ ...acting('dev'), id: 'PR-2026-0007', plan, spec, requestedVersion: '1.1.0', now: NOW });
}

/** A request in any phase. */
export function promotionIn(phase: Phase, more: Partial<Promotion> = {}): Promotion {
  return { ...created().after, version: 3, seq: 3, phase, ...more };
}

/** A decision on the plan that stands, by a person with the groups of the configuration. */
export function decisionBy(subject: string, promotion: Promotion, more: Partial<Decision> = {}): Decision {
  const membership = membershipOfKey(demoConfiguration(), keyOf(subject));
  return {
    requestId: promotion.id,
    planHash: promotion.planHash,
    actor: actor(subject),
    teams: [...membership.teams],
    roles: rolesIn(membership, promotion.to),
    decision: 'approve',
    at: NOW.toISOString(),
    channel: 'rest',
    auth: 'oidc',
    gatesHash: '',
    ...more,
  };
}
