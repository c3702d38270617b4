/** From the text of greenlight.yaml to the configuration in force, or to every problem in it with its line and what to write instead. */

import type { Configuration } from './configuration.ts';
import { fileSchema } from './configuration-schema.ts';
import { nearest } from './nearest-word.ts';
import { normalize } from './normalize-configuration.ts';
import { parseYaml } from './parse-yaml.ts';

export interface ConfigurationProblem {
  line: number;
  message: string;
  hint?: string;
  /** It is understood, and forbidden or contradictory. */
  rule?: true;
}

export type ConfigurationResult =
  | { ok: true; configuration: Configuration; warnings: string[] }
  | { ok: false; problems: ConfigurationProblem[] };

/** `complete: false` checks a fragment, such as one block of the file, without demanding the rest. */
export function readConfiguration(text: string, options: { complete?: boolean } = {}): ConfigurationResult {
  const yaml = parseYaml(text);
  if (!yaml.ok) return yaml;
  const parsed = fileSchema.safeParse(yaml.value ?? {});
  if (!parsed.success) {
    return { ok: false, problems: parsed.error.issues.flatMap((issue) => problemsOf(issue, yaml.lineOf)) };
  }
  const normalized = normalize(parsed.data, options.complete ?? true);
  if (normalized.problems.length > 0) {
    const problems = normalized.problems.map(({ path, ...problem }) => ({ line: yaml.lineOf(path), ...problem, rule: true as const }));
    return { ok: false, problems };
  }
  return { ok: true, configuration: normalized.configuration, warnings: normalized.warnings };
}

interface Issue {
  code?: string;
  path: readonly PropertyKey[];
  message: string;
  keys?: string[];
  errors?: Issue[][];
}

function problemsOf(issue: unknown, lineOf: (path: readonly PropertyKey[]) => number): ConfigurationProblem[] {
  const { code, path, message, keys } = issue as Issue;
  const place = path.length === 0 ? 'the file' : path.join('.');
  if (code === 'unrecognized_keys' && keys) {
    return keys.map((key) => {
      const suggestion = nearest(key, KNOWN_KEYS);
      return {
        line: lineOf([...path, key]),
        message: `${place}: unknown key "${key}"`,
        ...(suggestion ? { hint: `did you mean "${suggestion}"?` } : {}),
      };
    });
  }
  return [{ line: lineOf(path), message: `${place}: ${message}` }];
}

/** Keys that a suggestion may name: a typo must not switch approval off. */
const KNOWN_KEYS = [
  'platform',
  'registries',
  'clusters',
  'catalog',
  'environments',
  'gates',
  'roles',
  'teams',
  'people',
  'ci',
  'issuer',
  'audience',
  'owner',
  'promotion',
  'artifacts',
  'notifications',
  'registry',
  'tier',
  'cluster',
  'namespace',
  'approvals',
  'require_approval',
  'approval_teams',
  'approval_timeout_days',
  'approval_valid',
  'approval_order',
  'wait_timer',
  'windows',
  'start',
  'duration',
  'repeat',
  'zone',
  'supersede',
  'reminders',
  'break_glass',
  'waiver',
  'review',
  'after',
  'every',
  'most',
  'escalate_after',
  'escalate_to',
  'automated',
  'automated_approvers',
  'when',
  'impact',
  'kind',
  'project',
  'rollout',
  'provider',
  'awx',
  'launch_url',
  'callback_secret',
  'gateway',
  'execute',
  'preview',
  'claims',
  'link_may_decide',
  'slack_may_decide',
  'path',
  'validation_gates',
  'rollback',
  'policies',
  'retention',
  'lifecycle',
  'channels',
  'events',
  'type',
  'timeout',
  'rules',
  'keys',
  'require',
  'allowed',
  'exceptions',
  'reason',
  'until',
  'package',
  'approved_by',
  'max_scan_age',
  'url',
  'mode',
  'secret',
  'command',
  'enabled',
  'name',
  'min',
  'team',
  'role',
  'canary',
  'bake',
  'subject',
  'email',
  'tenants',
  'tenant',
  'workload',
  'container',
  'replicas',
  'smoke',
  'recipients',
  'severity',
  'from',
  'slack',
  'webhook_url',
  'app_id',
  'team_id',
  'bot_token',
  'keep_last_versions',
  'keep_duration_days',
  'protected_tags',
  'delete_schedule',
] as const;
