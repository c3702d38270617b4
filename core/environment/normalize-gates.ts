/** Gates of the file, each as the member of the union that its type demands; seed 001's names and commands among them. */
import { splitCommand } from '../gate/command-line.ts';
import { DEFAULT_PRICES } from '../gate/cost.ts';
import type { GateDefinition, PerformanceGate, SignatureGate, VulnerabilityGate } from '../gate/definition.ts';
import { unknownPerformanceMembers } from '../gate/performance.ts';
import { SKIP_CANARY } from '../gate/skip-canary.ts';
import { instant } from '../promotion/request-body.ts';
import { visibleLength } from '../promotion/visible-length.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import type { Refuse } from './refuse.ts';

type FileGate = NonNullable<ConfigurationFile['gates']>[string];
/** The longest a gate may take; the state machine waits 300 s longer. */
const LONGEST_SECONDS = 3_600;
const DEFAULT_SECONDS = 300;
/** Where seed 001's `performance_baseline` finds its figures, and what its `cost_analysis` allows, as neither says so there. */
const PERFORMANCE_URL = 'ssm:/greenlight/performance-baseline-url';
const USUAL_BUDGET_USD = 100;

export function normalizeGates(file: ConfigurationFile, refuse: Refuse, warnings: string[]): Record<string, GateDefinition> {
  const gates: Record<string, GateDefinition> = {};
  for (const [name, gate] of Object.entries(file.gates ?? {})) {
    const definition = definitionOf(name, gate, refuse);
    if (definition) gates[name] = definition;
  }
  for (const [index, entry] of (file.promotion?.validation_gates ?? []).entries()) {
    const gate = typeof entry === 'string' ? { name: entry } : entry;
    if (Object.hasOwn(gates, gate.name) || ('enabled' in gate && gate.enabled === false)) continue;
    const at = ['promotion', 'validation_gates', index] as const;
    for (const definition of seedGates(gate, at, refuse, warnings)) gates[definition.name] = definition;
  }
  return gates;
}

/** Seed 001's gates by name. `security_scan` means two things there: the signature and the vulnerabilities. */
function seedGates(
  gate: { name: string; command?: string | string[] | undefined; timeout?: string | number | undefined },
  at: readonly PropertyKey[],
  refuse: Refuse,
  warnings: string[],
): GateDefinition[] {
  const timeoutSeconds = timeoutOf(gate.timeout, at, refuse);
  if (gate.name === 'security_scan') {
    if (gate.command !== undefined) warnings.push('security_scan runs as the gates signature and vulnerability; its command is not needed');
    return [
      { name: 'signature', type: 'signature', timeoutSeconds, keys: ['ssm:/greenlight/trusted-signing-key'] },
      { name: 'vulnerability', type: 'vulnerability', timeoutSeconds, allowed: { CRITICAL: 0, HIGH: 0 } },
    ];
  }
  if (gate.name === 'policy_compliance' && gate.command === undefined)
    return [{ name: gate.name, type: 'policy', timeoutSeconds, rules: {} }];
  if (gate.name === 'performance_baseline' && gate.command === undefined) {
    warnings.push(`performance_baseline asks the service behind ${PERFORMANCE_URL}; gates.performance_baseline may say otherwise`);
    const judged = { maxRegressionPercent: USUAL_TOLERANCE, minSamples: 0 };
    return [{ name: gate.name, type: 'performance_baseline', timeoutSeconds, url: PERFORMANCE_URL, ...judged }];
  }
  if (gate.name === 'cost_analysis' && gate.command === undefined) {
    warnings.push(`cost_analysis allows $${USUAL_BUDGET_USD} a month; gates.cost_analysis with max_monthly_usd may say otherwise`);
    return [{ name: gate.name, type: 'cost', timeoutSeconds, maxMonthlyUsd: USUAL_BUDGET_USD, ...DEFAULT_PRICES }];
  }
  if (gate.command === undefined) {
    // Without a command the only fact is what the requester claims: it must be true, and it is called a claim.
    return [{ name: gate.name, type: 'policy', timeoutSeconds, rules: { requireClaims: true } }];
  }
  const command = splitCommand(gate.command);
  if (!command.ok) {
    refuse([...at, 'command'], `gate ${gate.name}: ${command.reason}`);
    return [];
  }
  return [{ name: gate.name, type: 'command', timeoutSeconds, argv: command.argv }];
}

function timeoutOf(text: string | number | undefined, at: readonly PropertyKey[], refuse: Refuse): number {
  const seconds = text === undefined ? DEFAULT_SECONDS : secondsOf(text);
  if (seconds === undefined || seconds < 1 || seconds > LONGEST_SECONDS) {
    refuse([...at, 'timeout'], `"${text}" is not a time-out from 1s to 1h`, 'write for example timeout: 300s');
    return DEFAULT_SECONDS;
  }
  return seconds;
}

/** Members that belong to each type, besides type and timeout: any other is a mistake worth telling. */
const MEMBERS: Readonly<Record<FileGate['type'], readonly string[]>> = {
  policy: ['rules'],
  signature: ['keys', 'min', 'require'],
  vulnerability: ['allowed', 'exceptions', 'max_scan_age'],
  http: ['url', 'mode', 'secret'],
  command: ['command'],
  performance_baseline: ['url', 'prometheus', 'metrics', 'samples', 'bearer', 'max_regression_percent', 'min_samples'],
  cost: ['max_monthly_usd', 'usd_per_gib_month', 'usd_per_gib_transfer', 'usd_per_replica_month'],
};

function definitionOf(name: string, gate: FileGate, refuse: Refuse): GateDefinition | undefined {
  const at = ['gates', name] as const;
  if (name === SKIP_CANARY) refuse([...at], `${name} is the word for a waiver of the canary`, 'give the gate another name');
  for (const member of Object.keys(gate)) {
    if (member !== 'type' && member !== 'timeout' && !MEMBERS[gate.type].includes(member))
      refuse([...at, member], `a ${gate.type} gate has no ${member}`);
  }
  const common = { name, timeoutSeconds: timeoutOf(gate.timeout, at, refuse) };
  const missing = (member: string): undefined => {
    refuse([...at], `a ${gate.type} gate needs ${member}`);
    return undefined;
  };
  switch (gate.type) {
    case 'policy':
      return { ...common, type: 'policy', rules: policyRules(gate.rules) };
    case 'signature':
      return gate.keys ? signatureGate({ ...gate, keys: gate.keys }, common, at, refuse) : missing('keys');
    case 'vulnerability':
      return vulnerabilityGate(gate, common, at, refuse);
    case 'http': {
      if (gate.url === undefined) return missing('url');
      const mode = gate.mode ?? 'synchronous';
      if (mode === 'callback' && !gate.secret) return missing('secret');
      if (!isAddress(gate.url))
        return refuse(
          [...at, 'url'],
          `"${gate.url}" is not an https address`,
          'write https://…, or ssm:/name for an address kept elsewhere',
        ) as undefined;
      return { ...common, type: 'http', url: gate.url, mode, ...(gate.secret ? { secret: gate.secret } : {}) };
    }
    case 'command': {
      if (gate.command === undefined) return missing('command');
      const command = splitCommand(gate.command);
      return command.ok ? { ...common, type: 'command', argv: command.argv } : (refuse([...at, 'command'], command.reason) as undefined);
    }
    case 'performance_baseline':
      return performanceGate(gate, common, at, refuse);
    case 'cost':
      if (gate.max_monthly_usd === undefined) return missing('max_monthly_usd');
      return {
        ...common,
        type: 'cost',
        maxMonthlyUsd: gate.max_monthly_usd,
        usdPerGibMonth: gate.usd_per_gib_month ?? DEFAULT_PRICES.usdPerGibMonth,
        usdPerGibTransfer: gate.usd_per_gib_transfer ?? DEFAULT_PRICES.usdPerGibTransfer,
        usdPerReplicaMonth: gate.usd_per_replica_month ?? DEFAULT_PRICES.usdPerReplicaMonth,
      };
  }
}

const USUAL_TOLERANCE = 10;

function performanceGate(gate: FileGate, common: Common, at: readonly PropertyKey[], refuse: Refuse): PerformanceGate | undefined {
  const { url, prometheus, metrics, samples, bearer, max_regression_percent: tolerance, min_samples: minSamples = 0 } = gate;
  const judged = { ...common, type: 'performance_baseline', maxRegressionPercent: tolerance ?? USUAL_TOLERANCE, minSamples } as const;
  if ((url === undefined) === (prometheus === undefined)) {
    refuse(at, 'a performance_baseline gate needs url, or prometheus with metrics', 'name where the figures come from, one of the two');
    return undefined;
  }
  if (url !== undefined) {
    if (!isAddress(url)) refuse([...at, 'url'], `"${url}" is not an https address`, 'write https://…, or ssm:/name');
    for (const member of ['metrics', 'samples', 'bearer'] as const)
      if (gate[member] !== undefined) refuse([...at, member], `${member} belongs to prometheus, and the gate has url`);
    return { ...judged, url };
  }
  if (metrics === undefined || Object.keys(metrics).length === 0) {
    refuse(at, 'a performance_baseline gate with prometheus needs metrics', 'write metrics: { p95_ms: <query> }');
    return undefined;
  }
  for (const query of [...Object.values(metrics), ...(samples === undefined ? [] : [samples])])
    for (const name of unknownPerformanceMembers(query))
      refuse([...at, 'metrics'], `a query names {{${name}}}; there are artifact, version, digest, environment`);
  if (minSamples > 0 && samples === undefined) refuse([...at, 'samples'], 'min_samples needs samples: a query that counts them');
  return { ...judged, prometheus: prometheus!, metrics, ...(samples ? { samples } : {}), ...(bearer ? { bearer } : {}) };
}

type Common = Pick<GateDefinition, 'name' | 'timeoutSeconds'>;

function signatureGate(gate: FileGate & { keys: string[] }, common: Common, at: readonly PropertyKey[], refuse: Refuse): SignatureGate {
  const { min, require, keys } = gate;
  const different = new Set(keys).size;
  if (min !== undefined && min > different)
    refuse([...at, 'min'], `${min} keys must have signed, but only ${different} are trusted`, 'name more keys, or lower min');
  if (min !== undefined && min > 1 && require && !require.includes('signature'))
    refuse([...at, 'min'], 'min counts signatures, and none is required', 'add signature to require, or leave min out');
  return { ...common, type: 'signature', keys, ...(min === undefined ? {} : { min }), ...(require ? { require } : {}) };
}

const SHORTEST_REASON = 20;
const DAY_MS = 86_400_000;

function vulnerabilityGate(gate: FileGate, common: Common, at: readonly PropertyKey[], refuse: Refuse): VulnerabilityGate {
  const exceptions = (gate.exceptions ?? []).map(({ id, reason = '', until = '', package: name, approved_by: approvedBy }, index) => {
    const place = [...at, 'exceptions', index];
    if (visibleLength(reason) < SHORTEST_REASON) {
      const hint = `say in at least ${SHORTEST_REASON} visible characters why it does no harm here`;
      refuse([...place, 'reason'], `the exception for ${id} has no sufficient reason`, hint);
    }
    const end = endOf(until);
    if (end === undefined)
      refuse([...place, 'until'], `the exception for ${id} has no end`, 'write the last day that it holds, for example until: 2026-12-31');
    return {
      id,
      reason,
      until: end ?? '',
      ...(name === undefined ? {} : { package: name }),
      ...(approvedBy === undefined ? {} : { approvedBy }),
    };
  });
  const maxScanAgeSeconds = gate.max_scan_age === undefined ? undefined : secondsOf(gate.max_scan_age);
  if (gate.max_scan_age !== undefined && !maxScanAgeSeconds)
    refuse([...at, 'max_scan_age'], `"${gate.max_scan_age}" is not a length of time`, 'write for example max_scan_age: 7d');
  return {
    ...common,
    type: 'vulnerability',
    allowed: gate.allowed ?? { CRITICAL: 0 },
    ...(exceptions.length > 0 ? { exceptions } : {}),
    ...(maxScanAgeSeconds ? { maxScanAgeSeconds } : {}),
  };
}

/** ISO instant after the last one that counts: the end of a day (UTC), or an instant with its offset. Undefined for anything else. */
function endOf(text: string): string | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const { success, data } = instant.safeParse(isDay ? `${text}T00:00:00Z` : text);
  if (!success) return undefined;
  return new Date(Date.parse(data) + (isDay ? DAY_MS : 0)).toISOString();
}

/** An https address, or a reference to one. */
export function isAddress(url: string): boolean {
  if (url.startsWith('ssm:/')) return true;
  if (!URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return protocol === 'https:' && username === '' && password === '';
}

function policyRules(rules: FileGate['rules']) {
  return {
    ...(rules?.required_labels ? { requiredLabels: rules.required_labels } : {}),
    ...(rules?.max_age_days === undefined ? {} : { maxAgeDays: rules.max_age_days }),
    ...(rules?.max_size_bytes === undefined ? {} : { maxSizeBytes: rules.max_size_bytes }),
    ...(rules?.require_claims === undefined ? {} : { requireClaims: rules.require_claims }),
    ...(rules?.allowed_registries ? { allowedRegistries: rules.allowed_registries } : {}),
    ...(rules?.platforms ? { platforms: rules.platforms } : {}),
  };
}
