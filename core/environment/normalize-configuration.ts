/** Gives the checked file its defaults and meaning, and finds what contradicts itself: unknown names, broken paths, floors of production. */
import { DEFAULT_ROLES } from '../access/verb.ts';
import { type ConfiguredStage, isHuman } from '../approval/stage.ts';
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
import { nearest } from './nearest-word.ts';
import { normalizeLifecycle, normalizeRetention } from './normalize-artifacts.ts';
import { isAddress, normalizeGates } from './normalize-gates.ts';
import { normalizeNotifications, noticeSecrets } from './normalize-notifications.ts';
import { ciOf, peopleOf, teamName } from './normalize-people.ts';
import { metricOf, normalizePolicies } from './normalize-policies.ts';
import { normalizeRollback } from './normalize-rollback.ts';
import { normalizeWindows } from './normalize-windows.ts';

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

type FileEnvironment = NonNullable<ConfigurationFile['environments']>[string];
type FileJob = Extract<NonNullable<FileEnvironment['rollout']>, { awx: unknown }>['awx'];

const DAY = 86_400;
const DEFAULT_APPROVAL_SECONDS = 7 * DAY;
const DEFAULT_VALID_SECONDS = 3 * DAY;
/** A day's silence is no neglect; four mails about one approval in a week are not spam. */
const DEFAULT_REMINDERS = { after: DAY, every: DAY, most: 3, escalateAfter: 2 * DAY };
/** A waiver lets nothing pass a day later, and is reviewed within three; what may be chosen instead has bounds. */
const DEFAULT_WAIVER = DAY;
const LONGEST_WAIVER = 7 * DAY;
const DEFAULT_REVIEW = 3 * DAY;
const LONGEST_REVIEW = 30 * DAY;
/** The longest pause before a rollout: as long as GitHub's wait timer. */
const LONGEST_WAIT = 30 * DAY;
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
    environments[name] = environmentOf({
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

type Refuse = (path: readonly PropertyKey[], message: string, hint?: string) => void;

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

function nearestHint(word: string, known: readonly string[]): string | undefined {
  const suggestion = nearest(word, known);
  return suggestion ? `did you mean "${suggestion}"?` : undefined;
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

interface EnvironmentInput {
  name: string;
  environment: FileEnvironment;
  file: ConfigurationFile;
  path: string[];
  registries: Record<string, RegistryConfiguration>;
  gates: Configuration['gates'];
  roles: Configuration['roles'];
  teams: string[];
  automatedApprovers: Record<string, AutomatedApproverConfiguration>;
  slack: SlackConfiguration | undefined;
  complete: boolean;
  refuse: Refuse;
  warnings: string[];
}

function environmentOf(input: EnvironmentInput): EnvironmentConfiguration {
  const { name, environment, file, path, registries, gates, teams, slack, complete, refuse, warnings } = input;
  const tier = environment.tier ?? (/^prod(uction)?$/.test(name) ? 'production' : 'standard');
  const at = ['environments', name] as const;
  const names = environment.registries ?? [environment.registry?.includes('://') ? name : (environment.registry ?? name)];
  if (new Set(names).size !== names.length) refuse([...at, 'registries'], 'it names a registry twice');
  for (const registry of names) {
    if (complete && !registries[registry])
      refuse([...at, 'registry'], `there is no registry ${registry}`, nearestHint(registry, Object.keys(registries)));
  }
  if (environment.cluster !== undefined && complete && !file.clusters?.[environment.cluster]) {
    refuse(
      [...at, 'cluster'],
      `there is no cluster ${environment.cluster}`,
      nearestHint(environment.cluster, Object.keys(file.clusters ?? {})),
    );
  }
  const gateNames = environment.gates ?? (path.indexOf(name) > 0 ? Object.keys(gates) : []);
  for (const gate of gateNames)
    if (complete && !gates[gate]) refuse([...at, 'gates'], `there is no gate ${gate}`, nearestHint(gate, Object.keys(gates)));
  const approvals = approvalsOf(input);
  if (tier === 'production' && complete) {
    // Who asks for a promotion also says how grave it is: a stage that depends on that is no floor.
    if (!approvals.some((stage) => stage.when === undefined && stage.rules.some(isHuman)))
      refuse(
        [...at],
        `${name} is production and needs at least one human approval in every case`,
        'write approvals, or require_approval: true with approval_teams',
      );
    if (gateNames.length === 0) refuse([...at, 'gates'], `${name} is production and needs at least one gate`);
    if (environment.smoke === false)
      refuse([...at, 'smoke'], `${name} is production: its rollouts are judged by smoke checks`, 'remove smoke: false');
    if (environment.link_may_decide)
      refuse([...at, 'link_may_decide'], 'a mailed link alone never decides on production', 'remove link_may_decide');
    if (environment.slack_may_decide && (!slack?.appId || slack.teamIds.length === 0))
      refuse(
        [...at, 'slack_may_decide'],
        'a click in Slack decides on production only from an app and a workspace that are named',
        'write app_id and team_id in notifications.channels.slack, or remove slack_may_decide',
      );
  }
  const seconds = (text: string | number | undefined, fallback: number, key: string): number => {
    const value = text === undefined ? fallback : secondsOf(text);
    if (value === undefined) refuse([...at, key], `"${text}" is not a length of time`, 'write for example 30s, 5m, 1h, 7d');
    return value ?? fallback;
  };
  const atMost = (value: number, longest: number, what: string): number => {
    if (value > longest) refuse([...at, 'break_glass'], `${what} may take at most ${longest / DAY} days`);
    return value;
  };
  // What splits the traffic is a property of the environment: its rollbacks are split as its promotions are.
  const { rollout: written } = environment;
  const provider = typeof written === 'object' && 'canary' in written ? written.provider : undefined;
  const jobFrom = (awx: FileJob, key: string): EnvironmentConfiguration['rollout'] => {
    const { launch_url: launchUrl, token, callback_secret: secret, timeout } = awx;
    if (!isAddress(launchUrl))
      refuse(
        [...at, key, 'awx', 'launch_url'],
        `"${launchUrl}" is not an https address`,
        'write https://…/launch/, or ssm:/name for an address kept elsewhere',
      );
    const timeoutSeconds = seconds(timeout, 1_800, key);
    if (timeoutSeconds < 60 || timeoutSeconds > DAY) refuse([...at, key, 'awx', 'timeout'], 'a job may take from a minute to a day');
    const job = { launchUrl, ...(token ? { token } : {}), ...(secret ? { secret } : {}), timeoutSeconds };
    return { strategy: 'job', weights: [100], bakeSeconds: 0, smoke: false, job };
  };
  const rolloutFrom = (rollout: NonNullable<FileEnvironment['rollout']>, key: string): EnvironmentConfiguration['rollout'] => {
    if (typeof rollout === 'object' && 'awx' in rollout) return jobFrom(rollout.awx, key);
    const weights = rollout === 'direct' ? [100] : rollout.canary;
    if (weights.at(-1) !== 100 || weights.some((weight, index) => index > 0 && weight <= weights[index - 1]!)) {
      refuse([...at, key], 'canary weights must grow and end with 100', 'write canary: [10, 50, 100]');
    }
    return {
      strategy: rollout === 'direct' ? 'direct' : 'canary',
      ...(rollout !== 'direct' && (rollout.provider ?? provider) === 'gateway' ? { provider: 'gateway' } : {}),
      weights,
      bakeSeconds: rollout === 'direct' ? 0 : seconds(rollout.bake, 0, key),
      smoke: environment.smoke ?? true,
    };
  };
  const approvalTimeoutSeconds =
    environment.approval_timeout_days === undefined ? DEFAULT_APPROVAL_SECONDS : environment.approval_timeout_days * DAY;
  const rollout = rolloutFrom(environment.rollout ?? 'direct', 'rollout');
  const rollback = normalizeRollback({
    name,
    // Metrics judge a canary even where smoke checks are off.
    isChecked: environment.cluster !== undefined && (rollout.smoke || rollout.strategy === 'canary'),
    // An environment that asks nobody does not ask the teams of the others either.
    written: {
      ...file.promotion?.rollback,
      ...(environment.rollback?.require_approval === false ? { approval_teams: undefined } : {}),
      ...environment.rollback,
    },
    promotion: { approvals, gates: gateNames, approvalTimeoutSeconds },
    ...{ gates, teams, complete, refuse, warnings },
    seconds: (text, fallback) => seconds(text, fallback, 'rollback'),
    // What a job moves only a job moves back.
    rolloutOf: (rollout) =>
      typeof written === 'object' && 'awx' in written ? jobFrom(written.awx, 'rollout') : rolloutFrom(rollout, 'rollback'),
  });
  if (tier === 'production' && complete && rollback.approvals.length === 0)
    warnings.push(`environments.${name}.rollback: nobody approves a rollback of production, because require_approval is false`);
  const waitSeconds = seconds(environment.wait_timer, 0, 'wait_timer');
  if (waitSeconds > LONGEST_WAIT) refuse([...at, 'wait_timer'], 'a rollout waits at most 30 days after its approval');
  if (waitSeconds > 0 && approvals.length === 0 && complete)
    refuse(
      [...at, 'wait_timer'],
      'a wait timer counts from the approval, and nobody is asked for one here',
      'write approvals, or leave it out',
    );
  const approvalValidSeconds = seconds(environment.approval_valid, DEFAULT_VALID_SECONDS, 'approval_valid');
  if (waitSeconds >= approvalValidSeconds)
    refuse(
      [...at, 'wait_timer'],
      'the approvals are too old before the wait timer is over: nothing would ever start',
      'make approval_valid longer than wait_timer',
    );
  return {
    name,
    tier,
    registries: names,
    requireRegistries: environment.require_registries ?? 'all',
    ...(environment.cluster === undefined ? {} : { cluster: environment.cluster }),
    namespace: environment.namespace ?? name,
    gates: gateNames,
    approvals,
    approvalTimeoutSeconds,
    approvalValidSeconds,
    waitSeconds,
    windows: normalizeWindows(environment.windows ?? [], [...at, 'windows'], refuse),
    supersede: environment.supersede ?? false,
    reminders: remindersOf(input, seconds),
    breakGlass: {
      waiverSeconds: atMost(seconds(environment.break_glass?.waiver, DEFAULT_WAIVER, 'break_glass'), LONGEST_WAIVER, 'a waiver'),
      reviewSeconds: atMost(seconds(environment.break_glass?.review, DEFAULT_REVIEW, 'break_glass'), LONGEST_REVIEW, 'a review'),
    },
    rollout,
    rollback,
    execute: environment.execute ?? 'auto',
    preview: environment.preview ?? 'optional',
    claims: environment.claims ?? (tier === 'production' ? 'verified' : 'asserted'),
    linkMayDecide: tier !== 'production' && (environment.link_may_decide ?? true),
    slackMayDecide: slack !== undefined && (environment.slack_may_decide ?? tier !== 'production'),
  };
}

function remindersOf(
  { name, environment, teams, complete, refuse }: EnvironmentInput,
  seconds: (text: string | number | undefined, fallback: number, key: string) => number,
): EnvironmentConfiguration['reminders'] {
  const { after, every, most, escalate_after: escalateAfter, escalate_to: team } = environment.reminders ?? {};
  const escalateTo = team === undefined ? undefined : teamName(team);
  if (escalateTo !== undefined && complete && !teams.includes(escalateTo))
    refuse(['environments', name, 'reminders', 'escalate_to'], `nobody is in team ${escalateTo}`, nearestHint(escalateTo, teams));
  return {
    afterSeconds: seconds(after, DEFAULT_REMINDERS.after, 'reminders'),
    everySeconds: seconds(every, DEFAULT_REMINDERS.every, 'reminders'),
    most: most ?? DEFAULT_REMINDERS.most,
    escalateAfterSeconds: seconds(escalateAfter, DEFAULT_REMINDERS.escalateAfter, 'reminders'),
    ...(escalateTo === undefined ? {} : { escalateTo }),
  };
}

/** `approvals`, or seed 001's `require_approval` with `approval_teams`: one of each team, all of them. */
function approvalsOf({ name, environment, roles, teams, automatedApprovers, complete, refuse }: EnvironmentInput): ConfiguredStage[] {
  const at = ['environments', name] as const;
  if (environment.approvals && environment.approval_teams)
    refuse([...at, 'approvals'], 'write either approvals or approval_teams, not both');
  if (environment.require_approval === false && (environment.approvals?.length || environment.approval_teams)) {
    refuse([...at, 'require_approval'], 'approvals are configured and switched off at once', 'remove one of the two');
  }
  const isParallel = environment.approval_order === 'parallel';
  const stages: ConfiguredStage[] = environment.approvals
    ? environment.approvals.map((stage, index) => ({
        name: stage.name ?? (environment.approvals!.length === 1 ? 'approval' : `stage-${index + 1}`),
        rules: stage.rules.map(({ team, role, automated, min }) => ({
          ...(team === undefined ? {} : { team: teamName(team) }),
          ...(role === undefined ? {} : { role }),
          ...(automated === undefined ? {} : { automated }),
          min,
        })),
        ...(isParallel && index > 0 ? { parallel: true as const } : {}),
        ...(stage.when ? { when: conditionOf(stage.when) } : {}),
      }))
    : environment.approval_teams
      ? [{ name: 'approval', rules: environment.approval_teams.map((team) => ({ team: teamName(team), min: 1 })) }]
      : environment.require_approval
        ? [{ name: 'approval', rules: [{ role: 'cpi', min: 1 }] }]
        : [];
  if (complete) {
    for (const rule of stages.flatMap((stage) => stage.rules)) {
      if (rule.team !== undefined && !teams.includes(rule.team))
        refuse([...at, 'approvals'], `nobody is in team ${rule.team}`, nearestHint(rule.team, teams));
      if (rule.role !== undefined && !Object.hasOwn(roles, rule.role))
        refuse([...at, 'approvals'], `there is no role ${rule.role}`, nearestHint(rule.role, Object.keys(roles)));
      if (rule.automated !== undefined && !Object.hasOwn(automatedApprovers, rule.automated))
        refuse(
          [...at, 'approvals'],
          `there is no automated approver ${rule.automated}`,
          nearestHint(rule.automated, Object.keys(automatedApprovers)) ?? 'describe it under automated_approvers',
        );
    }
  }
  return stages;
}

function conditionOf({ impact, type, kind }: NonNullable<NonNullable<FileEnvironment['approvals']>[number]['when']>) {
  return { ...(impact ? { impact } : {}), ...(type ? { type } : {}), ...(kind ? { kind } : {}) };
}
