/** The life of a promotion as data: phases, legal transitions, and the coarse words that lists and older vocabularies use. */

export const PHASES = [
  'requested',
  'validating',
  'blocked',
  'pending_approval',
  'approved',
  'promoting',
  'succeeded',
  'rolling_back',
  'rolled_back',
  'failed',
  'rejected',
  'expired',
  'cancelled',
  'superseded',
] as const;

export type Phase = (typeof PHASES)[number];

export const STATES = ['pending', 'approved', 'deploying', 'deployed', 'failed', 'rejected', 'expired', 'cancelled'] as const;
export type State = (typeof STATES)[number];

/** What a phase may become. An empty list is a final phase: nothing leaves it. */
export const TRANSITIONS: Readonly<Record<Phase, readonly Phase[]>> = {
  requested: ['validating', 'cancelled', 'superseded', 'failed'],
  validating: ['pending_approval', 'approved', 'blocked', 'rejected', 'expired', 'cancelled', 'superseded', 'failed'],
  blocked: ['validating', 'pending_approval', 'expired', 'cancelled', 'superseded'],
  pending_approval: ['approved', 'rejected', 'expired', 'validating', 'cancelled', 'superseded', 'failed'],
  approved: ['promoting', 'pending_approval', 'validating', 'rejected', 'expired', 'cancelled', 'superseded', 'failed'],
  promoting: ['succeeded', 'rolling_back', 'failed'],
  rolling_back: ['rolled_back', 'failed'],
  succeeded: [],
  rolled_back: [],
  failed: [],
  rejected: [],
  expired: [],
  cancelled: [],
  superseded: [],
};

export function isFinal(phase: Phase): boolean {
  return TRANSITIONS[phase].length === 0;
}

export function mayBecome(from: Phase, to: Phase): boolean {
  return TRANSITIONS[from].includes(to);
}

const STATE_OF: Readonly<Record<Phase, State>> = {
  requested: 'pending',
  validating: 'pending',
  blocked: 'pending',
  pending_approval: 'pending',
  approved: 'approved',
  promoting: 'deploying',
  rolling_back: 'deploying',
  succeeded: 'deployed',
  failed: 'failed',
  rolled_back: 'failed',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'cancelled',
  superseded: 'cancelled',
};

/** `status.state`: the coarse word for lists and badges. */
export function stateOf(phase: Phase): State {
  return STATE_OF[phase];
}

/** Phases that a coarse state stands for, for list filters. */
export function phasesOf(state: State): Phase[] {
  return PHASES.filter((phase) => STATE_OF[phase] === state);
}

/** Seed 000 knows six states; what it lacks reads as rejected. */
export type TicketState = 'pending' | 'approved' | 'rejected' | 'deploying' | 'deployed' | 'failed';

export function ticketStateOf(phase: Phase): TicketState {
  const state = stateOf(phase);
  return state === 'expired' || state === 'cancelled' ? 'rejected' : state;
}

/** Seed 002's lifecycle. */
export type LifecycleState = 'preview' | 'pending_approval' | 'approved' | 'applying' | 'applied' | 'failed' | 'rollback';

const LIFECYCLE_OF: Readonly<Record<Phase, LifecycleState>> = {
  requested: 'preview',
  validating: 'preview',
  blocked: 'failed',
  pending_approval: 'pending_approval',
  approved: 'approved',
  promoting: 'applying',
  succeeded: 'applied',
  rolling_back: 'rollback',
  rolled_back: 'rollback',
  failed: 'failed',
  rejected: 'failed',
  expired: 'failed',
  cancelled: 'failed',
  superseded: 'failed',
};

export function lifecycleOf(phase: Phase): LifecycleState {
  return LIFECYCLE_OF[phase];
}

/** Seed 002's historic rows: `succeeded` reads as `applied`, `rolled_back` as `rollback`; canonical words pass. */
export function lifecycleOfHistoric(state: string): LifecycleState | undefined {
  const historic: Record<string, LifecycleState> = { succeeded: 'applied', rolled_back: 'rollback' };
  const canonical: readonly string[] = ['preview', 'pending_approval', 'approved', 'applying', 'applied', 'failed', 'rollback'];
  return historic[state] ?? (canonical.includes(state) ? (state as LifecycleState) : undefined);
}

/** Seed 003's states. `detail` keeps `executed` from hiding a failure. */
export interface WorkflowView {
  state: 'requested' | 'approved_by_QA' | 'approved_by_devops' | 'executed' | 'rejected';
  detail?: Phase;
}

/** `stagesMet` is the number of approval stages that are complete. */
export function workflowViewOf(phase: Phase, stagesMet: number): WorkflowView {
  switch (phase) {
    case 'requested':
    case 'validating':
      return { state: 'requested' };
    case 'blocked':
      return { state: 'requested', detail: phase };
    case 'pending_approval':
      return { state: stagesMet > 0 ? 'approved_by_QA' : 'requested' };
    case 'approved':
      return { state: 'approved_by_devops' };
    case 'succeeded':
      return { state: 'executed' };
    case 'promoting':
    case 'rolling_back':
    case 'rolled_back':
    case 'failed':
      return { state: 'executed', detail: phase };
    case 'rejected':
      return { state: 'rejected' };
    case 'expired':
    case 'cancelled':
    case 'superseded':
      return { state: 'rejected', detail: phase };
  }
}
