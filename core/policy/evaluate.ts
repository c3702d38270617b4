/** Would this policy promote this version now? One pure rule for the job that asks, for the list that explains, and for the replay of the past. */
import type { GateStatus, GateType } from '../gate/gate.ts';
import type { PromotionPolicy } from './promotion-policy.ts';

/** One gate of the promotion that brought the version to the source environment. */
export interface CheckedGate {
  name: string;
  type: GateType;
  status: GateStatus;
}

/** What is known of one version in the source environment of a policy, at one instant. Instants are ISO 8601 in UTC with milliseconds. */
export interface PolicyFacts {
  artifact: string;
  version: string;
  digest: string;
  /** Since when it has been in the source environment without interruption. */
  since: string;
  /** By which promotion it came there and how its gates ended; absent: it was published or adopted there, and nothing was checked. */
  checked?: { requestId: string; gates: CheckedGate[] };
  /** What the target environment runs, and whether that is a later version than this one. */
  target?: { version: string; digest: string; isLater: boolean };
  /** It came to the target since, and something else is there now. */
  movedOn?: { requestId: string };
  /** A rollback on request was the last thing that changed the target: only a person's promotion goes on from there. */
  takenBack?: { requestId: string; at: string };
  /** Where this version was taken back and has not succeeded since. */
  regression?: { environment: string; requestId: string; at: string };
  /** A request of this artifact for the target that is not over. */
  open?: { requestId: string; digest: string };
  /** The newest request for this version and the target that ended without success since it came to the source. */
  ended?: { requestId: string; phase: string };
  /** Why the version may be brought nowhere: its quarantine, or an end of life that is enforced. Known of the present. */
  refused?: string;
  /** Why the source environment is not well. Known of the present; of the past only where a decision recorded it. */
  unwell: string[];
  /** What the metrics of the policy say; a problem where they are not clearly good. */
  metrics: { name: string; problem?: string }[];
}

export interface ConditionResult {
  name: 'all_tests_pass' | 'soak' | 'no_regressions' | 'metric';
  met: boolean;
  message: string;
}

/**
 * `promote`: asks for it. `wait`: time or the conditions are missing. `hold`: a person has to. `none`: there is nothing to do.
 */
export interface PolicyDecision {
  outcome: 'promote' | 'wait' | 'hold' | 'none';
  because: string;
  /** Empty where it does not come to them. */
  conditions: ConditionResult[];
  /** When the soak time is over. */
  due?: string;
}

export function evaluatePolicy(policy: PromotionPolicy, facts: PolicyFacts, at: string): PolicyDecision {
  const settled = settledBefore(policy, facts);
  if (settled) return { ...settled, conditions: [] };
  const conditions = conditionsOf(policy, facts, at);
  const missing = conditions.filter(({ met }) => !met);
  const due = dueOf(policy, facts);
  return {
    outcome: missing.length === 0 ? 'promote' : 'wait',
    because: (missing.length === 0 ? conditions : missing).map(({ message }) => message).join('; ') || 'the policy has no conditions',
    conditions,
    ...(policy.soakSeconds > 0 ? { due } : {}),
  };
}

/** When the soak time of the version is over. */
export function dueOf({ soakSeconds }: PromotionPolicy, { since }: Pick<PolicyFacts, 'since'>): string {
  return new Date(Date.parse(since) + soakSeconds * 1000).toISOString();
}

/** What ends the question before the conditions: it is there, it was asked for, or people have decided otherwise. */
function settledBefore({ to }: PromotionPolicy, facts: PolicyFacts): Pick<PolicyDecision, 'outcome' | 'because'> | undefined {
  const { version, digest, target, movedOn, takenBack, regression, open, ended, refused } = facts;
  if (target?.digest === digest) return { outcome: 'none', because: `${version} is in ${to} already` };
  if (open?.digest === digest) return { outcome: 'none', because: `${open.requestId} asks for ${version} already` };
  if (takenBack)
    return { outcome: 'hold', because: `${to} was rolled back by ${takenBack.requestId}: a person has to promote the next version` };
  if (movedOn) return { outcome: 'hold', because: `${version} came to ${to} by ${movedOn.requestId}, which has moved on since` };
  if (regression)
    return {
      outcome: 'hold',
      because: `${version} was taken back from ${regression.environment} (${regression.requestId}): only a person brings it to ${to}`,
    };
  if (ended) return { outcome: 'hold', because: `${ended.requestId} for ${version} ended as ${ended.phase}: only a person asks again` };
  if (target?.isLater) return { outcome: 'hold', because: `${to} runs ${target.version}: only a person goes back to ${version}` };
  if (refused !== undefined) return { outcome: 'hold', because: refused };
  if (open) return { outcome: 'wait', because: `${open.requestId} for another version is not over` };
  return undefined;
}

function conditionsOf(policy: PromotionPolicy, facts: PolicyFacts, at: string): ConditionResult[] {
  const { allTestsPass, noRegressions, soakSeconds } = policy;
  return [
    ...(allTestsPass ? [testsOf(policy, facts)] : []),
    ...(soakSeconds > 0 ? [soakOf(policy, facts, at)] : []),
    ...(noRegressions ? [regressionsOf(policy, facts)] : []),
    ...policy.metrics.map(({ name }) => metricOf(name, facts)),
  ];
}

function testsOf({ from, to }: PromotionPolicy, { checked, version }: PolicyFacts): ConditionResult {
  const name = 'all_tests_pass';
  if (!checked) return { name, met: true, message: `nothing is checked in ${from}: the gates of ${to} decide` };
  const bad = checked.gates.filter(({ status }) => status !== 'passed');
  if (bad.length > 0)
    return {
      name,
      met: false,
      message: `${version} came to ${from} with ${bad.map((gate) => `${gate.name} ${gate.status}`).join(', ')} (${checked.requestId})`,
    };
  return { name, met: true, message: `every gate of ${checked.requestId} passed` };
}

function soakOf(policy: PromotionPolicy, facts: PolicyFacts, at: string): ConditionResult {
  const due = dueOf(policy, facts);
  const days = `${Number((policy.soakSeconds / 86_400).toFixed(2))} days`;
  return at >= due
    ? { name: 'soak', met: true, message: `in ${policy.from} for ${days} since ${facts.since}` }
    : { name: 'soak', met: false, message: `it has to be in ${policy.from} for ${days}, until ${due}` };
}

function regressionsOf({ from }: PromotionPolicy, { unwell, checked }: PolicyFacts): ConditionResult {
  const slower = (checked?.gates ?? []).filter(({ type, status }) => type === 'performance_baseline' && status !== 'passed');
  const why = [...unwell, ...slower.map(({ name, status }) => `${name} ${status}`)];
  return why.length === 0
    ? { name: 'no_regressions', met: true, message: `no regression is known since it came to ${from}` }
    : { name: 'no_regressions', met: false, message: why.join(', ') };
}

/** What was not measured is not good. */
function metricOf(name: string, { metrics }: PolicyFacts): ConditionResult {
  const measured = metrics.find((each) => each.name === name);
  const problem = measured ? measured.problem : `${name} was not measured`;
  return { name: 'metric', met: problem === undefined, message: problem ?? `${name} is good` };
}
