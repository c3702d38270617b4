import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signMessage } from '../../../core/gate/webhook-signature.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { RolloutWorld } from '../../../functions/rollout/rollout-world.ts';
import { expectDescribed } from '../described.ts';
import { createRequest, eventsOf, outcome } from '../requests.ts';
import { startWorld, type World } from '../world.ts';
import { effects } from '../write-surfaces.ts';
import { type FakeAwx, startAwx } from './fake-awx.ts';

/** Seed 000: staging is deployed by a job of AWX, which is launched after the approval and calls back. */
const SECRET = 'callback secret';
const HOOK = '/v1/webhooks/awx/job-complete';
let world: World;
let rollout: RolloutWorld;
let id: string;
let awx: FakeAwx;
let now: number;
let count = 0;

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: SECRET });
  awx = await startAwx();
  world = await startWorld((configuration) => {
    const job = { launchUrl: awx.launchUrl, token: 'secret:greenlight/awx', timeoutSeconds: 600 };
    configuration.environments['staging']!.rollout = { strategy: 'job', weights: [100], bakeSeconds: 0, smoke: false, job };
    configuration.environments['staging']!.gates = [];
  });
  process.env['ALLOWED_ORIGINS'] += `,${awx.origin}`;
});
afterAll(async () => {
  await awx.close();
  await world.close();
});

beforeEach(async () => {
  // Its own artifact, so that the environment is free.
  id = await createRequest(world, 'dev', { target: { name: `service-${++count}` } });
  Object.assign(awx, { jobs: [], calls: [], loseAnswer: false, refuse: {} });
  now = Date.now();
  const { promotions, configuration } = world.state;
  rollout = {
    promotions,
    configuration,
    environments: world.state.environments,
    clock: { now: () => new Date(now) },
    jobs: async () => (await import('../../../adapters/rollout/awx.ts')).awxJobs,
    stopwatch: { nowMs: () => now, sleep: async () => undefined },
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

const launched = (): object[] => awx.jobs.map(({ extra_vars }) => JSON.parse(extra_vars));
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
    expect(launched()).toEqual([{ request_id: id, attempt: 1, artifact, version, digest, environment: 'staging' }]);
    expect(awx.calls, 'nobody looks for what was never launched').toEqual(['POST /api/v2/job_templates/42/launch/']);
    expect([...awx.tokens]).toEqual([`Bearer ${SECRET}`]);
    now += 60_000;
    expect(await rollOut()).toEqual({ next: 'bake', bakeSeconds: 540 });
    expect(launched()).toHaveLength(1);
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
    awx.loseAnswer = true;
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await call(complete())).status).toBe(200);
    expect(await rollOut()).toEqual({ next: 'finish' });
    expect((await head()).job).toMatchObject({ id: 'awx-job-5678', status: 'successful' });
    expect(awx.jobs).toHaveLength(1);
  });

  it('that AWX refuses fails, and one that AWX cannot answer for is launched again', async () => {
    awx.refuse = { '/launch/': 503 };
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    awx.refuse = {};
    expect((await rollOut()).next).toBe('bake');
    expect((await head()).job).toMatchObject({ id: 'awx-job-5678' });
  });
});

describe('a job that was launched, and whose launch was not recorded', () => {
  it.each([
    ['because the answer was lost', () => Object.assign(awx, { loseAnswer: true }), 'UNAVAILABLE'],
    ['because the process died before it could', () => dieAtNextRecord(), 'Killed'],
  ])('%s, is found again and not launched twice', async (_why, breaks, error) => {
    breaks();
    await expect(rollOut()).rejects.toSatisfy((thrown: Error & { code?: string }) => [thrown.message, thrown.code].includes(error));
    expect(awx.jobs).toHaveLength(1);
    // Others launch the template too, with variables of their own or none, and for other attempts.
    const { artifact } = await head();
    for (const variables of [{ request_id: id, attempt: 2 }, { request_id: 'PR-2026-9999', attempt: 1 }, { artifact }, {}])
      awx.launch(variables);
    awx.jobs.push({ id: 1, extra_vars: '--- not: [json', status: 'running' });
    expect((await rollOut()).next).toBe('bake');
    expect((await head()).job).toMatchObject({ id: 'awx-job-5678' });
    expect(awx.calls.filter((each) => each.includes('/launch/'))).toHaveLength(1);
    expect((await call(complete())).status).toBe(200);
    expect(await rollOut()).toEqual({ next: 'finish' });
  });

  it('is not launched again where AWX does not say what it has launched', async () => {
    awx.loseAnswer = true;
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    awx.refuse = { '/jobs/': 503 };
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    awx.refuse = { '/jobs/': 403 };
    expect(await rollOut()).toEqual({ next: 'failed' });
    expect((await head()).failure).toMatchObject({ code: 'JOB_FAILED', message: expect.stringContaining('nobody knows whether') });
    expect(awx.jobs).toHaveLength(1);
  });
});

describe('a job that is not wanted any more', () => {
  const abort = async () => {
    const before = await head();
    const failure = { code: 'ABORTED', message: 'aborted by dev@example.com' };
    await world.state.promotions.commit(
      engineChange(before, withPhase(before, 'rolling_back', { failure }), { type: 'rollback.started', action: 'rolling_back' }),
    );
    const { rollBack } = await import('../../../functions/rollout/roll-back.task.ts');
    expect(await rollBack(rollout)({ task: 'roll-back', requestId: id, attempt: 1 })).toEqual({ next: 'failed' });
    const { failure: end, phase } = await head();
    expect({ phase, code: end!.code }).toEqual({ phase: 'failed', code: 'ABORTED' });
    return end!.message;
  };

  it('because its promotion was aborted is cancelled: what it has done is not known', async () => {
    await rollOut();
    expect(await abort()).toContain('AWX cancels awx-job-5678');
    expect(awx.jobs).toMatchObject([{ id: 5678, status: 'canceled' }]);
    // Its last word comes late, and moves nothing.
    expect(outcome(await call(complete({ status: 'canceled' })))).toBe('409 STATE_CONFLICT');
  });

  it('is cancelled too where its launch was never recorded', async () => {
    awx.loseAnswer = true;
    await expect(rollOut()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await abort()).toContain('AWX cancels awx-job-5678');
    expect(awx.jobs).toMatchObject([{ status: 'canceled' }]);
  });

  it.each([
    ['was over already', () => Object.assign(awx.jobs[0]!, { status: 'successful' }), 'awx-job-5678 was over already'],
    ['AWX has forgotten', () => awx.jobs.splice(0), 'awx-job-5678 was over already'],
    ['AWX does not cancel', () => Object.assign(awx, { refuse: { '/cancel/': 403 } }), 'awx-job-5678 may still run'],
    ['AWX cannot cancel now', () => Object.assign(awx, { refuse: { '/cancel/': 503 } }), 'cancel it at AWX'],
  ])('and that %s keeps nobody from the end', async (_how, make, words) => {
    await rollOut();
    make();
    expect(await abort()).toContain(words);
  });

  it('is asked for a few times where AWX is away for a moment', async () => {
    await rollOut();
    awx.refuse = { '/cancel/': 503 };
    rollout.stopwatch.sleep = async () => {
      awx.refuse = {};
    };
    expect(await abort()).toContain('AWX cancels awx-job-5678');
  });

  it('was never launched when the abort came before it', async () => {
    expect(await abort()).toContain('no job was launched');
    expect(awx.calls).toEqual([]);
  });

  it('because it never called back fails when its time is over, and is cancelled', async () => {
    await rollOut();
    now += 600_000;
    expect(await rollOut()).toEqual({ next: 'failed' });
    expect((await head()).failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT', message: expect.stringContaining('AWX cancels awx-job-5678') });
    expect(awx.jobs).toMatchObject([{ status: 'canceled' }]);
  });
});

/** The process dies when it would record that the job was launched. */
function dieAtNextRecord(): void {
  const { promotions } = rollout;
  let died = false;
  rollout.promotions = {
    ...promotions,
    commit: async (change) => {
      if (change.event.data['status'] !== 'launched' || died) return promotions.commit(change);
      died = true;
      throw new Error('Killed');
    },
  };
}

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
