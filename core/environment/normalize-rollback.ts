/** How an environment returns to an earlier version: what `promotion.rollback` says for all, and the environment's own `rollback` over it. */
import { type ConfiguredStage, isHuman } from '../approval/stage.ts';
import type { Configuration, EnvironmentConfiguration, RollbackConfiguration } from './configuration.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { nearestHint } from './nearest-word.ts';
import { teamName } from './normalize-people.ts';

type FileRollback = NonNullable<NonNullable<ConfigurationFile['promotion']>['rollback']>;

/** Who is asked in an outage answers within hours, or has lost the chance: the shorter of this and what promotions have. */
const DEFAULT_TIMEOUT_SECONDS = 4 * 3_600;
/** A gate that asks or runs something may be down for the very reason of the rollback: only those that read are run unless the file names others. */
const REVALIDATING: ReadonlySet<string> = new Set(['policy', 'signature']);

const DEFAULT_WATCH_SECONDS = 30 * 60;
/** Two looks, a minute apart, and one that found nothing out. */
const SHORTEST_WATCH = 5 * 60;
/** What fails later than that fails for another reason than its promotion. */
const LONGEST_WATCH = 24 * 3_600;

export interface RollbackInput {
  name: string;
  written: FileRollback;
  /** What holds for promotions into the environment. */
  promotion: Pick<EnvironmentConfiguration, 'approvals' | 'gates' | 'approvalTimeoutSeconds'>;
  /** Its rollouts are judged by checks, which can be repeated after their end. */
  isChecked: boolean;
  gates: Configuration['gates'];
  teams: readonly string[];
  complete: boolean;
  refuse(path: readonly PropertyKey[], message: string, hint?: string): void;
  warnings: string[];
  seconds(text: string | number | undefined, fallback: number): number;
  rolloutOf(rollout: NonNullable<FileRollback['rollout']>): EnvironmentConfiguration['rollout'];
}

export function normalizeRollback(input: RollbackInput): RollbackConfiguration {
  const { name, written, promotion, gates, complete, refuse, seconds, rolloutOf } = input;
  const known = Object.keys(gates);
  for (const gate of written.gates ?? [])
    if (complete && !known.includes(gate))
      refuse(['environments', name, 'rollback', 'gates'], `there is no gate ${gate}`, nearestHint(gate, known));
  const watchAfterSeconds = watchOf(input);
  return {
    approvals: approvalsOf(input),
    approvalTimeoutSeconds: seconds(written.approval_timeout, Math.min(DEFAULT_TIMEOUT_SECONDS, promotion.approvalTimeoutSeconds)),
    gates: written.gates ?? promotion.gates.filter((gate) => REVALIDATING.has(gates[gate]?.type ?? '')),
    rollout: rolloutOf(written.rollout ?? 'direct'),
    ...(watchAfterSeconds === undefined ? {} : { watchAfterSeconds }),
  };
}

/** Undefined where only people take a version back. */
function watchOf({ name, written, isChecked, refuse, warnings, seconds }: RollbackInput): number | undefined {
  const watched = seconds(written.watch_after, DEFAULT_WATCH_SECONDS);
  const at = ['environments', name, 'rollback', 'watch_after'];
  if (watched < SHORTEST_WATCH || watched > LONGEST_WATCH) refuse(at, 'a promotion is watched for 5 minutes at least and 24 hours at most');
  if (!written.auto_rollback_on_failure && written.watch_after !== undefined)
    warnings.push(`rollback.watch_after has no effect in ${name} without auto_rollback_on_failure: true`);
  if (written.auto_rollback_on_failure && !isChecked)
    warnings.push(
      `rollback.auto_rollback_on_failure has no effect in ${name}: no checks judge its rollouts (it has no cluster, its smoke checks are off, or a job deploys)`,
    );
  return written.auto_rollback_on_failure && isChecked ? watched : undefined;
}

/** One of each team; without teams, the stages of promotions that hold for rollbacks too. */
function approvalsOf({ name, written, promotion, teams, complete, refuse }: RollbackInput): ConfiguredStage[] {
  const at = ['environments', name, 'rollback'] as const;
  const named = (written.approval_teams ?? []).map(teamName);
  if (written.require_approval === false) {
    if (named.length > 0)
      refuse([...at, 'require_approval'], 'approval of rollbacks is configured and switched off at once', 'remove one of the two');
    return [];
  }
  for (const team of complete ? named.filter((each) => !teams.includes(each)) : [])
    refuse([...at, 'approval_teams'], `nobody is in team ${team}`, nearestHint(team, teams));
  if (named.length > 0) return [{ name: 'rollback', rules: named.map((team) => ({ team, min: 1 })) }];
  const always = promotion.approvals.some(({ when = {}, rules }) => {
    const { kind, impact, type } = when;
    return (kind === undefined || kind.includes('rollback')) && impact === undefined && type === undefined && rules.some(isHuman);
  });
  if (written.require_approval !== true || always) return promotion.approvals;
  return [...promotion.approvals, { name: 'rollback', rules: [{ role: 'cpi', min: 1 }] }];
}
