/** Requests in words: gates with ticks and crosses, who is asked, how it ended. */
import { type Output, oneLine } from './output.ts';
import type { GateView, RequestView, StageView } from './request.ts';

const UNSETTLED = new Set(['pending', 'running']);
const PASSED = new Set(['passed', 'waived']);

export const isSettled = (gate: GateView): boolean => !UNSETTLED.has(gate.status);
export const hasPassed = (gate: GateView): boolean => PASSED.has(gate.status);

/** Lines of one gate: its result, and why and what to do when it did not pass. */
export function gateLines(output: Output, gate: GateView): string[] {
  const name = oneLine(gate.name);
  const message = oneLine(gate.message ?? '');
  if (hasPassed(gate))
    return [`  ${output.tick} ${name}${gate.status === 'waived' ? ' (waived)' : ''}${message && `: ${message}`}${took(gate)}`];
  if (gate.status === 'not_run') return [`  ⏭ ${name} (not run)${message && `: ${message}`}`];
  if (!isSettled(gate)) return [`  … ${name} (${gate.status})`];
  return [
    `  ${output.cross} ${name} (${oneLine(gate.status)})${took(gate)}`,
    ...(message ? [`    Failure: ${message}`] : []),
    ...(gate.resolution ? [`    Resolution: ${oneLine(gate.resolution)}`] : []),
  ];
}

/** The same in a rollback, where a gate that passed says no more than that. */
export function validationLines(output: Output, gate: GateView): string[] {
  return hasPassed(gate) ? [`  ${output.tick} Validation gate: ${oneLine(gate.name)} (${oneLine(gate.status)})`] : gateLines(output, gate);
}

function took({ startedAt, finishedAt }: GateView): string {
  if (!startedAt || !finishedAt) return '';
  const seconds = Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
  return Number.isFinite(seconds) ? ` (${seconds}s)` : '';
}

/** One line per rule that is not met: who can meet it. */
export function askedLines(stages: readonly StageView[]): string[] {
  return stages.flatMap((stage) =>
    stage.rules
      .filter((rule) => (rule.given?.length ?? 0) < rule.min)
      .map(
        (rule) =>
          `  - ${oneLine(rule.team)} (${rule.min - (rule.given?.length ?? 0)} of ${(rule.eligible ?? []).map(oneLine).join(', ') || 'nobody'})`,
      ),
  );
}

/** Everybody who approved the plan. */
export function approversOf({ status }: RequestView): string[] {
  return (status.approvals?.stages ?? []).flatMap((stage) => stage.rules.flatMap((rule) => (rule.given ?? []).map(oneLine)));
}

/** `2026-11-20 09:30:00Z`, as seed 001 writes times. */
export function shownTime(iso: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(iso);
  return match ? `${match[1]} ${match[2]}Z` : oneLine(iso);
}

/** Addresses of who is asked now. */
export function addressesOf(stages: readonly StageView[]): string[] {
  const open = stages.flatMap(({ rules }) => rules.filter((rule) => (rule.given?.length ?? 0) < rule.min));
  return [...new Set(open.flatMap(({ eligible = [] }) => eligible.map(oneLine)))];
}

/** `payment-api 1.1.0: dev → staging`, `payment-api: prod back to 1.0.0`. */
export function routeLine({ spec: { kind, target } }: RequestView): string {
  if (kind === 'repair')
    return `${oneLine(target.name)} ${oneLine(target.version)}: repair of its copies in ${oneLine(target.targetEnvironment)}`;
  if (kind === 'rollback') return `${oneLine(target.name)}: ${oneLine(target.targetEnvironment)} back to ${oneLine(target.version)}`;
  return `${oneLine(target.name)} ${oneLine(target.version)}: ${oneLine(target.sourceEnvironment)} → ${oneLine(target.targetEnvironment)}`;
}

/** What each registry got, as seed 001 shows a promotion across registries; nothing before the first result. */
export function copyLines(output: Output, { status: { copy } }: RequestView): string[] {
  if (!copy) return [];
  const held = copy.registries.filter(({ status }) => status === 'verified' || status === 'tagged');
  const which =
    held.length === copy.registries.length
      ? held.length === 2
        ? 'both registries'
        : `all ${held.length} registries`
      : held.map(({ name }) => oneLine(name)).join(', ');
  return [
    ...copy.registries.map(({ name, role, status, bytes, failure }) => {
      const registry = `${capital(oneLine(role))} registry (${oneLine(name)})`;
      if (failure) return `  ${output.cross} ${registry}: ${oneLine(failure.message)}`;
      return status === 'pending' ? `  … ${registry}: ${size(bytes)} so far` : `  ${output.tick} ${registry}: pushed ${size(bytes)}`;
    }),
    ...(held.length > 0
      ? [
          `  ${output.tick} Signatures and everything that refers to it: replicated to ${which}`,
          `  ${output.tick} Integrity: verified on ${which}`,
        ]
      : []),
  ];
}

/** `8.6 KB`. */
export function size(count: number): string {
  if (count < 1_000) return `${count} B`;
  const [unit, factor] = count < 1e6 ? ['KB', 1e3] : count < 1e9 ? ['MB', 1e6] : (['GB', 1e9] as const);
  return `${(count / Number(factor)).toFixed(1)} ${unit}`;
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** How a request that is over, or blocked, ended: one line. */
export function endLine(output: Output, request: RequestView): string {
  const { phase, failure, rejectedBy, rejectionReason, gates = [] } = request.status;
  const { targetEnvironment: to } = request.spec.target;
  const reason = failure ? `: ${oneLine(failure.message)}` : '';
  switch (phase) {
    case 'succeeded':
      return `  ${output.tick} Promoted to ${oneLine(to)}`;
    case 'rolled_back':
      return request.spec.kind === 'rollback'
        ? `  ${output.cross} The rollback failed, ${oneLine(to)} runs what it ran before${reason}`
        : `  ${output.cross} Rolled back${reason}`;
    case 'rejected':
      return `  ${output.cross} Rejected${rejectedBy ? ` by ${oneLine(rejectedBy)}` : ''}${rejectionReason ? `: ${oneLine(rejectionReason)}` : ''}`;
    case 'blocked': {
      const failed = gates.filter((gate) => isSettled(gate) && !hasPassed(gate) && gate.status !== 'not_run').length;
      return `${request.spec.kind === 'rollback' ? 'Rollback' : 'Promotion'} blocked: ${failed} gate${failed === 1 ? '' : 's'} failed`;
    }
    default:
      return `  ${output.cross} ${phase[0]?.toUpperCase()}${oneLine(phase.slice(1).replaceAll('_', ' '))}${reason}`;
  }
}
