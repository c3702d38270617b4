/** Gives an environment of the file its defaults and meaning: rollout, approvals, reminders, waivers. */
import { type ConfiguredStage, isHuman } from '../approval/stage.ts';
import type {
  AutomatedApproverConfiguration,
  Configuration,
  EnvironmentConfiguration,
  RegistryConfiguration,
  SlackConfiguration,
} from './configuration.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import { nearestHint } from './nearest-word.ts';
import { isAddress } from './normalize-gates.ts';
import { teamName } from './normalize-people.ts';
import { normalizeRollback } from './normalize-rollback.ts';
import { normalizeWindows } from './normalize-windows.ts';
import type { Refuse } from './refuse.ts';

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

export function normalizeEnvironment(input: EnvironmentInput): EnvironmentConfiguration {
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
