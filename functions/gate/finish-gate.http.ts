/** `POST /v1/hooks/gates/{runId}`: the signed answer of an http gate in callback mode. */
import { acceptFor } from '../../adapters/gate/callback-messages.ts';
import { gateRunRows } from '../../adapters/gate/gate-run-rows.ts';
import { DEFAULT_SECRET } from '../../adapters/gate/http-gate.ts';
import { resolveReference } from '../../adapters/references.ts';
import { Refusal } from '../../core/errors.ts';
import { gateCallbackSchema, outcomeOf } from '../../core/gate/gate-answer.ts';
import { signatureOf } from '../../core/gate/webhook-signature.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { log } from '../kit/log.ts';
import { readJson } from '../kit/read-json.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, table } from '../kit/state.ts';
import { finishRun, recordRefused } from './finish-run.ts';

/** Order: 401 BAD_SIGNATURE (also for a run that does not exist), 400, 409. The same answer again is 200 without a second effect. */
export async function finishGate(call: HttpCall): Promise<HttpAnswer> {
  const run = await gateRunRows(table).find(call.params['runId'] ?? '');
  const definition = run && call.configuration.gates[run.gate];
  const reference = (definition?.type === 'http' ? definition.secret : undefined) ?? DEFAULT_SECRET;
  const signature = signatureOf(await resolveReference(reference), call.headers, call.rawBody, clock.now());
  if (signature === undefined || !run) {
    throw await refused(call, 'the message is not signed as it should be');
  }
  const parsed = gateCallbackSchema.safeParse(readJson(call.rawBody));
  if (!parsed.success) {
    throw new Refusal('INVALID_REQUEST', 'the body must be {"status": "passed" | "failed", "message"?, "resolution"?}', {
      hint: 'anything but these two words is no answer',
    });
  }
  if (!(await isFor(run.runId, parsed.data.runId, signature, call))) {
    throw await refused(call, 'the message was signed for another run');
  }
  const outcome = outcomeOf(parsed.data);
  const arrival = await finishRun(run, outcome);
  log.info('gate answered', { requestId: run.requestId, gate: run.gate, status: parsed.data.status, arrival });
  if (arrival === 'late') {
    await recordRefused(run, outcome);
    throw new Refusal('STATE_CONFLICT', 'nobody waits for this answer any more', {
      hint: 'the request ended, was retried, or has another answer of this gate',
    });
  }
  return { status: 200, body: { accepted: true, repeated: arrival === 'repeated' } };
}

/**
 * One secret signs for many runs, so a message must be bound to the run that it is sent to: by the run's id as its `webhook-id` or in its body, or
 * else by being accepted for the first run only that it comes for.
 */
async function isFor(runId: string, named: string | undefined, signature: string, { headers }: HttpCall): Promise<boolean> {
  if (named !== undefined) return named === runId;
  const messageId = headers['webhook-id']!;
  if (messageId === runId) return true;
  const other = await gateRunRows(table).find(messageId);
  return other === undefined && acceptFor(table, runId, signature, clock.now());
}

async function refused(call: HttpCall, detail: string): Promise<Refusal> {
  await countFailure(table, clock, 'hook', call.sourceIp);
  return new Refusal('BAD_SIGNATURE', detail, {
    hint: 'sign `<webhook-id>.<webhook-timestamp>.<body>` with the secret of the gate, the id of the run as webhook-id; the time stamp may be 5 minutes old',
  });
}
