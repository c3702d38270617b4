import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchJob } from '../../../adapters/rollout/awx.ts';

let server: Server;
let answer: [status: number, body: string];
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
      response.writeHead(answer[0]).end(answer[1]);
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
const launch = () => launchJob({ launchUrl, token: 'secret:greenlight/awx', timeoutSeconds: 60 }, variables);

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
