/**
 * Rollouts that a job of AWX makes (seed 000): it is launched with the request's id, and what it says of its end comes by a signed callback. The engine
 * then knows whether the job succeeded, not what runs: what it did not see it cannot restore, so a failed job ends the promotion as failed.
 */
import * as z from 'zod';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { engineChange } from '../promotion/engine-change.ts';
import type { HistoryEntry, Promotion } from '../promotion/promotion.ts';

/** How AWX says that a job is over. */
export const JOB_STATUSES = ['successful', 'failed', 'error', 'canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export interface JobRecord {
  /** Absent until AWX has answered the launch, or the job has called back before that. */
  id?: string;
  /** ISO. */
  launchedAt: string;
  deadline: string;
  status?: JobStatus;
}

/** What the job gets, and sends back. */
export interface JobVariables {
  request_id: string;
  attempt: number;
  artifact: string;
  version: string;
  digest: string;
  environment: string;
}

export function variablesOf({ id, attempt, artifact, releaseVersion, digest, to }: Promotion): JobVariables {
  return { request_id: id, attempt, artifact, version: releaseVersion, digest, environment: to };
}

/** Closed: an answer that says more than we know how to read is not taken for a success. */
export const jobCallbackSchema = z.strictObject({
  job_id: z.union([z.number().int().positive(), z.string().regex(/^[\w.-]{1,64}$/)]),
  status: z.enum(JOB_STATUSES),
  extra_vars: z.strictObject({
    request_id: z.string().max(64),
    attempt: z.number().int().positive().optional(),
    artifact: z.string().max(128).optional(),
    version: z.string().max(128).optional(),
    digest: z.string().max(128).optional(),
    environment: z.string().max(64).optional(),
  }),
  result_stdout: z.string().optional(),
});
export type JobCallback = z.infer<typeof jobCallbackSchema>;

/** The id as history shows it: seed 000 writes `awx-job-5678`. */
export function jobName(id: string | number): string {
  return /^\d+$/.test(String(id)) ? `awx-job-${id}` : String(id);
}

/** The id as AWX has it. */
export function jobIdOf(name: string): string {
  return name.replace(/^awx-job-(?=\d+$)/, '');
}

const STEP = 'job';
const LONGEST_OUTPUT = 500;

/** Recorded before AWX is asked: a job that calls back before its launch was answered finds that it is waited for. */
export function beginJob(promotion: Promotion, now: Date, timeoutSeconds: number): PromotionChange {
  const at = now.toISOString();
  const job: JobRecord = { launchedAt: at, deadline: new Date(now.getTime() + timeoutSeconds * 1000).toISOString() };
  const after = withPhase(promotion, 'promoting', { step: STEP, job, rollout: [{ step: STEP, status: 'progressing', startedAt: at }] });
  return engineChange(promotion, after, { type: 'rollout.step', action: 'rollout_step', data: { step: STEP, status: 'progressing' } });
}

export function jobLaunched(promotion: Promotion, id: string): PromotionChange {
  const after = withPhase(promotion, 'promoting', { step: STEP, job: { ...promotion.job!, id } });
  return engineChange(promotion, after, {
    type: 'rollout.step',
    action: 'job_launched',
    data: { step: STEP, status: 'launched', job: id },
    jobId: id,
  });
}

/** - `recorded`: commit the change; `repeated`: it was said before; `late`: nobody waits for it. */
export type JobArrival = { kind: 'recorded'; change: PromotionChange } | { kind: 'repeated' } | { kind: 'late' };

export function finishJob(
  promotion: Promotion,
  { job_id, status, extra_vars, result_stdout: output = '' }: JobCallback,
  at: string,
): JobArrival {
  const id = jobName(job_id);
  const { job } = promotion;
  const isOther = job?.id !== undefined && job.id !== id;
  if (!job || isOther || (extra_vars.attempt ?? promotion.attempt) !== promotion.attempt) return { kind: 'late' };
  if (extra_vars.digest !== undefined && extra_vars.digest !== promotion.digest) return { kind: 'late' };
  if (job.status !== undefined) return { kind: job.status === status ? 'repeated' : 'late' };
  if (promotion.phase !== 'promoting') return { kind: 'late' };
  const good = status === 'successful';
  const rollout = promotion.rollout!.map((record) => ({
    ...record,
    status: good ? ('done' as const) : ('aborted' as const),
    endedAt: at,
    ...(good ? {} : { message: `job ${id} ended as ${status}` }),
  }));
  const after = withPhase(promotion, 'promoting', { step: STEP, job: { ...job, id, status }, rollout });
  return {
    kind: 'recorded',
    change: engineChange(
      promotion,
      after,
      {
        type: 'rollout.step',
        action: good ? 'job_succeeded' : 'job_failed',
        data: { step: STEP, status, job: id },
        jobId: id,
        ...(good ? {} : { error: textOf(output) || `job ${id} ended as ${status}` }),
      },
      {
        notices: [{ type: 'rollout.step', data: { step: STEP, status } }],
        wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'bake' },
      },
    ),
  };
}

const REFUSED = 'job_refused';
/** Events of refused answers per request: a sender that repeats itself for ever must not fill the log. */
const MOST_REFUSED = 10;

/** Leaves a line of a signed answer that nobody waits for; undefined when there are enough. */
export function refuseJob(
  promotion: Promotion,
  history: readonly Pick<HistoryEntry, 'action'>[],
  { job_id, status }: JobCallback,
): PromotionChange | undefined {
  if (history.filter(({ action }) => action === REFUSED).length >= MOST_REFUSED) return undefined;
  const job = jobName(job_id);
  const error = `${job}: an answer that nobody waits for was refused`;
  return engineChange(promotion, promotion, { type: 'gate.refused', action: REFUSED, data: { job, status }, error, jobId: job });
}

/** The end of what the job printed: where its reason is. Printable text only. */
function textOf(output: string): string {
  return output
    .slice(-LONGEST_OUTPUT)
    .replace(/[^\x20-\x7e\n]+/g, ' ')
    .trim();
}
