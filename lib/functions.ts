/** The Lambda functions by name: entry file, memory and time-out. One per set of permissions. */

export interface FunctionSpec {
  entry: string;
  /** Seconds. HTTP groups stay under API Gateway's 30 s. */
  timeout: number;
  memory: number;
  description: string;
  /** At most so many at once: 1 where two at the same rows would do things twice. */
  concurrency?: number;
}

export const FUNCTIONS = {
  read: { entry: 'functions/read.group.ts', timeout: 29, memory: 512, description: 'Answers every reading route' },
  request: { entry: 'functions/request.group.ts', timeout: 29, memory: 512, description: 'Previews, creates and changes requests' },
  decide: {
    entry: 'functions/decide.group.ts',
    timeout: 29,
    memory: 512,
    description: 'The one writer of decisions: REST, mailed link and Slack',
  },
  operate: { entry: 'functions/operate.group.ts', timeout: 29, memory: 256, description: 'Makes and revokes credentials of programs' },
  audit: {
    entry: 'functions/audit.group.ts',
    timeout: 29,
    memory: 512,
    description: 'Searches the sealed log and answers proofs, exports and receipts',
  },
  hooks: { entry: 'functions/hooks.group.ts', timeout: 29, memory: 256, description: 'Takes signed results of gates' },
  public: {
    entry: 'functions/public.group.ts',
    timeout: 29,
    memory: 256,
    description: 'Health, description, sign-in, and the answer to every unknown route',
  },
  gates: { entry: 'functions/gate/gates.group.ts', timeout: 300, memory: 512, description: 'Runs and settles gates' },
  build: {
    entry: 'functions/gate/finish-build.event.ts',
    timeout: 60,
    memory: 256,
    description: 'Finishes command gates when their build ends',
  },
  begin: { entry: 'functions/promotion/begin.group.ts', timeout: 90, memory: 256, description: 'Begins, holds and fails rollouts' },
  copy: {
    entry: 'functions/registry/copy.group.ts',
    timeout: 900,
    memory: 1769,
    description: 'Copies artifacts, writes tags, finishes promotions',
  },
  rollout: { entry: 'functions/rollout/rollout.group.ts', timeout: 480, memory: 512, description: 'Moves workloads forward and back' },
  adopt: {
    entry: 'functions/rollout/adopt.job.ts',
    timeout: 120,
    memory: 512,
    description: 'Records what runs unrecorded, and watches for drift and lost ways back',
  },
  retain: {
    entry: 'functions/retention/retain.job.ts',
    timeout: 900,
    memory: 1769,
    description: 'Plans and carries out deletions, and reminds of versions that lose their support',
  },
  propose: {
    entry: 'functions/policy/propose.job.ts',
    timeout: 120,
    memory: 512,
    description: 'Asks for the promotions whose policy says so',
    concurrency: 1,
  },
  wake: { entry: 'functions/promotion/wake.event.ts', timeout: 60, memory: 256, description: 'Starts and wakes runs', concurrency: 1 },
  reconcile: {
    entry: 'functions/promotion/reconcile.job.ts',
    timeout: 60,
    memory: 256,
    description: 'Expires requests and repairs what a crash left',
  },
  deliver: {
    entry: 'functions/notification/deliver.event.ts',
    timeout: 120,
    memory: 256,
    description: 'Sends mail, Slack messages and bus events',
    concurrency: 1,
  },
  dispatch: {
    entry: 'functions/notification/dispatch.job.ts',
    timeout: 120,
    memory: 256,
    description: 'Sends events to subscribers',
    concurrency: 1,
  },
  attest: {
    entry: 'functions/audit/attest.job.ts',
    timeout: 300,
    memory: 512,
    description: 'Makes receipts of promotions and exports of the audit log',
  },
  seal: { entry: 'functions/audit/seal.job.ts', timeout: 120, memory: 512, description: 'Seals audit events into the locked log' },
  guard: { entry: 'functions/audit/guard.job.ts', timeout: 120, memory: 512, description: 'Looks whether the log is whole and locked' },
} as const satisfies Record<string, FunctionSpec>;

export type FunctionName = keyof typeof FUNCTIONS;

/** The specification of a function, with its optional members. */
export function specificationOf(name: FunctionName): FunctionSpec {
  return FUNCTIONS[name];
}
