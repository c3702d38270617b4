import { afterEach, describe, expect, it } from 'vitest';
import { rollbackBody } from '../../functions/rollout/routes.ts';
import { greenlight, type RunOptions, requestOf, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

const ID = 'PR-2026-0007';
const CURRENT = { version: '1.2.3', digest: `sha256:${'a'.repeat(64)}`, requestId: 'PR-2026-0006', at: '2024-01-10T09:00:00.000Z' };
const approvals = {
  required: true,
  stages: [
    { name: 'rollback', status: 'pending', rules: [{ team: 'platform-leads', min: 1, given: [], eligible: ['platform-leads@acme.com'] }] },
  ],
};
const gates = [{ name: 'Policy compliance check', type: 'policy', status: 'passed', message: 'all hold', resolution: '' }];

function rollbackOf(phase: string, status: object = {}) {
  const request = requestOf(phase, { gates, ...status }, ID, '1.2.2');
  return { ...request, spec: { kind: 'rollback', target: { ...request.spec.target, sourceEnvironment: 'prod' } } };
}

interface Script {
  open?: object[];
  current?: object;
  /** What creating, previewing, approving and reading answer. */
  created?: object;
  preview?: object;
  approved?: object;
  read?: object[];
  problem?: { status: number; code: string; detail: string };
}

async function script({ open = [], current = CURRENT, created, preview, approved, read = [], problem }: Script): Promise<void> {
  const left = [...read];
  api = await scriptApi((request) => {
    const artifacts = [{ artifact: 'payment-api', current, health: 'healthy' }];
    if (request === 'GET /v1/environments')
      return { body: { items: ['dev', 'prod', 'pre-prod'].map((environment) => ({ environment, artifacts })) } };
    if (request.startsWith('GET /v1/requests/prod?')) return { body: { items: open } };
    if (request === 'POST /v1/environments/prod/rollback/preview') return preview && { body: preview };
    if (request === 'POST /v1/environments/prod/rollback' && problem) return { status: problem.status, body: problem };
    if (request === 'POST /v1/environments/prod/rollback') return created && { body: created };
    if (request === `POST /v1/requests/prod/${ID}/approve` && problem) return { status: problem.status, body: problem };
    if (request === `POST /v1/requests/prod/${ID}/approve`) return approved && { body: approved };
    if (request === `GET /v1/requests/prod/${ID}`) return { body: left.length > 1 ? left.shift() : left[0] };
    return undefined;
  });
}

const run = (words: string[], options: RunOptions = {}) =>
  greenlight(['platform', 'rollback', ...words, '--artifact', 'payment-api'], { env: api!.env, ...options });
const sent = (path: string) => api!.received.find((each) => each.method === 'POST' && each.path === `/v1/environments/prod/${path}`);

describe('the example of REQ-331', () => {
  it('begins, and says who is asked', async () => {
    await script({ created: rollbackOf('requested', { gates: [] }), read: [rollbackOf('pending_approval', { approvals })] });
    const { exitCode, stdout } = await run(['v1.2.3-prod', '--to=v1.2.2']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Initiating rollback...
  ✓ Validation gate: Policy compliance check (passed)
  ✓ Approval request sent to: platform-leads@acme.com
Request ID: ${ID}
`);
    const body = rollbackBody.parse(sent('rollback')!.body);
    expect(body).toEqual({ artifact: 'payment-api', from: 'v1.2.3-prod', to: 'v1.2.2', reason: expect.stringContaining('v1.2.3-prod') });
  });

  it('goes on with --approve once it is granted', async () => {
    const approvedAt = '2024-01-15T14:40:00.000Z';
    await script({
      open: [rollbackOf('approved')],
      read: [rollbackOf('approved', { approvedAt }), rollbackOf('promoting', { approvedAt }), rollbackOf('succeeded', { approvedAt })],
    });
    const { exitCode, stdout } = await run(['v1.2.3-prod', '--to=v1.2.2', '--approve']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').filter((line) => !line.includes('Validation gate'))).toEqual([
      ...['Approval verified', 'Rolling back...', '  ✓ Rolled back to payment-api:1.2.2', ''],
    ]);
    expect(sent('rollback')).toBeUndefined();
  });

  it('approves with --approve what waits for me, on the plan that was read', async () => {
    await script({
      open: [rollbackOf('pending_approval')],
      read: [rollbackOf('pending_approval', { approvals }), rollbackOf('succeeded')],
      approved: rollbackOf('approved', { approvedAt: '2024-01-15T14:40:00.000Z' }),
    });
    expect((await run(['1.2.3', 'prod', '--to', '1.2.2', '--approve'])).stdout).toContain('Approval verified');
    const decision = api!.received.find(({ path }) => path.endsWith('/approve'))!;
    expect(decision.body).toEqual({ planHash: `sha256:${'a'.repeat(64)}` });
  });

  it('says so when it is done already, and when there is none', async () => {
    const done = rollbackOf('succeeded', { approvedAt: '2024-01-15T14:40:00.000Z' });
    await script({ open: [done], current: { ...CURRENT, version: '1.2.2', requestId: ID }, read: [done] });
    expect(await run(['1.2.3', 'prod', '--to', '1.2.2', '--approve'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Rolled back to'),
    });
    await api!.close();
    // What was done long ago is no answer to what is asked for now.
    await script({ open: [done] });
    expect(await run(['1.2.3', 'prod', '--to', '1.2.2', '--approve'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('NOT_FOUND'),
    });
  });
});

const PREVIEW = {
  planHash: `sha256:${'c'.repeat(64)}`,
  environment: 'prod',
  current: { version: 'v1.2.3' },
  target: { version: 'v1.2.2', digest: CURRENT.digest },
  confirm: null,
  impact: {
    products: [
      { name: 'customer-insights', pipelines: 5, storageGb: 100, owner: null },
      { name: 'orders-analytics', pipelines: 3, storageGb: 50, owner: null },
      { name: 'product-catalog', pipelines: 2, storageGb: 10, owner: null },
      { name: 'inventory-levels', pipelines: 1, storageGb: 5, owner: null },
      { name: 'fraud-detection', pipelines: 2, storageGb: 25, owner: null },
    ],
    workloads: { total: 13, safe: 8, stateful: 5 },
    downtime: {
      fromSeconds: 300,
      toSeconds: 600,
      parts: [
        { name: 'Platform artifact swap', fromSeconds: 30, toSeconds: 50 },
        { name: 'Policy enforcement reload', fromSeconds: 60, toSeconds: 120 },
        { name: 'Pipeline restart', fromSeconds: 240, toSeconds: 480 },
      ],
    },
    data: {
      risk: 'LOW',
      notes: ['New tables created in v1.2.3: 2', 'These tables will be dropped on rollback', 'Existing data preserved'],
    },
    risk: { level: 'MEDIUM', reasons: ['5 pipelines will reset state'], mitigations: ['Monitor pipeline execution after rollback'] },
    recommendation: { verdict: 'SAFE TO ROLLBACK', prerequisites: ['Notify data teams', 'Schedule maintenance window'] },
    warnings: [],
  },
};
const REPORT = `Impact Analysis: Rollback from v1.2.3-prod to v1.2.2-prod

Affected Data Products: 5
  1. customer-insights (5 pipelines, 100 GB storage)
  2. orders-analytics (3 pipelines, 50 GB storage)
  3. product-catalog (2 pipelines, 10 GB storage)
  4. inventory-levels (1 pipeline, 5 GB storage)
  5. fraud-detection (2 pipelines, 25 GB storage)

Workload Impact: 13 total pipelines
  ✓ Safe: 8 pipelines (no state dependencies)
  ⚠ Cautious: 5 pipelines (have state, will reset)

Estimated Downtime: 5-10 minutes
  - Platform artifact swap: <1 minute
  - Policy enforcement reload: 1-2 minutes
  - Pipeline restart: 4-8 minutes

Data Impact: Data loss risk: LOW
  - New tables created in v1.2.3: 2
  - These tables will be dropped on rollback
  - Existing data preserved

Rollback Risk: MEDIUM
  - Reason: 5 pipelines will reset state
  - Mitigation: Monitor pipeline execution after rollback

Recommendation: SAFE TO ROLLBACK
  - Pre-requisites: 1. Notify data teams, 2. Schedule maintenance window

`;

describe('the example of REQ-332', () => {
  const analyze = (options: RunOptions = {}, ...more: string[]) =>
    run(['v1.2.3-prod', '--to=v1.2.2', '--analyze-impact', ...more], options);

  it('comes out word for word, and asks', async () => {
    const asked: string[] = [];
    await script({
      preview: PREVIEW,
      created: rollbackOf('requested', { gates: [] }),
      read: [rollbackOf('pending_approval', { approvals })],
    });
    const { exitCode, stdout } = await analyze({
      ask: async (question) => {
        asked.push(question);
        return 'y';
      },
    });
    expect(exitCode).toBe(0);
    expect(stdout.startsWith(`${REPORT}Initiating rollback...\n`), stdout).toBe(true);
    expect(asked).toEqual(['Continue? (y/n): ']);
    expect(sent('rollback')!.body).toMatchObject({ planHash: PREVIEW.planHash, confirm: true });
    const [shown, created] = [sent('rollback/preview')!, sent('rollback')!].map(({ body }) => (body as { reason: string }).reason);
    expect(created).toBe(shown);
  });

  it.each(['n', '', 'no', 'yesterday'])('changes nothing after the answer "%s"', async (answer) => {
    await script({ preview: PREVIEW });
    expect(await analyze({ ask: async () => answer })).toEqual({ exitCode: 0, stdout: REPORT, stderr: 'nothing was changed\n' });
    expect(sent('rollback')).toBeUndefined();
  });

  it('CLI-07 only shows it where nobody can be asked, and goes on with --yes', async () => {
    await script({ preview: PREVIEW, created: rollbackOf('requested'), read: [rollbackOf('pending_approval', { approvals })] });
    const { stdout, stderr } = await analyze();
    expect([stdout, stderr]).toEqual([REPORT, expect.stringContaining('--yes')]);
    expect(JSON.parse((await analyze({}, '--json')).stdout)).toEqual(PREVIEW);
    expect(sent('rollback')).toBeUndefined();
    expect((await analyze({}, '--yes')).stdout).toContain('Approval request sent to');
  });

  it('shows it of a rollback that somebody has asked for already, too', async () => {
    await script({ preview: PREVIEW, open: [rollbackOf('pending_approval')], read: [rollbackOf('pending_approval', { approvals })] });
    expect((await analyze()).stdout).toBe(REPORT);
    const { stdout, stderr } = await analyze({}, '--yes');
    expect(stdout.startsWith(REPORT), stdout).toBe(true);
    expect(stdout).toContain('✓ Approval request sent to');
    expect(stderr).toContain(`continuing ${ID}`);
    expect(sent('rollback')).toBeUndefined();
  });
});

describe('a rollback that is refused', () => {
  it.each([
    [409, 'CONFIRM_IMPACT', 4],
    [409, 'ENV_LOCKED', 4],
    [409, 'NOTHING_TO_ROLL_BACK', 4],
    [403, 'FORBIDDEN', 3],
    [422, 'VERSION_REFUSED', 2],
    [404, 'NOT_FOUND', 1],
  ])('with %i %s exits %i', async (status, code, exitCode) => {
    await script({ problem: { status, code, detail: 'no' } });
    const ran = await run(['1.2.3', 'prod', '--to', '1.2.2']);
    expect(ran).toMatchObject({ exitCode, stderr: expect.stringContaining(code) });
    if (code === 'CONFIRM_IMPACT') expect(ran.stderr).toMatch(/--analyze-impact\n.*--yes/);
  });

  it('to whom asked for it exits 3', async () => {
    const waiting = rollbackOf('pending_approval', { approvals });
    await script({ open: [waiting], read: [waiting], problem: { status: 403, code: 'SELF_APPROVAL', detail: 'you asked for it' } });
    expect((await run(['1.2.3', 'prod', '--to', '1.2.2', '--approve'])).exitCode).toBe(3);
  });

  it.each([[['1.2.3', 'prod']], [['1.2.3', '--to', '1.2.2']], [['1.2.3', 'prod', 'now', '--to', '1.2.2']], [['1.2.3', 'prod', '--to=']]])(
    'is a mistake of usage: %j',
    async (words) => {
      await script({});
      expect((await run(words)).exitCode).toBe(2);
      expect(sent('rollback')).toBeUndefined();
    },
  );

  it('by its gates, or whose own rollout fails, exits 1', async () => {
    const failedGate = { ...gates[0]!, status: 'failed', message: 'too old', resolution: 'waive it' };
    for (const end of [
      rollbackOf('blocked', { gates: [failedGate] }),
      rollbackOf('rolled_back', { failure: { code: 'SMOKE_FAILED', message: 'down' } }),
    ]) {
      await script({ created: rollbackOf('requested', { gates: [] }), read: [end] });
      const { exitCode, stdout } = await run(['1.2.3', 'prod', '--to', '1.2.2']);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/Rollback blocked: 1 gate failed|The rollback failed, prod runs what it ran before: down/);
      await api!.close();
    }
  });
});

it('is read with the longest environment that fits', async () => {
  await script({});
  await run(['1.2.3-pre-prod', '--to', '1.2.2']);
  expect(api!.received.some(({ path }) => path.startsWith('/v1/requests/pre-prod'))).toBe(true);
});

it('abort says that it is on its way back', async () => {
  api = await scriptApi((request) => {
    if (request === 'GET /v1/environments') return { body: { items: [{ environment: 'prod', artifacts: [] }] } };
    if (request === `GET /v1/requests/prod/${ID}`) return { body: requestOf('promoting', {}, ID) };
    return request === `POST /v1/requests/prod/${ID}/abort` ? { body: requestOf('rolling_back', {}, ID) } : undefined;
  });
  expect(await greenlight(['abort', ID], { env: api.env })).toMatchObject({
    exitCode: 0,
    stdout: `  ✓ Aborted ${ID} (payment-api 1.1.0: staging → prod); it is on its way back\n`,
  });
});
