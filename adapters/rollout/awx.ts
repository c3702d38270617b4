/** Launches a job template of AWX: `POST …/job_templates/{id}/launch/` with the request as extra variables. */
import { Fault } from '../../core/errors.ts';
import type { LaunchJob } from '../../core/rollout/ports.ts';
import { egress } from '../egress.ts';
import { resolveReference } from '../references.ts';

const DEADLINE_MS = 20_000;

/** Faults: UNAVAILABLE (no answer, 429, 5xx), JOB_FAILED (whatever else AWX says: the template, the token or the variables are refused). */
export const launchJob: LaunchJob = async ({ launchUrl, token }, variables) => {
  const url = /^(ssm|secret):/.test(launchUrl) ? await resolveReference(launchUrl) : launchUrl;
  const answer = await egress.request({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${await resolveReference(token)}` }),
    },
    body: JSON.stringify({ extra_vars: variables }),
    deadlineMs: DEADLINE_MS,
  });
  if (answer.status === 429 || answer.status >= 500) throw new Fault('UNAVAILABLE', `AWX answered ${answer.status}`);
  const id = idOf(answer.body.toString('utf8'));
  if (answer.status < 200 || answer.status > 299 || id === undefined) {
    throw new Fault('JOB_FAILED', `AWX did not launch the job: it answered ${answer.status}`, {
      hint: 'its address must end with /launch/, its token may execute the template, and the template must prompt for variables',
    });
  }
  return id;
};

function idOf(text: string): string | number | undefined {
  try {
    const { job, id } = JSON.parse(text) as { job?: unknown; id?: unknown };
    const found = job ?? id;
    return typeof found === 'number' || (typeof found === 'string' && /^[\w.-]{1,64}$/.test(found)) ? found : undefined;
  } catch {
    return undefined;
  }
}
