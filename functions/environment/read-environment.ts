/** What runs in an environment, artifact by artifact, as far as the caller may see. */
import { belongsToTenant, isOwnRequest, reachOf } from '../../core/access/membership.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { approvalProgress, openRules } from '../../core/approval/progress.ts';
import { groupOf } from '../../core/approval/stage.ts';
import { artifactOf, environmentBefore } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord, Occupant } from '../../core/environment/environment.ts';
import { isBehind } from '../../core/environment/is-behind.ts';
import { type EnvironmentLock, lockOver, visibleLocks } from '../../core/environment/lock.ts';
import type { Watch } from '../../core/environment/watch.ts';
import type { WindowState } from '../../core/environment/window.ts';
import { isFinal, PHASES, stateOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpCall } from '../kit/http.ts';
import { approversNow, environments, locks, promotions, watches } from '../kit/state.ts';
import { planAndDecisions } from '../promotion/find-request.ts';
import { visibleTenants } from '../promotion/list-requests.ts';
import { windowNow } from './hold.ts';

/** Requests that are looked at for artifacts without an entry of their own in the configuration. */
const RECENT = 100;

/** Of the newest requests that wait for approval is said whom they wait for: it costs two reads each. */
const ASKED = 20;

interface UnderWay {
  promotion: Promotion;
  /** Teams and roles whose approval is missing now; undefined where it was not looked up. */
  waitsFor?: string[];
}

/** What holds for the environment as a whole. */
export interface EnvironmentView {
  places: ArtifactPlace[];
  window: WindowState | undefined;
  /** Those that the caller may know of. */
  locks: EnvironmentLock[];
}

export interface ArtifactPlace {
  artifact: string;
  tenant: string;
  record: EnvironmentRecord | undefined;
  watch: Watch | undefined;
  lock: EnvironmentLock | undefined;
  /** Requests under way to this place, newest first. */
  pending: UnderWay[];
}

/** Names of the artifacts of the configuration, and of those that requests have lately been made for here, as far as the caller may see. */
export async function knownArtifacts(
  { caller, configuration }: Pick<HttpCall<unknown, unknown>, 'caller' | 'configuration'>,
  environment: string,
): Promise<string[]> {
  const tenants = visibleTenants(caller.membership, configuration, environment);
  const recent = await promotions.list({ environment, tenants, limit: RECENT });
  const names = [...Object.keys(configuration.artifacts).filter((name) => name !== '*'), ...recent.items.map(({ artifact }) => artifact)];
  return [...new Set(names)].sort().filter((name) => {
    const tenant = artifactOf(configuration, name)?.tenant;
    return tenant !== undefined && belongsToTenant(caller.membership, tenant);
  });
}

/** Artifacts of the configuration, and those that requests have brought here. */
export async function readEnvironment(call: HttpCall<unknown, unknown>, environment: string): Promise<EnvironmentView> {
  const { caller, configuration } = call;
  const tenants = visibleTenants(caller.membership, configuration, environment);
  const seesOwn = reachOf(caller.membership, environment) === 'own';
  const [held, window, under, recent] = await Promise.all([
    locks.of(environment),
    windowNow(configuration.environments[environment]!.windows),
    promotions.list({ environment, tenants, phases: PHASES.filter((phase) => !isFinal(phase)), limit: RECENT }),
    // Without a filter: one page, however much has happened here.
    promotions.list({ environment, tenants, limit: RECENT }),
  ]);
  const waiting = under.items.filter(({ phase }) => phase === 'pending_approval').slice(0, ASKED);
  const approvers = waiting.length === 0 ? undefined : await approversNow();
  const asked = new Map(
    await Promise.all(waiting.map(async (promotion) => [promotion.id, await groupsAskedBy(promotion, approvers)] as const)),
  );
  const configured = Object.keys(configuration.artifacts).filter((name) => name !== '*');
  const names = [...new Set([...configured, ...[...under.items, ...recent.items].map((promotion) => promotion.artifact)])].sort();
  const places = await Promise.all(
    names.map(async (artifact): Promise<ArtifactPlace[]> => {
      const tenant = artifactOf(configuration, artifact)?.tenant;
      if (tenant === undefined || !belongsToTenant(caller.membership, tenant)) return [];
      const [record, watch] = await Promise.all([environments.get(environment, artifact), watches.get(environment, artifact)]);
      const pending = under.items
        .filter((promotion) => promotion.artifact === artifact && (!seesOwn || isOwnRequest(promotion, caller.actor)))
        .map((promotion): UnderWay => {
          const waitsFor = asked.get(promotion.id);
          return { promotion, ...(waitsFor ? { waitsFor } : {}) };
        });
      return [
        {
          artifact,
          tenant,
          record,
          watch,
          pending,
          lock: lockOver(held, { tenant, artifact }),
        },
      ];
    }),
  );
  return { places: places.flat(), window, locks: visibleLocks(held, caller.membership) };
}

/** The public shape of one artifact's place. `before` is the record of the environment before on the path. */
export function renderPlace(
  { artifact, tenant, record, watch, lock, pending }: ArtifactPlace,
  before: EnvironmentRecord | undefined,
  window: WindowState | undefined,
) {
  const current = record?.current ?? null;
  return {
    artifact,
    tenant,
    current,
    previous: record?.previous ?? null,
    health: record?.health ?? 'unknown',
    ...(record?.rolledBack ? { rolledBack: record.rolledBack } : {}),
    held: record?.held ?? [],
    flags: {
      frozen: window?.open === false,
      // By a person, or by the rollout that changes it.
      locked: lock !== undefined || record?.holder !== undefined,
      out_of_date: before?.current !== undefined && isBehind(current, before.current),
      // What was seen before the last promotion says nothing of this one.
      drifted: watch?.drift.status === 'drifted' && watch.drift.expected === current?.digest,
    },
    ...(lock ? { lock: { reason: lock.reason, by: lock.by.email, at: lock.at } } : {}),
    ...(watch ? { watch: renderWatch(watch, current) } : {}),
    pending: pending.map(renderUnderWay),
  };
}

function renderUnderWay({ promotion, waitsFor }: UnderWay) {
  const { id, kind, requestedVersion, phase, waitingOn, step, createdAt, requester } = promotion;
  return {
    id,
    version: requestedVersion,
    phase,
    state: stateOf(phase),
    createdAt,
    createdBy: requester.email,
    ...(kind === 'promote' ? {} : { kind }),
    ...(waitingOn === undefined ? {} : { waitingOn }),
    ...(step === undefined ? {} : { step }),
    ...(waitsFor ? { waitsFor } : {}),
  };
}

async function groupsAskedBy(promotion: Promotion, approvers: Approvers | undefined): Promise<string[]> {
  const { plan, decisions } = await planAndDecisions(promotion, approvers);
  const open = openRules(plan.approvals, approvalProgress(plan.approvals, decisions, promotion.planHash));
  return [...new Set(open.map(({ rule }) => groupOf(rule)))];
}

function renderWatch({ checkedAt, drift, waysBack: seen, lastSeconds }: Watch, current: Occupant | null) {
  // What was seen before the last change is no way back from it.
  const waysBack = current !== null && checkedAt < current.at ? [] : seen;
  return {
    checkedAt,
    drift,
    rollback: {
      ready: waysBack.length > 0 && waysBack.every(({ ready }) => ready),
      waysBack,
      ...(lastSeconds === undefined ? {} : { lastSeconds }),
    },
  };
}

/** Records of the environment before, by artifact. */
export async function recordsBefore(call: HttpCall<unknown, unknown>, environment: string, artifacts: readonly string[]) {
  const before = environmentBefore(call.configuration, environment);
  if (before === undefined) return new Map<string, EnvironmentRecord | undefined>();
  return new Map(await Promise.all(artifacts.map(async (artifact) => [artifact, await environments.get(before, artifact)] as const)));
}
