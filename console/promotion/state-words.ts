/** States as people see them: a word, and a colour that only repeats it. */
import type { State } from '../../core/promotion/phase.ts';
import type { Tone } from '../kit/tone.ts';

export const STATE_WORDS: Readonly<Record<State, { label: string; tone: Tone }>> = {
  pending: { label: 'Pending', tone: 'warn' },
  approved: { label: 'Approved', tone: 'calm' },
  deploying: { label: 'Deploying', tone: 'calm' },
  deployed: { label: 'Deployed', tone: 'good' },
  failed: { label: 'Failed', tone: 'bad' },
  rejected: { label: 'Rejected', tone: 'bad' },
  expired: { label: 'Expired', tone: 'idle' },
  cancelled: { label: 'Cancelled', tone: 'idle' },
};

const FINAL: ReadonlySet<State> = new Set(['deployed', 'failed', 'rejected', 'expired', 'cancelled']);

/** Whether nothing of a request will change any more. */
export function isOver(state: State): boolean {
  return FINAL.has(state);
}

const GATE_TONES: Readonly<Record<string, Tone>> = {
  passed: 'good',
  waived: 'warn',
  failed: 'bad',
  errored: 'bad',
  inconclusive: 'bad',
  running: 'calm',
  pending: 'idle',
  not_run: 'idle',
};

export function toneOfGate(status: string): Tone {
  return GATE_TONES[status] ?? 'idle';
}

/** What a request is about to do or waits for, in a few words: more than its state says. */
export function detailOf({
  phase,
  waitingOn,
  step,
}: {
  phase: string;
  waitingOn?: string | undefined;
  step?: string | undefined;
}): string | undefined {
  if (phase === 'pending_approval') return 'waits for approval';
  if (phase === 'blocked') return 'blocked by its gates';
  if (phase === 'validating' || phase === 'requested') return 'gates are running';
  if (phase === 'approved' && waitingOn !== undefined) return waitingOn === 'confirm' ? 'waits to be executed' : `waits on ${waitingOn}`;
  if (phase === 'rolling_back') return 'rolling back';
  if (phase === 'rolled_back') return 'rolled back';
  if (phase === 'promoting' && step !== undefined) return stepWords(step);
  if (phase === 'superseded') return 'superseded by another request';
  return undefined;
}

/** `canary:50` → `canary 50 %`. */
export function stepWords(step: string): string {
  const [name, weight] = step.split(':');
  const spoken = name!.replaceAll('_', ' ').replace('copying', 'copying artifacts');
  return weight === undefined ? spoken : `${spoken} ${weight} %`;
}

/** Share of a rollout that is done, from its step; undefined where the step does not say. */
export function shareOf(step: string | undefined): number | undefined {
  const weight = /^canary:(\d{1,3})$/.exec(step ?? '')?.[1];
  return weight === undefined ? undefined : Number(weight) / 100;
}
