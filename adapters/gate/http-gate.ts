/** Gates that a service answers: at once, or later through a signed callback. */
import { Fault } from '../../core/errors.ts';
import type { HttpGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import { gateAnswerSchema, outcomeOf } from '../../core/gate/gate-answer.ts';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import { egress } from '../egress.ts';
import { resolveReference, resolveText } from '../references.ts';
import type { GatePlace } from './gate-place.ts';
import type { GateRun, GateRunRows } from './gate-run-rows.ts';

/** Secret of gates that name none. */
export const DEFAULT_SECRET = 'secret:greenlight/gate-hmac';

/** The gates function has 300 s; what is left is for recording. */
const LONGEST_MS = 240_000;
const LARGEST_ANSWER = 64 * 1024;
const ATTEMPTS = 3;
const PAUSE_MS = 500;

export async function runHttpGate(definition: HttpGate, place: GatePlace, runs: GateRunRows): Promise<GateOutcome> {
  const isCallback = definition.mode === 'callback';
  const secret = isCallback ? (definition.secret ?? DEFAULT_SECRET) : definition.secret;
  // The answer may be faster than our next line.
  if (isCallback) await runs.keep(runOf(definition.name, place), new Date());
  const answer = await askService(definition, place, secret);
  if (answer.status < 200 || answer.status > 299) return unexpected(`the service answers ${answer.status}`);
  if (isCallback) return { status: 'running', message: 'the service was asked and will answer', resolution: 'wait for its answer' };
  const parsed = gateAnswerSchema.safeParse(parse(answer.body));
  if (answer.status !== 200 || !parsed.success) return unexpected('the service does not answer {"status": "passed" | "failed"}');
  return outcomeOf(parsed.data);
}

/** Who asked for what; a gate of a preview has no request and cannot be answered later. */
export function runOf(gate: string, { subject, runId }: GatePlace): GateRun {
  if (subject.requestId === undefined || subject.attempt === undefined) throw new Error('a gate that answers later needs a request');
  return { runId, requestId: subject.requestId, attempt: subject.attempt, gate };
}

/** Asks with facts of the subject and these; a failure that may pass is tried again within the gate's time. */
export async function askService(
  definition: Pick<HttpGate, 'url' | 'timeoutSeconds'>,
  place: GatePlace,
  secret: string | undefined,
  more: Record<string, unknown> = {},
) {
  const { subject, runId } = place;
  const url = await resolveText(definition.url);
  const callback = process.env['API_ORIGIN'] ? { callback: `${process.env['API_ORIGIN']}/v1/hooks/gates/${runId}` } : {};
  const { artifact, digest, version, from, to, planHash } = subject;
  const body = Buffer.from(JSON.stringify({ runId, artifact, digest, version, from, to, planHash, ...more, ...callback }));
  const key = secret === undefined ? undefined : await resolveReference(secret);
  const deadlineMs = Math.min(LONGEST_MS, definition.timeoutSeconds * 1000);
  const started = performance.now();
  for (let attempt = 1; ; attempt++) {
    const left = deadlineMs - (performance.now() - started);
    // The run id is the message id: a service that sees it twice answers the same.
    const signed = key === undefined ? { 'webhook-id': runId } : signMessage(key, runId, new Date(), body);
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...signed };
    try {
      const answer = await egress.request({ method: 'POST', url, headers, body, deadlineMs: Math.max(1, left), maxBytes: LARGEST_ANSWER });
      if (answer.status < 500 || attempt >= ATTEMPTS) return answer;
    } catch (error) {
      const isLate = performance.now() - started + PAUSE_MS >= deadlineMs;
      if (!(error instanceof Fault) || !error.retryable || isLate || attempt >= ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt * Math.random()));
  }
}

export function unexpected(message: string): GateOutcome {
  return { status: 'errored', message, resolution: 'have the gate service repaired, then POST …/retry' };
}

export function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
