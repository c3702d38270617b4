/** `POST /v1/webhooks/awx/job-complete`: what a job says of its end (seed 000), signed with the secret of its environment. */
import { DEFAULT_SECRET } from '../../adapters/gate/http-gate.ts';
import { resolveReference } from '../../adapters/references.ts';
import { Refusal } from '../../core/errors.ts';
import { isSignedMessage } from '../../core/gate/webhook-signature.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { finishJob as finish, type JobCallback, jobCallbackSchema, refuseJob } from '../../core/rollout/job.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { log } from '../kit/log.ts';
import { readJson } from '../kit/read-json.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, promotions, table } from '../kit/state.ts';

/** Order: 401 BAD_SIGNATURE (also for a request that does not exist), 400, 409. The same answer again is 200 without a second effect. */
export async function finishJob(call: HttpCall): Promise<HttpAnswer> {
  const promotion = await named(call.rawBody);
  const job = promotion && call.configuration.environments[promotion.to]?.rollout.job;
  const secret = await resolveReference(job?.secret ?? DEFAULT_SECRET);
  if (!isSignedMessage(secret, call.headers, call.rawBody, clock.now()) || !promotion || !job) {
    await countFailure(table, clock, 'hook', call.sourceIp);
    throw new Refusal('BAD_SIGNATURE', 'the message is not signed as it should be', {
      hint: 'sign `<webhook-id>.<webhook-timestamp>.<body>` with the callback secret of the environment; the time stamp may be 5 minutes old',
    });
  }
  const parsed = jobCallbackSchema.safeParse(readJson(call.rawBody));
  if (!parsed.success) {
    throw new Refusal(
      'INVALID_REQUEST',
      'the body must be {"job_id", "status", "extra_vars": {"request_id"}, "result_stdout"?} and no more',
      {
        hint: 'status is one of successful, failed, error, canceled, in this very spelling',
      },
    );
  }
  const arrival = await record(promotion.id, parsed.data);
  log.info('job answered', { requestId: promotion.id, status: parsed.data.status, arrival });
  if (arrival === 'late') {
    throw new Refusal('STATE_CONFLICT', 'nobody waits for this answer any more', {
      hint: 'the request has ended, or it waits for another job',
    });
  }
  return { status: 200, body: { accepted: true, repeated: arrival === 'repeated' } };
}

/** Read before anything is proven: it only says whose secret the message has to be signed with. */
async function named(body: Buffer): Promise<Promotion | undefined> {
  try {
    const { extra_vars: variables } = JSON.parse(body.toString('utf8')) as { extra_vars?: { request_id?: unknown } };
    const id = variables?.request_id;
    return typeof id === 'string' && /^[A-Z]{2}-\d{4}-\d{1,12}$/.test(id) ? await promotions.head(id) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function record(id: string, callback: JobCallback): Promise<'recorded' | 'repeated' | 'late'> {
  return changing(
    () => promotions.head(id),
    async (promotion) => {
      if (!promotion) return 'late';
      const arrival = finish(promotion, callback, clock.now().toISOString());
      if (arrival.kind === 'recorded') await promotions.commit(arrival.change);
      if (arrival.kind === 'late') {
        const refused = refuseJob(promotion, await promotions.history(id), callback);
        if (refused) await promotions.commit(refused);
      }
      return arrival.kind;
    },
  );
}
