/** The way back on request, end to end: forward twice, back, what is shown, and the rollback of the rollback. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import { greenlight } from '../cli/command-line.ts';
import { synthesize } from './assembly.ts';
import { readSealedLog } from './audit-log.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, expectProblem, idOf, type PushedImage, pending, push, reach, toStaging, unwatched, WORKLOAD } from './requests.ts';

let cloud: FlowCloud;
let good: PushedImage;
let bad: PushedImage;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  good = await toProd('1.2.2');
  bad = await toProd('1.2.3');
});
afterAll(() => cloud?.stop());

async function toProd(version: string): Promise<PushedImage> {
  const image = await push(cloud, version, 'true');
  await toStaging(cloud, version);
  const path = await pending(cloud, 'prod', version);
  await approve(cloud, path, 'lead', 'security');
  await reach(cloud, path, 'succeeded');
  return image;
}

async function place(environment = 'prod'): Promise<Answer['body']> {
  const { artifacts } = (await cloud.api('GET', `/v1/environments/${environment}`, { as: 'cpi' })).body;
  return artifacts.find(({ artifact }: { artifact: string }) => artifact === WORKLOAD);
}

/** The request of `cpi`, whom alone `dev` does not see, once it is in that phase. */
function reached(path: string, phase: string): Promise<Answer['body']> {
  return cloud.until(`${path}: ${phase}`, async () => {
    const { body } = await cloud.api('GET', path, { as: 'cpi' });
    if (['failed', 'blocked', 'rolled_back'].includes(body.status.phase) && body.status.phase !== phase)
      expect.fail(JSON.stringify(body.status, null, 1));
    return body.status.phase === phase ? body : undefined;
  });
}

const REASON = 'Payments fail since the release';
const post = (path: string, more: object = {}, as = 'cpi') =>
  cloud.api('POST', `/v1/environments/prod/${path}`, { as, body: { artifact: WORKLOAD, to: '1.2.2', reason: REASON, ...more } });

async function tagOf(tag: string): Promise<string | null> {
  const answer = await fetch(`http://${cloud.endpoints.registries.prod}/v2/${WORKLOAD}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' },
  });
  return answer.headers.get('docker-content-digest');
}

let id: string;

describe('a rollback of prod', () => {
  it('is previewed with what it would do and what it cannot know', async () => {
    const before = unwatched(await place());
    const { status, body } = await post('rollback/preview');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      current: { version: '1.2.3', digest: bad.digest },
      target: { version: '1.2.2', digest: good.digest },
      steps: ['verifying_copy', 'canary:100', 'smoke'],
      rollbackTarget: bad.digest,
      impact: { risk: { level: 'LOW' }, downtime: { measuredRollouts: 2 } },
      confirm: null,
    });
    expect(body.gates.map(({ name, status: result }: { name: string; status: string }) => [name, result])).toEqual([
      ['policy', 'passed'],
      ['signature', 'passed'],
    ]);
    expect(unwatched(await place())).toEqual(before);
  });

  it('is refused to who may not, and for what never ran there', async () => {
    expectProblem(await post('rollback', {}, 'dev'), 403, 'FORBIDDEN');
    expectProblem(await post('rollback', {}, 'outsider'), 404, 'NOT_FOUND');
    expectProblem(await post('rollback', { to: '9.9.9' }), 409, 'EVIDENCE_MISMATCH');
    expectProblem(await post('rollback', { to: '1.2.3' }), 409, 'STATE_CONFLICT');
  });

  it('asks, runs its gates and smoke checks, and brings the version back', async () => {
    const created = await post('rollback', { from: '1.2.3' });
    expect(created.status, created.text).toBe(201);
    const path = created.headers.get('location')!;
    id = idOf(path);
    await reached(path, 'pending_approval');
    expect((await cloud.link('lead', id)).length).toBeGreaterThan(20);
    await approve(cloud, path, 'lead', 'security');
    const end = await reached(path, 'succeeded');
    expect(end.status.history.map(({ action }: { action: string }) => action)).toEqual([
      ...['created', 'validating', 'gate_passed', 'gate_passed', 'approval_requested', 'approved', 'approved', 'promoting'],
      ...['copied', 'copy_verified', 'rollout_step', 'rollout_step', 'rolled_back'],
    ]);
    await checkWorkload(cloud.endpoints, 'prod', good.digest, '1.2.2');
  });

  it('moves latest-prod, writes no tag, and holds what it took back', async () => {
    expect([await tagOf('latest-prod'), await tagOf('1.2.2-prod'), await tagOf('1.2.3-prod')]).toEqual([
      good.digest,
      good.digest,
      bad.digest,
    ]);
    const { items } = (await cloud.api('GET', `/v1/requests/prod/${id}/timeline`, { as: 'cpi' })).body;
    expect(items.some(({ action }: { action: string }) => action === 'tagged')).toBe(false);
    const prod = await place();
    const rolledBack = { version: '1.2.3', digest: bad.digest, requestId: id };
    expect(prod).toMatchObject({
      ...{ current: { version: '1.2.2', requestId: id }, previous: { version: '1.2.3' }, health: 'healthy', flags: { locked: false } },
      rolledBack,
      held: [rolledBack],
    });
    expect(prod.history[0]).toMatchObject({ version: '1.2.2', outcome: 'succeeded', kind: 'rollback', replaced: '1.2.3', requestId: id });
    expect(prod.history[0].seconds).toBeGreaterThanOrEqual(0);
    const again = await cloud.api('POST', '/v1/requests/prod/preview', {
      as: 'dev',
      body: {
        target: { type: 'api', name: WORKLOAD, version: '1.2.3' },
        request: { justification: 'Once more, because it was right', releaseNotes: 'none', impactAssessment: 'low', rollbackPlan: 'back' },
        preChecks: {
          stagingTestsPassed: true,
          securityScanPassed: true,
          performanceTestsPassed: true,
          testEvidenceUrl: 'https://a.example',
        },
      },
    });
    expect(again.body.warnings.join()).toContain('1.2.3 was rolled back from prod');
  });

  it('is told as a rollback, to who asked and who approved', async () => {
    const told = (headline: string) =>
      cloud.until(`the mail "${headline}"`, async () => {
        const mine = (await cloud.mails()).filter(({ subject }) => subject.startsWith(`[${id}] ${headline}`));
        return mine.length >= 3 ? mine : undefined;
      });
    for (const headline of ['Rollback started', 'Rolled back']) {
      const mails = await told(headline);
      expect(mails.flatMap(({ to }) => to).sort()).toEqual(['cpi@example.com', 'lead@example.com', 'security@example.com']);
      expect(mails[0]!.subject).toContain(`${WORKLOAD}: prod back to 1.2.2`);
    }
  });

  it('CAN-12 can itself be rolled back, with a confirmation, and each has its line in the history', async () => {
    expectProblem(await post('rollback', { to: '1.2.3' }), 409, 'CONFIRM_IMPACT');
    const created = await post('rollback', { to: '1.2.3', confirm: true });
    expect(created.status, created.text).toBe(201);
    const path = created.headers.get('location')!;
    await reached(path, 'pending_approval');
    await approve(cloud, path, 'lead', 'security');
    await reached(path, 'succeeded');
    await checkWorkload(cloud.endpoints, 'prod', bad.digest, '1.2.3');
    const prod = await place();
    expect(prod).toMatchObject({ current: { version: '1.2.3' }, rolledBack: { version: '1.2.2' }, held: [{ version: '1.2.2' }] });
    expect(prod.history.slice(0, 4).map(({ version, kind }: { version: string; kind?: string }) => [version, kind])).toEqual([
      ['1.2.3', 'rollback'],
      ['1.2.2', 'rollback'],
      ['1.2.3', undefined],
      ['1.2.2', undefined],
    ]);
  });

  it('is done from the command line as seed 001 writes it', async () => {
    const run = async (as: string, ...words: string[]) => {
      const env = { GREENLIGHT_API: cloud.endpoints.api, GREENLIGHT_TOKEN: await cloud.token(as) };
      return greenlight(['platform', ...words, '--artifact', WORKLOAD], { env });
    };
    const words = ['rollback', 'v1.2.3-prod', '--to=v1.2.2'];
    const shown = await run('cpi', ...words, '--analyze-impact');
    expect(shown).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Rollback from 1.2.3-prod to 1.2.2-prod') });
    expect(shown.stdout).toContain('Rollback Risk: HIGH');
    expect(await run('cpi', ...words)).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('CONFIRM_IMPACT') });
    expect(await run('dev', ...words, '--yes')).toMatchObject({ exitCode: 3 });
    const asked = await run('cpi', ...words, '--yes');
    expect(asked.exitCode, asked.stderr).toBe(0);
    expect(asked.stdout).toContain('Approval request sent to: lead@example.com, security@example.com');
    expect(await run('cpi', ...words, '--approve')).toMatchObject({ exitCode: 3 });
    expect(await run('lead', ...words, '--approve')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('security@example.com'),
    });
    const done = await run('security', ...words, '--approve');
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stdout).toMatch(/Approval verified\n.*Rolling back\.\.\.\n.*✓ Rolled back to payment-api:1\.2\.2/s);
    const { stdout } = await run('cpi', 'status', 'prod');
    expect(stdout).toContain('Current: 1.2.2 (rolled back from 1.2.3)');
    expect(stdout).toMatch(/Previous: 1\.2\.3 \(failed, rolled back \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)/);
  });

  it('rests on a connection that an administrator can test, by the role that rolls out', async () => {
    const check = async (as: string) =>
      greenlight(['cluster', 'check', 'prod', '--json'], {
        env: { GREENLIGHT_API: cloud.endpoints.api, GREENLIGHT_TOKEN: await cloud.token(as) },
      });
    const { exitCode, stdout } = await check('admin');
    const [report] = JSON.parse(stdout).items;
    expect(report.checks.filter(({ status }: { status: string }) => status !== 'passed')).toEqual([]);
    expect(report).toMatchObject({ outcome: 'passed', cluster: 'demo', namespace: 'prod', version: expect.stringMatching(/^v1\./) });
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/k8s-aws-v1|X-Amz-|BEGIN/);
    expect(await check('cpi')).toMatchObject({ exitCode: 3 });
  });

  it('CAN-11 is refused when the registry has lost the version', async () => {
    await cloud.fault({ service: 'registry', status: 404, rate: 1 });
    const refused = await post('rollback', { to: '1.2.3' });
    await cloud.clearFaults();
    expectProblem(refused, 422, 'VERSION_REFUSED');
    expect(refused.body.detail).toContain('registry prod');
  });
});

it('leaves a log that verifies, in which every rollback begins and ends', async () => {
  const log = await readSealedLog(cloud);
  expect(log.exitCode, log.said).toBe(0);
  for (const type of ['rollback.started', 'rollback.finished']) expect(log.lines.filter((line) => line.type === type)).toHaveLength(3);
  expect(await expectDescribed(cloud)).toBeGreaterThan(20);
  expect((await cloud.calls()).filter(({ decision }) => decision !== 'allowed')).toEqual([]);
});
