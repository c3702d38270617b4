/** Gives the checked file its defaults and meaning, and finds what contradicts itself: unknown names, broken paths, floors of production. */
import { DEFAULT_ROLES } from '../access/verb.ts';
import { contentHash, type Json } from '../promotion/canonical-json.ts';
import type { RouteSplit } from '../rollout/route.ts';
import type {
  ArtifactConfiguration,
  AutomatedApproverConfiguration,
  Configuration,
  EnvironmentConfiguration,
  RegistryConfiguration,
  SlackConfiguration,
} from './configuration.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import { nearestHint } from './nearest-word.ts';
import { normalizeLifecycle, normalizeRetention } from './normalize-artifacts.ts';
import { normalizeEnvironment } from './normalize-environment.ts';
import { isAddress, normalizeGates } from './normalize-gates.ts';
import { normalizeNotifications, noticeSecrets } from './normalize-notifications.ts';
import { ciOf, peopleOf, teamName } from './normalize-people.ts';
import { metricOf, normalizePolicies } from './normalize-policies.ts';
import type { Refuse } from './refuse.ts';

export interface NormalProblem {
  path: readonly PropertyKey[];
  message: string;
  hint?: string;
}

export interface Normalized {
  configuration: Configuration;
  problems: NormalProblem[];
  warnings: string[];
}

/** Words that semver reads as prereleases: an environment of that name would make `1.2.3-rc` ambiguous. */
const PRERELEASE_WORDS = new Set(['alpha', 'beta', 'rc', 'pre', 'preview', 'snapshot', 'next', 'canary', 'nightly']);

export function normalize(file: ConfigurationFile, complete: boolean): Normalized {
  const problems: NormalProblem[] = [];
  const warnings: string[] = [];
  const refuse = (path: readonly PropertyKey[], message: string, hint?: string) => {
    problems.push({ path, message, ...(hint ? { hint } : {}) });
  };
  const path = pathOf(file, refuse);
  const registries = registriesOf(file, refuse);
  const gates = normalizeGates(file, refuse, warnings);
  const people = peopleOf(file, refuse);
  const automatedApprovers = automatedApproversOf(file, refuse);
  const roles = { ...DEFAULT_ROLES, ...file.roles };
  const teams = [...new Set([...(file.teams ?? []).map(teamName), ...people.flatMap((person) => person.teams)])];
  const slack = slackOf(file);
  const environments: Record<string, EnvironmentConfiguration> = {};
  for (const [name, environment] of Object.entries(file.environments ?? {})) {
    if (PRERELEASE_WORDS.has(name))
      refuse(['environments', name], `"${name}" reads as a prerelease in versions`, 'give the environment another name');
    environments[name] = normalizeEnvironment({
      name,
      environment,
      file,
      path,
      registries,
      gates,
      roles,
      teams,
      automatedApprovers,
      slack,
      complete,
      refuse,
      warnings,
    });
    if (environment.slack_may_decide && !slack)
      warnings.push(`environments.${name}.slack_may_decide has no effect: notifications.channels.slack is missing or switched off`);
  }
  for (const { name, rollout } of Object.values(environments)) {
    const measured = Object.entries(file.catalog ?? {}).flatMap(([artifact, { workload }]) =>
      workload?.metrics?.length ? [artifact] : [],
    );
    if (measured.length > 0 && rollout.strategy === 'canary' && rollout.bakeSeconds === 0) {
      refuse(
        ['environments', name, 'rollout'],
        `the metrics of ${measured[0]} are measured while a canary bakes, and ${name} has no bake`,
        'write bake: 2m, or as long as the queries look back',
      );
    }
  }
  const ci = ciOf(file, complete, refuse);
  for (const [key, holders] of complete ? Object.entries({ people, ci }) : []) {
    for (const [index, { roles: held, roleEnvironments = {} }] of holders.entries()) {
      for (const name of held.filter((role) => !Object.hasOwn(roles, role)))
        refuse([key, index, 'roles'], `there is no role ${name}`, nearestHint(name, Object.keys(roles)));
      for (const name of Object.values(roleEnvironments).flat())
        if (!Object.hasOwn(environments, name))
          refuse([key, index, 'roles'], `there is no environment ${name}`, nearestHint(name, Object.keys(environments)));
    }
  }
  if (complete) {
    for (const name of path)
      if (!environments[name])
        refuse(['promotion', 'path'], `the path names ${name}, which is not an environment`, nearestHint(name, Object.keys(environments)));
    for (const name of Object.keys(environments))
      if (!path.includes(name)) refuse(['environments', name], `environment ${name} is not on the path`);
  }
  const policies = normalizePolicies(file, { path, environments, complete }, refuse, warnings);
  noticeSecrets(file.notifications, refuse, warnings);
  const retention = normalizeRetention(file, refuse, warnings);
  const meaning: Omit<Configuration, 'hash'> = {
    issuer: '',
    path,
    environments,
    registries,
    clusters: clustersOf(file, refuse),
    artifacts: artifactsOf(file),
    consumers: consumersOf(file, complete, refuse),
    gates,
    roles,
    teams,
    people,
    ci,
    automatedApprovers,
    ...(policies.length > 0 ? { policies } : {}),
    ...(retention ? { retention } : {}),
    lifecycle: normalizeLifecycle(file, refuse, warnings),
    notifications: normalizeNotifications({ file, complete, slack, known: { teams, people, environments }, refuse, warnings }),
  };
  return { configuration: { hash: contentHash(meaning as unknown as Json), ...meaning }, problems, warnings };
}

function automatedApproversOf(file: ConfigurationFile, refuse: Refuse): Record<string, AutomatedApproverConfiguration> {
  const entries = Object.entries(file.automated_approvers ?? {});
  for (const [name, { url }] of entries)
    if (!isAddress(url))
      refuse(
        ['automated_approvers', name, 'url'],
        `"${url}" is not an https address`,
        'write https://…, or ssm:/name for an address kept elsewhere',
      );
  return Object.fromEntries(entries.map(([name, { url, secret }]) => [name, { name, url, secret }]));
}

function slackOf(file: ConfigurationFile): SlackConfiguration | undefined {
  const slack = file.notifications?.channels?.slack;
  if (!slack || slack.enabled === false) return undefined;
  return {
    ...(slack.webhook_url ? { webhook: slack.webhook_url } : {}),
    ...(slack.channel ? { channel: slack.channel } : {}),
    ...(slack.app_id ? { appId: slack.app_id } : {}),
    teamIds: slack.team_id ?? [],
    ...(slack.bot_token ? { botToken: slack.bot_token } : {}),
  };
}

/** `dev → staging → prod`, `dev -> staging -> prod`, or a list; by default the order of the environments. */
function pathOf(file: ConfigurationFile, refuse: Refuse): string[] {
  const written = file.promotion?.path;
  const path =
    written === undefined
      ? Object.keys(file.environments ?? {})
      : Array.isArray(written)
        ? written
        : written.split(/→|->/).map((name) => name.trim());
  if (new Set(path).size !== path.length)
    refuse(['promotion', 'path'], 'the path goes through an environment twice', 'a promotion moves one way');
  if (path.some((name) => name === '')) refuse(['promotion', 'path'], 'the path has an empty step');
  return path;
}

function registriesOf(file: ConfigurationFile, refuse: Refuse): Record<string, RegistryConfiguration> {
  const registries: Record<string, RegistryConfiguration> = {};
  for (const [name, registry] of Object.entries(file.registries ?? {})) {
    const prefix = registry.prefix ?? '';
    if (registry.ecr && !registry.oci) {
      registries[name] = { name, account: registry.ecr.account, ...(registry.ecr.region ? { region: registry.ecr.region } : {}), prefix };
    } else if (registry.oci && !registry.ecr) {
      const place = ociPlace(registry.oci);
      if (!place) refuse(['registries', name, 'oci'], `"${registry.oci}" is not a registry`, 'write oci://host/namespace');
      else
        registries[name] = {
          name,
          ...place,
          ...(registry.prefix ? { prefix } : {}),
          ...(registry.credentials ? { credentials: registry.credentials } : {}),
        };
    } else refuse(['registries', name], 'a registry is either ecr or oci');
  }
  for (const [name, environment] of Object.entries(file.environments ?? {})) {
    if (!environment.registry?.includes('://')) continue;
    const place = ociPlace(environment.registry);
    if (!place) refuse(['environments', name, 'registry'], `"${environment.registry}" is not a registry`, 'write oci://host/namespace');
    else registries[name] = { name, ...place };
  }
  return registries;
}

/** Host and namespace of `oci://host/namespace`; userinfo, ports of 0, encoded hosts and other schemes are refused. `text` may be hostile. */
function ociPlace(text: string): { origin: string; prefix: string } | undefined {
  const match = /^oci:\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?)((?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*)\/?$/.exec(text);
  return match ? { origin: `https://${match[1]}`, prefix: match[2]!.slice(1) } : undefined;
}

function clustersOf(file: ConfigurationFile, refuse: Refuse): Configuration['clusters'] {
  return Object.fromEntries(
    Object.entries(file.clusters ?? {}).map(([name, cluster]) => {
      if ((cluster.eks === undefined) === (cluster.kubeconfig === undefined))
        refuse(['clusters', name], 'a cluster is either eks or kubeconfig');
      return [
        name,
        cluster.eks !== undefined
          ? { name, kind: 'platform_managed', eksName: cluster.eks }
          : { name, kind: 'external_managed', kubeconfig: cluster.kubeconfig ?? '' },
      ];
    }),
  );
}

function consumersOf(file: ConfigurationFile, complete: boolean, refuse: Refuse): Configuration['consumers'] {
  const known = Object.keys(file.environments ?? {});
  return Object.fromEntries(
    Object.entries(file.consumers ?? {}).map(([artifact, consumers]) => [
      artifact,
      consumers.map(({ product, pipelines, storage_gb: storageGb, owner, restart, environments }, index) => {
        const at = ['consumers', artifact, index] as const;
        if (consumers.findIndex((other) => other.product === product) < index) refuse(at, `${product} stands twice for ${artifact}`);
        for (const name of complete ? (environments ?? []).filter((each) => !known.includes(each)) : [])
          refuse([...at, 'environments'], `there is no environment ${name}`, nearestHint(name, known));
        const restartSeconds = restart === undefined ? undefined : secondsOf(restart);
        if (restart !== undefined && restartSeconds === undefined)
          refuse([...at, 'restart'], `"${restart}" is not a length of time`, 'write for example 30s, 5m, 1h');
        return {
          product,
          pipelines,
          ...(storageGb === undefined ? {} : { storageGb }),
          ...(owner === undefined ? {} : { owner }),
          ...(restartSeconds === undefined ? {} : { restartSeconds }),
          ...(environments === undefined ? {} : { environments }),
        };
      }),
    ]),
  );
}

function artifactsOf(file: ConfigurationFile): Record<string, ArtifactConfiguration> {
  return Object.fromEntries(
    Object.entries(file.catalog ?? {}).map(([name, entry]) => {
      const workload = entry.workload;
      const artifact: ArtifactConfiguration = {
        name,
        tenant: entry.tenant,
        ...(entry.type ? { type: entry.type } : {}),
        ...(entry.project ? { project: entry.project } : {}),
        ...(entry.version_scheme ? { versionScheme: entry.version_scheme } : {}),
        ...(workload
          ? {
              workload: {
                name: workload.name ?? name,
                container: workload.container ?? workload.name ?? name,
                replicas: workload.replicas,
                smoke: workload.smoke.map(({ json, contains, bearer, ...check }) => ({
                  ...check,
                  ...(json ? { json } : {}),
                  ...(contains === undefined ? {} : { contains }),
                  ...(bearer ? { bearer } : {}),
                })),
                ...(workload.gateway ? { gateway: workload.gateway as Partial<RouteSplit> } : {}),
                ...(workload.smoke_origin ? { smokeOrigin: workload.smoke_origin } : {}),
                ...(workload.metrics ? { metrics: workload.metrics.map(metricOf) } : {}),
              },
            }
          : {}),
      };
      return [name, artifact];
    }),
  );
}
