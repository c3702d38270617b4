/**
 * Jobs of AWX by its API, version 2: `POST …/job_templates/{id}/launch/` with the request as extra variables, the jobs of that template, newest first,
 * and `POST …/jobs/{id}/cancel/`. A template of workflows does as well.
 */
import type { JobConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import type { JobVariables } from '../../core/rollout/job.ts';
import type { JobService } from '../../core/rollout/ports.ts';
import { egress } from '../egress.ts';
import { resolveReference } from '../references.ts';

const DEADLINE_MS = 20_000;
/** Jobs that are looked at: what was launched a moment ago is among the newest. */
const NEWEST = 50;
/** A job is about 8 kB. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Without these a job cannot do what it was launched for. */
const SENT: ReadonlySet<string> = new Set<keyof JobVariables>(['request_id', 'digest']);
/** Base, kind and template of an address to launch at. */
const LAUNCH = /^(.*\/)(job|workflow_job)_templates\/([^/]+)\/launch\/?$/;

/** Faults: UNAVAILABLE (no answer, 429, 5xx), JOB_FAILED (whatever else AWX says: the template, the token or the variables are refused). */
export const awxJobs: JobService = {
  async launch(job, variables) {
    const { status, body } = await send(job, 'POST', await addressOf(job), { extra_vars: variables });
    const id = idOf(body);
    if (status < 200 || status > 299 || id === undefined) {
      throw new Fault('JOB_FAILED', `AWX did not launch the job: it answered ${status}`, {
        hint: 'its address must end with /launch/, its token may execute the template, and the template must prompt for variables',
      });
    }
    await refuseIgnorant(job, id, body);
    return id;
  },

  // AWX refuses to filter by variables, so they are compared here.
  async find(job, variables) {
    const { base, kind, template } = await partsOf(job);
    const { status, body } = await send(job, 'GET', `${base}${kind}_templates/${template}/${kind}s/?order_by=-id&page_size=${NEWEST}`);
    const jobs = status === 200 ? (parsed(body) as { results?: unknown } | undefined)?.results : undefined;
    if (!Array.isArray(jobs)) throw unknown(`AWX answered ${status} when it was asked for the jobs of the template`);
    return jobs.map(jobOf).find((each) => each?.request_id === variables.request_id && each.attempt === variables.attempt)?.id;
  },

  async cancel(job, id) {
    const { base, kind } = await partsOf(job);
    const { status } = await send(job, 'POST', `${base}${kind}s/${encodeURIComponent(id)}/cancel/`, {});
    // 405: it cannot be cancelled any more. 404: AWX has forgotten it.
    if (status === 405 || status === 404) return false;
    if (status < 200 || status > 299) throw new Fault('JOB_FAILED', `AWX answered ${status}`);
    return true;
  },
};

/** A template that does not prompt for variables runs a job that knows nothing of what it is to deploy, and nobody would hear of its end. */
async function refuseIgnorant(job: JobConfiguration, id: string | number, body: string): Promise<void> {
  const { ignored_fields: ignored } = parsed(body) as { ignored_fields?: { extra_vars?: unknown } };
  const names = typeof ignored?.extra_vars === 'object' && ignored.extra_vars !== null ? Object.keys(ignored.extra_vars) : [];
  if (!names.some((name) => SENT.has(name))) return;
  const stopped = await awxJobs.cancel(job, id).catch(() => false);
  throw new Fault('JOB_FAILED', `job ${id} was launched without its variables${stopped ? ' and is cancelled' : '; it may still run'}`, {
    hint: 'let the template prompt for variables on launch',
  });
}

async function addressOf({ launchUrl }: JobConfiguration): Promise<string> {
  return /^(ssm|secret):/.test(launchUrl) ? resolveReference(launchUrl) : launchUrl;
}

async function partsOf(job: JobConfiguration): Promise<{ base: string; kind: string; template: string }> {
  const { origin, pathname } = new URL(await addressOf(job));
  const [, base, kind, template] = LAUNCH.exec(origin + pathname) ?? [];
  if (base === undefined || kind === undefined || template === undefined) throw unknown('its address is none of a template of AWX');
  return { base, kind, template };
}

/** To launch it then would be to launch it twice, perhaps. */
function unknown(why: string): Fault {
  return new Fault('JOB_FAILED', `nobody knows whether the job was launched: ${why}`, {
    hint: 'look at AWX; its token must be able to read the jobs of the template, whose address ends with /job_templates/ID/launch/',
  });
}

async function send(
  { token }: JobConfiguration,
  method: 'GET' | 'POST',
  url: string,
  body?: object,
): Promise<{ status: number; body: string }> {
  const answer = await egress.request({
    method,
    url,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${await resolveReference(token)}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    deadlineMs: DEADLINE_MS,
    maxBytes: MAX_BYTES,
  });
  if (answer.status === 429 || answer.status >= 500) throw new Fault('UNAVAILABLE', `AWX answered ${answer.status}`);
  return { status: answer.status, body: answer.body.toString('utf8') };
}

/** Undefined for what is no job of ours: anybody may launch a template, with any variables. */
function jobOf(job: unknown): (Partial<JobVariables> & { id: string | number }) | undefined {
  const { id, extra_vars: variables } = (job ?? {}) as { id?: unknown; extra_vars?: unknown };
  if (typeof id !== 'number' || typeof variables !== 'string') return undefined;
  const { request_id, attempt } = (parsed(variables) ?? {}) as Partial<JobVariables>;
  return { id, ...(request_id === undefined ? {} : { request_id }), ...(attempt === undefined ? {} : { attempt }) };
}

function idOf(text: string): string | number | undefined {
  const { job, id } = (parsed(text) ?? {}) as { job?: unknown; id?: unknown };
  const found = job ?? id;
  return typeof found === 'number' || (typeof found === 'string' && /^[\w.-]{1,64}$/.test(found)) ? found : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
