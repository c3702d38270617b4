/** `promotion.policies` of seed 001, with what Greenlight adds: which artifacts, how long as a duration, what a metrics service must say. */
import type { PromotionPolicy } from '../policy/promotion-policy.ts';
import { TAG_PATTERN } from '../retention/tag-pattern.ts';
import type { EnvironmentConfiguration, MetricCheck } from './configuration.ts';
import type { ConfigurationFile, FileMetric } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import { nearestHint } from './nearest-word.ts';
import type { Refuse } from './refuse.ts';

type FilePolicy = NonNullable<NonNullable<ConfigurationFile['promotion']>['policies']>[number];
const DAY = 86_400;
/** A version that nobody promotes for a year is not forgotten by a policy either. */
const LONGEST_SOAK = 366 * DAY;

interface Known {
  path: readonly string[];
  environments: Readonly<Record<string, EnvironmentConfiguration>>;
  complete: boolean;
}

export function normalizePolicies(file: ConfigurationFile, known: Known, refuse: Refuse, warnings: string[]): PromotionPolicy[] {
  const policies = file.promotion?.policies ?? [];
  return policies.map((policy, index) => {
    const at = ['promotion', 'policies', index] as const;
    if (policies.findIndex(({ name }) => name === policy.name) < index) refuse([...at, 'name'], `there are two policies ${policy.name}`);
    refuseRoute(policy, at, known, refuse);
    refuseApproval(policy, at, known, refuse);
    for (const [place, pattern] of (policy.artifacts ?? []).entries())
      if (!TAG_PATTERN.test(pattern.replaceAll('/', '-')))
        refuse([...at, 'artifacts', place], `"${pattern}" is no name in which * stands for anything`);
    if (policy.notification !== undefined && !/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(policy.notification))
      refuse([...at, 'notification'], `"${policy.notification}" is not one mail address`);
    const conditions = conditionsOf(policy, at, refuse);
    const isEmpty =
      !conditions.allTestsPass && !conditions.noRegressions && conditions.soakSeconds === 0 && conditions.metrics.length === 0;
    const enabled = policy.enabled ?? false;
    if (enabled && isEmpty) warnings.push(`promotion.policies: ${policy.name} has no conditions and asks for every version at once`);
    return {
      name: policy.name,
      enabled,
      from: policy.from_env,
      to: policy.to_env,
      ...(policy.artifacts ? { artifacts: policy.artifacts } : {}),
      prereleases: policy.prereleases ?? false,
      ...conditions,
      notify: policy.notification === undefined ? [] : [policy.notification],
    };
  });
}

/** One step along the path, as for everybody. */
function refuseRoute(
  { name, from_env: from, to_env: to }: FilePolicy,
  at: readonly PropertyKey[],
  { path, complete }: Known,
  refuse: Refuse,
): void {
  if (!complete) return;
  for (const [key, environment] of [
    ['from_env', from],
    ['to_env', to],
  ] as const) {
    if (path.includes(environment)) continue;
    refuse([...at, key], `there is no environment ${environment}`, nearestHint(environment, path));
    return;
  }
  if (path[path.indexOf(from) + 1] !== to)
    refuse(
      [...at, 'to_env'],
      `policy ${name} would not move one step along ${path.join(' → ')}`,
      `write from_env and to_env that follow each other`,
    );
}

/** A policy asks in the place of a person; who has to agree is what the environment says, whatever stands here. */
function refuseApproval(
  { name, to_env: to, approval }: FilePolicy,
  at: readonly PropertyKey[],
  { environments }: Known,
  refuse: Refuse,
): void {
  const environment = environments[to];
  if (!environment) return;
  const demands = environment.approvals.length > 0;
  if (approval === 'none' && environment.tier === 'production')
    refuse(at, `policy ${name} would promote to ${to} without approval`, 'write approval: required');
  else if (approval === 'none' && demands)
    refuse(at, `${to} demands approvals, and policy ${name} cannot take them away`, 'write approval: required');
  else if (approval === 'required' && !demands)
    refuse(
      at,
      `${to} demands no approvals, so policy ${name} would wait for none`,
      `write environments.${to}.approvals, or approval: none`,
    );
}

function conditionsOf(policy: FilePolicy, at: readonly PropertyKey[], refuse: Refuse) {
  const days = `days_in_${policy.from_env}`;
  const known = ['all_tests_pass', 'no_regressions', 'soak', 'metric', days];
  let [allTestsPass, noRegressions, soakSeconds] = [false, false, 0];
  const metrics: MetricCheck[] = [];
  for (const [index, condition] of policy.conditions.entries()) {
    for (const [key, value] of Object.entries(condition)) {
      const place = [...at, 'conditions', index, key];
      if (key === 'all_tests_pass' && typeof value === 'boolean') allTestsPass = value;
      else if (key === 'no_regressions' && typeof value === 'boolean') noRegressions = value;
      else if (key === days || key === 'soak') {
        const isLength = typeof value === 'number' || typeof value === 'string';
        const seconds = key === 'soak' ? (isLength ? secondsOf(value) : undefined) : typeof value === 'number' ? value * DAY : undefined;
        if (seconds === undefined || seconds < 0 || seconds > LONGEST_SOAK)
          refuse(
            place,
            'is not a length of time up to 366 days',
            key === 'soak' ? 'write for example 36h or 7d' : 'write a number of days',
          );
        else soakSeconds = Math.max(soakSeconds, Math.round(seconds));
      } else if (key === 'metric' && typeof value === 'object') metrics.push(metricOf(value));
      else if (known.includes(key)) refuse(place, 'must be true or false');
      else {
        // A condition that nobody evaluates would be one that always holds.
        refuse(place, `there is no condition ${key}`, nearestHint(key, known) ?? known.join(', '));
      }
    }
  }
  if (new Set(metrics.map(({ name }) => name)).size < metrics.length) refuse([...at, 'conditions'], 'two metrics have the same name');
  return { allTestsPass, noRegressions, soakSeconds, metrics };
}

/** A metric of the file as it is asked for. */
export function metricOf({ max, min, samples, bearer, ...check }: FileMetric): MetricCheck {
  return {
    ...check,
    ...(max === undefined ? {} : { max }),
    ...(min === undefined ? {} : { min }),
    ...(samples ? { samples: { query: samples.query, atLeast: samples.at_least } } : {}),
    ...(bearer ? { bearer } : {}),
  };
}
