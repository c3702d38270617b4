/** `GET /v1/artifacts`: the artifacts that the configuration names, and what each environment runs of them. */
import { mayUse } from '../../core/access/membership.ts';
import { lifecycleWarnings } from '../../core/lifecycle/use.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import { environments } from '../kit/state.ts';
import { standingsNow } from '../lifecycle/standing-now.ts';

interface Query {
  limit?: number;
  cursor?: string;
}

export async function listArtifacts({ configuration, caller, query }: HttpCall<unknown, Query>): Promise<HttpAnswer> {
  const seen = Object.values(configuration.artifacts).filter(
    ({ name, tenant }) => name !== '*' && mayUse(caller.membership, 'read', tenant),
  );
  const page = await pageOf(seen, ({ name }) => name, ['listArtifacts', caller.actor.key], query);
  const items = await Promise.all(
    page.items.map(async ({ name, tenant, type, project, versionScheme, workload }) => {
      const [standings, records] = await Promise.all([
        standingsNow(name),
        Promise.all(configuration.path.map((environment) => environments.get(environment, name))),
      ]);
      return {
        name,
        tenant,
        type: type ?? null,
        project: project ?? tenant,
        versionScheme: versionScheme ?? 'semver',
        workload: workload?.name ?? null,
        environments: configuration.path.flatMap((environment, index) => {
          const current = records[index]?.current;
          if (!current) return [];
          const standing = standings(current.version, current.digest);
          return [
            {
              environment,
              version: current.version,
              digest: current.digest,
              since: current.at,
              lifecycle: standing.lifecycle.status,
              warnings: lifecycleWarnings(name, current.version, standing),
            },
          ];
        }),
      };
    }),
  );
  return { status: 200, body: { ...page, items } };
}
