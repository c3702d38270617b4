/** A plan in words, as seed 001 shows a dry run. */
import type { Route } from './operands.ts';
import { type Output, oneLine } from './output.ts';
import type { GateView, StageView } from './request.ts';
import { hasPassed, size } from './show-request.ts';

export interface PlanView {
  artifact: { name: string; version: string; digest: string };
  from: string;
  to: string;
  current: { version: string; digest: string } | null;
  gates?: GateView[];
  approvals?: { required: boolean; stages: StageView[] };
  steps?: string[];
  copy?: {
    blobs: number;
    bytes: number;
    missingBytes: number;
    registries?: { name: string; role: string; missingBytes: number }[];
  } | null;
  cost?: { currency: string; monthly: number | null };
  warnings?: string[];
}

/** Gates that would stop it. Gates that only run for a real request do not count. */
export function problemsIn({ gates = [] }: PlanView): GateView[] {
  return gates.filter((gate) => !hasPassed(gate) && gate.status !== 'not_run');
}

export function planLines(output: Output, plan: PlanView, route: Route): string[] {
  const { gates = [], warnings = [] } = plan;
  const problems = problemsIn(plan).length;
  return [
    'DRY-RUN MODE: No changes will be made',
    '',
    `Promotion Plan: ${oneLine(plan.artifact.name)} ${oneLine(route.version)} ${oneLine(plan.from)} → ${oneLine(plan.to)}`,
    `  Digest: ${oneLine(plan.artifact.digest)}`,
    `  Now in ${oneLine(plan.to)}: ${plan.current ? oneLine(plan.current.version) : 'nothing'}`,
    '',
    'Validation Gates:',
    ...(gates.length === 0 ? ['  none'] : gates.flatMap((gate, index) => gateLines(output, gate, `[${index + 1}/${gates.length}]`))),
    '',
    'Promotion Steps:',
    ...stepLines(plan).map((line, index) => `  ${index + 1}. ${line}`),
    ...(plan.cost?.monthly == null
      ? []
      : ['', `Storage: ${size(plan.copy?.missingBytes ?? 0)} more, ${plan.cost.monthly} ${oneLine(plan.cost.currency)} a month`]),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map((warning) => `${output.paint('warn', '⚠')} ${oneLine(warning)}`)]),
    '',
    problems === 0
      ? 'Summary: Ready to promote (0 issues found)'
      : `Summary: Not ready (${problems} issue${problems === 1 ? '' : 's'} found)`,
    `To proceed: greenlight promote ${oneLine(route.version)} ${oneLine(plan.to)} --artifact ${oneLine(plan.artifact.name)}`,
  ];
}

function gateLines(output: Output, gate: GateView, number: string): string[] {
  const word = hasPassed(gate)
    ? output.paint('good', 'PASS (simulated)')
    : gate.status === 'not_run'
      ? 'NOT RUN'
      : output.paint('bad', 'FAIL');
  return [
    `  ${number} ${oneLine(gate.name)}`,
    `    Status: ${word}`,
    ...(gate.message ? [`    ${oneLine(gate.message)}`] : []),
    ...(gate.resolution ? [`    Resolution: ${oneLine(gate.resolution)}`] : []),
  ];
}

function stepLines({ approvals, steps = [], copy, to }: PlanView): string[] {
  const asked = (approvals?.stages ?? []).flatMap(({ name, rules }) =>
    rules.map(
      (rule) =>
        `Request approval (${oneLine(name)}): ${rule.min} of ${oneLine(rule.team)} (${(rule.eligible ?? []).map(oneLine).join(', ') || 'nobody may'})`,
    ),
  );
  const worded = steps.map((step) => {
    if (step !== 'copying') return oneLine(step.replaceAll('_', ' '));
    if (!copy) return `Copy artifact to the ${oneLine(to)} registry`;
    const { registries = [] } = copy;
    if (registries.length < 2)
      return `Copy artifact to the ${oneLine(to)} registry (${size(copy.bytes)}, ${size(copy.missingBytes)} of them missing there)`;
    const missing = registries.map(({ name, role, missingBytes }) => `${oneLine(role)} ${oneLine(name)} lacks ${size(missingBytes)}`);
    return `Copy artifact to ${registries.length} registries of ${oneLine(to)} (${size(copy.bytes)}: ${missing.join(', ')})`;
  });
  return [...asked, ...worded];
}
