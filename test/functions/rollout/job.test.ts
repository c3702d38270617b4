import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../../core/errors.ts';
import { signMessage } from '../../../core/gate/webhook-signature.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { RolloutWorld } from '../../../functions/rollout/rollout-world.ts';
import { expectDescribed } from '../described.ts';
import { createRequest, eventsOf, outcome } from '../requests.ts';
import { startWorld, type World } from '../world.ts';
import { effects } from '../write-surfaces.ts';

/** Seed 000: staging is deployed by a job of AWX, which is launched after the approval and calls back. */
const SECRET = 'callback secret';
const HOOK = '/v1/webhooks/awx/job-complete';
let world: World;
let rollout: RolloutWorld;
let id: string;
let launched: object[];
let now: number;
let count = 0;

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: SECRET });
  world = await startWorld((configuration) => {
    const job = { launchUrl: 'https://awx.example.com/api/v2/job_templates/42/launch/', timeoutSeconds: 600 };
    configuration.environments['staging']!.rollout = { strategy: 'job', weights: [100], bakeSeconds: 0, smoke: false, job };
    configuration.environments['staging']!.gates = [];
  });
}, 60_000);
afterAll(() => world.close());

beforeEach(async () => {
  // Its own artifact, so that the environment is free.
  id = await createRequest(world, 'dev', { target: { name: `service-${++count}` } });
  launched = [];
  now = Date.now();
  const { promotions, configuration } = world.state;
  rollout = {
    promotions,
    configuration,
    environments: world.state.environments,
    clock: { now: () => new Date(now) },
    launch: async (_job: unknown, variables: object) => {
      launched.push(variables);
      return 5678;
    },
  } as unknown as RolloutWorld;
  for (const phase of ['validating', 'approved', 'promoting'] as const) {
    const before = await head();
    const { to: environment, artifact } = before;
    const acquire = { kind: 'acquire' as const, environment, artifact, holder: `${id}-1`, fence: 1 };
    const begins = phase === 'promoting';
    await promotions.commit(
      engineChange(
        before,
        withPhase(before, phase, begins ? { fence: 1 } : {}),
        { type: 'promotion.waiting', action: phase },
        begins ? { environment: acquire } : {},
      ),
    );
  }
});

const head = async (): Promise<Promotion> => (await world.state.promotions.head(id))!;
async function rollOut() {
  const { rollOut: task } = await import('../../../functions/rollout/roll-out.task.ts');
  return task(rollout)({ task: 'roll-out', requestId: id, attempt: 1 });
}
const complete = (more: object = {}) => ({ job_id: 5678, status: 'successful', extra_vars: { request_id: id }, ...more });
function call(body: unknown, { secret = SECRET, at = 0, headers = {} }: { secret?: string; at?: number; headers?: object } = {}) {
  const text = JSON.stringify(body);
  const signed = signMessage(secret, `message-${++count}`, new Date(Date.now() + at * 1000), Buffer.from(text));
  return world.call('POST', HOOK, { body: text, headers: { ...signed, ...headers }, sourceIp: `203.0.113.${count % 250}` });
}

describe('a rollout by a job', () => {
  it('S000-CHK-B10: launches it once with what it needs, waits, and goes on when it has succeeded', async () => {
    expect(await rollOut()).toEqual({ next: 'bake', bakeSeconds: 600 });
    const { artifact, releaseVersion: version, digest } = await head();
    expect(launched).toEqual([{ request_id: id, attempt: 1, artifact, version, digest, environment: 'staging' }]);
    now += 60_000;
    expect(await rollOut()).toEqual({ next: 'bake', bakeSeconds: 540 });
    expect(launched).toHaveLength(1);
    expect((await call(complete())).json).toEqual({ accepted: true, repeated: false });
    expect(await rollOut()).toEqual({ next: 'finish' });
    const { json } = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' });
    expect(json.status.history.slice(-2)).toMatchObject([
      { action: 'job_launched', jobId: 'awx-job-5678' },
      { action: 'job_succeeded', jobId: 'awx-job-5678' },
    ]);
    expect(json.status.rollout.steps).toMatchObject([{ step: 'job', status: 'done' }]);
  });

  it.each(['failed', 'error', 'canceled'])(
    'S000-CHK-B11: one that ends as %s ends the promotion as failed, and says why',
    async (status) => {
      await rollOut();
      expect((await call(complete({ status, result_stdout: 'TASK [deploy]\u001b[31m fatal: no route to host' }))).status).toBe(200);
      expect(await rollOut()).toEqual({ next: 'failed' });
      const { json } = await world.call('GET', `/v1/requests/staging/${id}`, { as: 'dev' });
      expect(json.status).toMatchObject({ phase: 'failed', state: 'failed', failure: { code: 'JOB_FAILED' } });
      expect(json.status.history.slice(-2)).toMatchObject([
        { action: 'job_failed', jobId: 'awx-job-5678', error: 'TASK [deploy] [31m fatal: no route to host' },
        { action: 'failed', jobId: 'awx-job-5678' },
      ]);
    },
  );

  it('that calls back before its launch was answered is heard', async () => {
    rollout.launch = async () => {
      expect((await call(complete())).status).toBe(200);
      return 5678;
    };
    expect((await rollOut()).next).toBe('bake');
    expect(await rollOut()).toEqual({ next: 'finish' });
    expect((await head()).job).toMatchObject({ id: 'awx-job-5678', status: 'successful' });
  });

  it('that never calls back fails when its time is over', async () => {
    await rollOut();
    now += 600_000;
    expect(await rollOut()).toEqual({ next: 'failed' });
    expect((await head()).failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT', message: expect.stringContaining('may still run') });
  });

  it('that AWX refuses fails, and one that AWX cannot answer for is launched again', async () => {
    rollout.launch = vi.fn().mockRejectedValueOnce(new Fault('UNAVAILABLE', 'AWX answered 503')).mockResolvedValueOnce(5678);
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await rollOut()).next).toBe('bake');
    expect((await head()).job).toMatchObject({ id: 'awx-job-5678' });
  });

  it('that is aborted ends as failed: what the job has done is not known', async () => {
    await rollOut();
    const before = await head();
    const failure = { code: 'ABORTED', message: 'aborted by dev@example.com' };
    await world.state.promotions.commit(
      engineChange(before, withPhase(before, 'rolling_back', { failure }), { type: 'rollback.started', action: 'rolling_back' }),
    );
    const { rollBack } = await import('../../../functions/rollout/roll-back.task.ts');
    expect(await rollBack(rollout)({ task: 'roll-back', requestId: id, attempt: 1 })).toEqual({ next: 'failed' });
    expect((await head()).failure).toMatchObject({ code: 'ABORTED', message: expect.stringContaining('cancel it at AWX') });
  });
});

describe('its callback', () => {
  it.each([
    ['not signed', { headers: { 'webhook-signature': '' } }],
    ['signed with another secret', { secret: 'other' }],
    ['signed six minutes ago', { at: -360 }],
  ])('HOOK-01: %s is 401 and changes nothing', async (_how, signing) => {
    await rollOut();
    const before = await effects(world);
    expect(outcome(await call(complete(), signing))).toBe('401 BAD_SIGNATURE');
    expect(await effects(world)).toEqual(before);
  });

  it.each([
    ['of a request that does not exist', { extra_vars: { request_id: 'PR-2026-9999' } }],
    ['of a request with a strange name', { extra_vars: { request_id: '../HEAD' } }],
    ['of no request', { extra_vars: {} }],
    ['without variables', { extra_vars: undefined }],
  ])('%s is answered as one that is not signed', async (_what, more) => {
    expect(outcome(await call(complete(more)))).toBe('401 BAD_SIGNATURE');
  });

  it.each([
    ['a status in other letters', { status: 'Successful' }],
    ['no status', { status: undefined }],
    ['an unknown status', { status: 'ok' }],
    ['an unknown member', { force: true }],
    ['an unknown variable', { extra: { note: 'x' } }],
    ['no job', { job_id: undefined }],
    ['a job that is no id', { job_id: 'a b' }],
  ])('HOOK-05: with %s is 400, and never a success', async (_what, more) => {
    await rollOut();
    expect(outcome(await call(complete(more)))).toBe('400 INVALID_REQUEST');
    expect((await head()).job).not.toHaveProperty('status');
  });

  it('HOOK-04: comes too early, for another job, attempt or digest, or too late: 409, with a line each, and nothing changes', async () => {
    const late = async (more: object = {}) => expect(outcome(await call(complete(more)))).toBe('409 STATE_CONFLICT');
    await late();
    await rollOut();
    await late({ job_id: 1 });
    await late({ extra_vars: { request_id: id, attempt: 2 } });
    await late({ extra_vars: { request_id: id, digest: `sha256:${'0'.repeat(64)}` } });
    expect((await head()).job).not.toHaveProperty('status');
    await call(complete());
    await late({ status: 'failed' });
    expect((await head()).job).toMatchObject({ status: 'successful' });
    expect(await eventsOf(world, id, 'gate.refused')).toBe(5);
  });

  it('that is repeated has no second effect', async () => {
    await rollOut();
    const body = complete();
    await call(body);
    const before = await eventsOf(world, id, 'rollout.step');
    expect((await call(body)).json).toEqual({ accepted: true, repeated: true });
    expect(await eventsOf(world, id, 'rollout.step')).toBe(before);
  });

  it('answers nothing that its OpenAPI document does not describe', () => expectDescribed(world));
});
