import { afterEach, describe, expect, it } from 'vitest';
import { requestBodySchema } from '../../core/promotion/request-body.ts';
import { ENVIRONMENTS, greenlight, requestOf, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

/** Answers what is in the script; the last answer of a request repeats. */
async function script(answers: Record<string, unknown[]>): Promise<ScriptedApi> {
  const left = new Map(Object.entries(answers).map(([request, list]) => [request, [...list]]));
  api = await scriptApi((request) => {
    const key = [...left.keys()].find((each) => request === each || request.startsWith(`${each}?`));
    const list = key === undefined ? undefined : left.get(key)!;
    if (!list) return undefined;
    const body = list.length > 1 ? list.shift() : list[0];
    const problem = body as { status?: unknown; problem?: object };
    return problem.problem ? { status: problem.status as number, body: problem.problem } : { body };
  });
  return api;
}

const NOTHING_OPEN = { 'GET /v1/environments': [ENVIRONMENTS], 'GET /v1/requests/prod': [{ items: [] }] };
const passed = { name: 'policy', type: 'policy', status: 'passed', message: 'all hold', resolution: '' };
const failed = { name: 'signature', type: 'signature', status: 'failed', message: 'no signature', resolution: 'sign it' };
const approvals = {
  required: true,
  stages: [{ name: 'approval', status: 'pending', rules: [{ team: 'security', min: 1, given: [], eligible: ['sam@example.com'] }] }],
};
const promote = (...words: string[]) => greenlight(['promote', ...words, '--artifact', 'payment-api'], { env: api!.env });
const created = () => api!.received.find(({ method, path }) => method === 'POST' && path === '/v1/requests/prod');

describe('promote', () => {
  it.each([
    [['1.1.0', 'prod'], undefined],
    [['1.1.0', 'staging', 'to', 'prod'], 'staging'],
    [['1.1.0', 'staging', '→', 'prod'], 'staging'],
    [['1.1.0', 'staging', '->', 'prod'], 'staging'],
  ])('reads %j', async (words, sourceEnvironment) => {
    await script({ ...NOTHING_OPEN, 'POST /v1/requests/prod': [requestOf('pending_approval')] });
    expect((await promote(...words)).exitCode).toBe(0);
    const body = requestBodySchema.parse(created()!.body);
    expect(body.target).toMatchObject({ version: '1.1.0', targetEnvironment: 'prod' });
    expect(body.target.sourceEnvironment).toBe(sourceEnvironment);
    expect(body.request.justification).toContain('payment-api 1.1.0');
    expect(created()!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('skips a canary of somebody else’s request only, and says what reason it lacks', async () => {
    const open = requestOf('pending_approval');
    const path = `/v1/requests/prod/${open.metadata.id}`;
    await script({
      'GET /v1/environments': [ENVIRONMENTS],
      'GET /v1/requests/prod': [{ items: [open] }],
      [`GET ${path}`]: [open],
      [`POST ${path}/break-glass`]: [open],
    });
    const reason = 'INCIDENT 4711: every payment fails';
    const lacking = await promote('1.1.0', 'prod', '--skip-canary');
    expect([lacking.exitCode, lacking.stderr]).toEqual([2, expect.stringContaining('--skip-canary --reason')]);
    const { exitCode, stdout } = await promote('1.1.0', 'prod', '--skip-canary', '--reason', reason);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Canary skipped')]);
    const waived = api!.received.find(({ method, path: sent }) => method === 'POST' && sent.endsWith('/break-glass'));
    expect(waived!.body).toEqual({ gate: 'skip_canary', reason });
    await api!.close();
    await script(NOTHING_OPEN);
    const none = await promote('1.1.0', 'prod', '--skip-canary', '--reason', reason);
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('let somebody else request it first')]);
    expect(created()).toBeUndefined();
  });

  it('claims nothing that nobody claimed, and sends what was given', async () => {
    await script({ ...NOTHING_OPEN, 'POST /v1/requests/prod': [requestOf('pending_approval')] });
    await promote(
      '1.1.0',
      'prod',
      '--staging-tests-passed',
      '--impact',
      'high',
      '--justification',
      'the customers wait for this fix',
      '--to-registries',
      'a,b',
    );
    const body = requestBodySchema.parse(created()!.body);
    expect(body.preChecks).toMatchObject({ stagingTestsPassed: true, securityScanPassed: false, performanceTestsPassed: false });
    expect(body.request).toMatchObject({ impactAssessment: 'high', justification: 'the customers wait for this fix' });
    expect(body.registries).toEqual(['a', 'b']);
  });

  it('CLI-02 takes versions literally', async () => {
    await script({ ...NOTHING_OPEN, 'POST /v1/requests/prod': [{ status: 400, problem: { code: 'INVALID_REF', detail: 'no version' } }] });
    expect((await promote('1.0; $(rm -rf "/")', 'prod')).exitCode).toBe(2);
    expect((created()!.body as { target: { version: string } }).target.version).toBe('1.0; $(rm -rf "/")');
  });

  it('shows gates as they settle, and who is asked, and does not wait for them', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('requested')],
      'GET /v1/requests/prod/PR-2026-0001': [
        requestOf('validating', { gates: [{ ...passed, status: 'running' }] }),
        requestOf('pending_approval', { gates: [passed], approvals, expiresAt: '2026-01-08T00:00:00.000Z' }),
      ],
    });
    const { exitCode, stdout } = await promote('1.1.0', 'prod', '--request-approval');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      'Validating...\n  ✓ policy: all hold\nApproval request sent to:\n  - security (1 of sam@example.com)\nRequest ID: PR-2026-0001\nExpires: 2026-01-08 00:00:00Z\n',
    );
  });

  it('ends with 1 where a gate failed, and says what to do', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('requested')],
      'GET /v1/requests/prod/PR-2026-0001': [requestOf('blocked', { gates: [passed, failed] })],
    });
    const { exitCode, stdout, stderr } = await promote('1.1.0', 'prod');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      '  ✗ signature (failed)\n    Failure: no signature\n    Resolution: sign it\nPromotion blocked: 1 gate failed\n',
    );
    expect(stderr).toContain('greenlight promote 1.1.0 prod --artifact payment-api --wait');
  });

  it('waits through approval and rollout with --wait', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('pending_approval', { approvals })],
      'GET /v1/requests/prod/PR-2026-0001': [
        requestOf('pending_approval', { approvals }),
        requestOf('promoting', { step: 'canary:10', gates: [passed] }),
        requestOf('succeeded', { gates: [passed] }),
      ],
    });
    const { exitCode, stdout, stderr } = await promote('1.1.0', 'prod', '--wait');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Promoting to prod\.\.\.\n {2}✓ Promoted to prod\n$/);
    expect(stderr).toContain('canary:10');
  });

  it.each(['rolled_back', 'failed', 'rejected', 'expired', 'cancelled'])('ends with 1 when it is %s', async (phase) => {
    const end = requestOf(phase, { failure: { code: 'SMOKE_FAILED', message: 'health answered 500' } });
    await script({ ...NOTHING_OPEN, 'POST /v1/requests/prod': [end] });
    expect((await promote('1.1.0', 'prod', '--wait', '--json')).exitCode).toBe(1);
    expect((await promote('1.1.0', 'prod', '--wait')).stdout).toContain('✗');
  });

  it('ends with 5 when its time is over, and says how to go on', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('pending_approval')],
      'GET /v1/requests/prod/PR-2026-0001': [requestOf('pending_approval')],
    });
    const { exitCode, stderr } = await promote('1.1.0', 'prod', '--wait', '--timeout', '1s');
    expect(exitCode).toBe(5);
    expect(stderr).toContain('greenlight promote 1.1.0 prod --artifact payment-api --wait');
  });

  it('CLI-06 ends with 130 after Ctrl-C, and says that the promotion goes on', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('pending_approval')],
      'GET /v1/requests/prod/PR-2026-0001': [requestOf('pending_approval')],
    });
    const stop = new AbortController();
    const running = greenlight(['promote', '1.1.0', 'prod', '--wait', '--artifact', 'payment-api'], {
      env: api!.env,
      interrupted: stop.signal,
    });
    while (!api!.received.some(({ path }) => path.endsWith('PR-2026-0001'))) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    expect(await running).toMatchObject({ exitCode: 130, stderr: expect.stringMatching(/goes on[\s\S]*promote 1\.1\.0 prod/) });
  });

  it('goes on while the server restarts', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [requestOf('promoting')],
      'GET /v1/requests/prod/PR-2026-0001': [{ status: 503, problem: { code: 'UNAVAILABLE', detail: 'away' } }, requestOf('succeeded')],
    });
    expect((await promote('1.1.0', 'prod', '--wait')).exitCode).toBe(0);
  });

  it('CLI-06 continues the request that is open instead of making another', async () => {
    await script({
      ...NOTHING_OPEN,
      'GET /v1/requests/prod': [{ items: [requestOf('succeeded', {}, 'PR-2026-0007'), requestOf('pending_approval')] }],
      'GET /v1/requests/prod/PR-2026-0001': [requestOf('pending_approval', { approvals })],
    });
    const { exitCode, stderr } = await promote('v1.1.0-staging', 'prod');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('continuing PR-2026-0001');
    expect(created()).toBeUndefined();
  });

  it('executes what is approved and waits for the word', async () => {
    const waiting = requestOf('approved', { waitingOn: 'confirm' });
    await script({
      ...NOTHING_OPEN,
      'GET /v1/requests/prod': [{ items: [waiting] }],
      'GET /v1/requests/prod/PR-2026-0001': [waiting, requestOf('succeeded')],
      'POST /v1/requests/prod/PR-2026-0001/execute': [requestOf('promoting')],
    });
    const { exitCode, stdout } = await promote('1.1.0', 'prod');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Approval verified\nPromoting to prod\.\.\.\n/);
  });

  it('runs the gates of a blocked request again', async () => {
    const blocked = requestOf('blocked', { gates: [failed] });
    await script({
      ...NOTHING_OPEN,
      'GET /v1/requests/prod': [{ items: [blocked] }],
      'GET /v1/requests/prod/PR-2026-0001': [blocked, requestOf('pending_approval', { gates: [passed], approvals })],
      'POST /v1/requests/prod/PR-2026-0001/retry': [requestOf('validating')],
    });
    expect(await promote('1.1.0', 'prod')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('✓ policy') });
  });

  it('makes the preview that an environment demands', async () => {
    const plan = {
      previewRef: 'pv-1',
      artifact: { name: 'payment-api', version: '1.1.0', digest: 'sha256:x' },
      from: 'staging',
      to: 'prod',
      current: null,
    };
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [
        { status: 409, problem: { code: 'PREVIEW_REQUIRED', detail: 'preview first' } },
        requestOf('pending_approval'),
      ],
      'POST /v1/requests/prod/preview': [plan],
    });
    expect((await promote('1.1.0', 'prod')).exitCode).toBe(0);
    expect(api!.received.at(-1)!.body).toMatchObject({ previewRef: 'pv-1' });
  });

  it('says that a digest is there already', async () => {
    await script({
      ...NOTHING_OPEN,
      'POST /v1/requests/prod': [{ code: 'ALREADY_PROMOTED', detail: 'it is in prod already', environment: 'prod' }],
    });
    expect(await promote('1.1.0', 'prod')).toMatchObject({ exitCode: 0, stdout: '  ✓ it is in prod already\n' });
  });

  it('CLI-07 stores nothing in a dry run, and ends with 1 where a gate would stop it', async () => {
    const plan = {
      artifact: { name: 'payment-api', version: '1.1.0', digest: 'sha256:x' },
      from: 'staging',
      to: 'prod',
      current: null,
      steps: ['copying'],
    };
    await script({
      'POST /v1/requests/prod/preview': [
        { ...plan, gates: [passed] },
        { ...plan, gates: [passed, failed] },
      ],
    });
    const good = await promote('1.1.0', 'prod', '--dry-run');
    expect(good).toMatchObject({ exitCode: 0, stderr: '' });
    expect(good.stdout).toMatch(
      /^DRY-RUN MODE: No changes will be made\n[\s\S]*PASS \(simulated\)[\s\S]*Ready to promote \(0 issues found\)/,
    );
    expect((await promote('1.1.0', 'prod', '--dry-run')).exitCode).toBe(1);
    expect(api!.received.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array(2).fill('POST /v1/requests/prod/preview?store=false'),
    );
  });

  it('prints one JSON document and nothing else on stdout', async () => {
    await script({ ...NOTHING_OPEN, 'POST /v1/requests/prod': [requestOf('pending_approval', { gates: [passed], future: { field: 1 } })] });
    const { stdout } = await promote('1.1.0', 'prod', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ metadata: { id: 'PR-2026-0001' }, status: { future: { field: 1 } } });
  });
});
