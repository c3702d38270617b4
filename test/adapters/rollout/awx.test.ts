import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awxJobs } from '../../../adapters/rollout/awx.ts';

let server: Server;
let answer: [status: number, body: string];
/** Given before `answer`, one each. */
let answers: (typeof answer)[] = [];
let seen: { request: IncomingMessage; body: string };
let launchUrl: string;
const { ALLOWED_ORIGINS } = process.env;

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: 'awx token' });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen = { request, body };
      const [status, text] = answers.shift() ?? answer;
      response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  launchUrl = `${origin}/api/v2/job_templates/42/launch/`;
  process.env['ALLOWED_ORIGINS'] = origin;
});
afterAll(() => {
  if (ALLOWED_ORIGINS === undefined) delete process.env['ALLOWED_ORIGINS'];
  else process.env['ALLOWED_ORIGINS'] = ALLOWED_ORIGINS;
  server.close();
});

const digest = `sha256:${'a'.repeat(64)}`;
const variables = { request_id: 'PR-2026-0001', attempt: 1, artifact: 'payment-api', version: '1.1.0', digest, environment: 'prod' };
const job = () => ({ launchUrl, token: 'secret:greenlight/awx', timeoutSeconds: 60 });
const launch = () => awxJobs.launch(job(), variables);

it('launches the template with the request as extra variables, and answers the id of the job', async () => {
  answer = [201, '{"job": 5678, "ignored_fields": {}}'];
  expect(await launch()).toBe(5678);
  expect(seen.request).toMatchObject({
    method: 'POST',
    headers: { authorization: 'Bearer awx token', 'content-type': 'application/json' },
  });
  expect(JSON.parse(seen.body)).toEqual({ extra_vars: variables });
});

it.each([
  [[503, ''], 'UNAVAILABLE'],
  [[429, ''], 'UNAVAILABLE'],
  [[400, '{"variables_needed_to_start": []}'], 'JOB_FAILED'],
  [[403, '{"detail": "no"}'], 'JOB_FAILED'],
  [[302, '{"job": 1}'], 'JOB_FAILED'],
  [[201, 'hello'], 'JOB_FAILED'],
  [[201, '{"job": null}'], 'JOB_FAILED'],
  [[201, '{"job": "a b"}'], 'JOB_FAILED'],
] as [[number, string], string][])('%j is %s', async (given, code) => {
  answer = given;
  await expect(launch()).rejects.toMatchObject({ code });
});

it('finds what it has launched among the newest jobs of the template, without asking AWX to search variables', async () => {
  const of = (id: number, extra: object) => ({ id, extra_vars: JSON.stringify(extra) });
  const results = [of(9, { ...variables, attempt: 2 }), { id: 8, extra_vars: 'a: b' }, null, of(7, variables), of(6, variables)];
  answer = [200, JSON.stringify({ count: 5, results })];
  expect(await awxJobs.find(job(), variables)).toBe(7);
  expect(seen.request).toMatchObject({ method: 'GET', url: '/api/v2/job_templates/42/jobs/?order_by=-id&page_size=50' });
  expect(await awxJobs.find(job(), { ...variables, attempt: 3 })).toBeUndefined();
});

it('knows templates of workflows, and addresses behind a prefix', async () => {
  answer = [200, '{"results": []}'];
  const { origin } = new URL(launchUrl);
  const workflow = { ...job(), launchUrl: `${origin}/api/controller/v2/workflow_job_templates/7/launch/?x=1` };
  await awxJobs.find(workflow, variables);
  expect(seen.request.url).toMatch(/^\/api\/controller\/v2\/workflow_job_templates\/7\/workflow_jobs\/\?/);
  answer = [202, ''];
  expect(await awxJobs.cancel(workflow, 12)).toBe(true);
  expect(seen.request).toMatchObject({ method: 'POST', url: '/api/controller/v2/workflow_jobs/12/cancel/' });
});

it.each([
  [[503, ''], 'UNAVAILABLE'],
  [[401, '{}'], 'JOB_FAILED'],
  [[404, '{}'], 'JOB_FAILED'],
  [[200, '<html>'], 'JOB_FAILED'],
  [[200, '{"results": null}'], 'JOB_FAILED'],
] as [[number, string], string][])('%j to the search is %s: nothing is launched on a guess', async (given, code) => {
  answer = given;
  await expect(awxJobs.find(job(), variables)).rejects.toMatchObject({ code });
});

it('does not guess where the jobs of an address are that is none of AWX', async () => {
  const { origin } = new URL(launchUrl);
  const elsewhere = { ...job(), launchUrl: `${origin}/hooks/deploy` };
  await expect(awxJobs.find(elsewhere, variables)).rejects.toMatchObject({ code: 'JOB_FAILED' });
  await expect(awxJobs.cancel(elsewhere, 1)).rejects.toMatchObject({ code: 'JOB_FAILED' });
});

it.each([
  [202, true],
  [405, false],
  [404, false],
])('%i to a cancellation is %j', async (status, taken) => {
  answer = [status, '{}'];
  expect(await awxJobs.cancel(job(), 5678)).toBe(taken);
});

it.each([
  [202, 'and is cancelled'],
  [503, 'it may still run'],
])(
  'a job that the template launched without its variables is cancelled (AWX answers %i), and its launch has failed',
  async (status, words) => {
    const ignored = { job: 5678, ignored_fields: { extra_vars: variables } };
    answers = [
      [201, JSON.stringify(ignored)],
      [status, '{}'],
    ];
    await expect(launch()).rejects.toMatchObject({ code: 'JOB_FAILED', message: expect.stringContaining(words) });
    expect(seen.request.url).toBe('/api/v2/jobs/5678/cancel/');
    answer = [201, JSON.stringify({ job: 5679, ignored_fields: { limit: 'all' } })];
    expect(await launch()).toBe(5679);
  },
);
