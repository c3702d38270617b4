/** Sends smoke checks to a workload. What it answers comes from a version on trial: bounded in time and bytes, never trusted, never logged. */
import { Fault, messageOf } from '../../core/errors.ts';
import type { SmokeProbe } from '../../core/rollout/ports.ts';
import { egress } from '../egress.ts';
import { resolveReference } from '../references.ts';

const DEADLINE_MS = 5_000;
/** Health endpoints and pages; a body of 50 MB is a failure, not a load. */
const MAX_BYTES = 1024 * 1024;
/** No answer was begun: the load balancer still knows a pod that is gone. */
const LOST = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

/** `origin` has no slash at its end. A reference that cannot be read is thrown: it says nothing about the workload. */
export const smokeProbe: SmokeProbe = async (origin, check) => {
  const bearer = check.bearer === undefined ? {} : { authorization: `Bearer ${await resolveReference(check.bearer)}` };
  try {
    const { status, body } = await egress.request({
      url: `${origin}${check.path}`,
      // A connection of its own: a kept one would meet the same pod again and again.
      headers: { connection: 'close', accept: '*/*', ...bearer },
      deadlineMs: DEADLINE_MS,
      maxBytes: MAX_BYTES,
    });
    return { kind: 'answer', status, body: body.toString('utf8') };
  } catch (error) {
    const code = (error as { cause?: { code?: string } }).cause?.code;
    if (code !== undefined && LOST.has(code)) return { kind: 'lost', reason: `the connection was lost (${code})` };
    if (error instanceof Fault && error.code === 'EGRESS_REFUSED') throw error;
    return { kind: 'failed', reason: messageOf(error) };
  }
};
