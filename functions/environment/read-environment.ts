/** What runs in an environment, artifact by artifact, as far as the caller may see. */
import { belongsToTenant, isOwnRequest, reachOf } from '../../core/access/membership.ts';
import { artifactOf, environmentBefore } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import type { Watch } from '../../core/environment/watch.ts';
import { isFinal, PHASES } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpCall } from '../kit/http.ts';
import { environments, promotions, watches } from '../kit/state.ts';
import { visibleTenants } from '../promotion/list-requests.ts';

/** Requests that are looked at for artifacts without an entry of their own in the configuration. */
const RECENT = 100;

export interface ArtifactPlace {
  artifact: string;
  tenant: string;
  record: EnvironmentRecord | undefined;
  watch: Watch | undefined;
  /** Requests under way to this place, newest first. */
  pending: Promotion[];
}

/** Artifacts of the configuration, and those that requests have brought here. */
export async function readEnvironment(call: HttpCall<unknown, unknown>, environment: string): Promise<ArtifactPlace[]> {
  const { caller, configuration } = call;
  const tenants = visibleTenants(caller.membership, configuration, environment);
  const seesOwn = reachOf(caller.membership, environment) === 'own';
  const [under, recent] = await Promise.all([
    promotions.list({ environment, tenants, phases: PHASES.filter((phase) => !isFinal(phase)), limit: RECENT }),
    promotions.list({ environment, tenants, phases: ['succeeded', 'rolled_back', 'failed'], limit: RECENT }),
  ]);
  const configured = Object.keys(configuration.artifacts).filter((name) => name !== '*');
  const names = [...new Set([...configured, ...[...under.items, ...recent.items].map((promotion) => promotion.artifact)])].sort();
  const places = await Promise.all(
    names.map(async (artifact): Promise<ArtifactPlace[]> => {
      const tenant = artifactOf(configuration, artifact)?.tenant;
      if (tenant === undefined || !belongsToTenant(caller.membership, tenant)) return [];
      const [record, watch] = await Promise.all([environments.get(environment, artifact), watches.get(environment, artifact)]);
      const pending = under.items.filter((promotion) => promotion.artifact === artifact);
      return [
        {
          artifact,
          tenant,
          record,
          watch,
          pending: seesOwn ? pending.filter((promotion) => isOwnRequest(promotion, caller.actor)) : pending,
        },
      ];
    }),
  );
  return places.flat();
}

/** The public shape of one artifact's place. `before` is the record of the environment before on the path. */
export function renderPlace({ artifact, tenant, record, watch, pending }: ArtifactPlace, before: EnvironmentRecord | undefined) {
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
      frozen: false,
      locked: record?.holder !== undefined,
      // Something else has been proven where promotions come from.
      out_of_date: before?.current !== undefined && before.current.digest !== current?.digest,
      // What was seen before the last promotion says nothing of this one.
      drifted: watch?.drift.status === 'drifted' && watch.drift.expected === current?.digest,
    },
    ...(watch ? { watch: renderWatch(watch) } : {}),
    pending: pending.map(({ id, requestedVersion, phase, createdAt }) => ({ id, version: requestedVersion, phase, createdAt })),
  };
}

function renderWatch({ checkedAt, drift, waysBack, lastSeconds }: Watch) {
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
