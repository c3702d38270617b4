import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { greenlight, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(async () => {
  await api?.close();
  rmSync(folder, { recursive: true, force: true });
});

const occupant = (version: string, requestId: string, at: string) => ({ version, digest: `sha256:${version}`, requestId, at });

async function scriptEnvironments(): Promise<void> {
  const current = occupant('1.2.2', 'PR-2026-0001', '2024-01-10T09:00:00.000Z');
  const prod = {
    artifact: 'payment-api',
    current,
    previous: null,
    health: 'healthy',
    flags: { out_of_date: true },
    pending: [],
    history: [
      { ...current, outcome: 'succeeded' },
      { ...occupant('1.2.1', 'PR-2025-0009', '2023-12-10T09:00:00.000Z'), outcome: 'succeeded' },
    ],
  };
  const staging = { ...prod, current: occupant('1.2.3', 'PR-2026-0002', '2024-01-14T10:30:00.000Z'), flags: {}, history: [] };
  const items = [
    { environment: 'staging', artifacts: [staging] },
    { environment: 'prod', artifacts: [prod] },
  ];
  api = await scriptApi((request) => {
    if (request === 'GET /v1/environments') return { body: { items } };
    const found = items.find(({ environment }) => request === `GET /v1/environments/${environment}`);
    return found && { body: found };
  });
}

describe('status and list', () => {
  it('shows what runs where as the seed does', async () => {
    await scriptEnvironments();
    const { exitCode, stdout } = await greenlight(['status', '--environment=all'], { env: api!.env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Promotion Status: payment-api

staging
  Current: 1.2.3-staging
  Status: ✓ Healthy
  Updated: 2024-01-14 10:30:00Z
  Pending approvals: None
  History: none

prod
  Current: 1.2.2-prod
  Status: ⚠ Out-of-date
  Updated: 2024-01-10 09:00:00Z
  Promoted from: staging 1.2.2-staging
  Latest available: 1.2.3
  Pending approvals: None
  History: 1.2.1-prod (2023-12-10 09:00:00Z, succeeded)

`);
  });

  it('shows what is pending, who is asked, and what keeps it', async () => {
    await scriptEnvironments();
    await api!.close();
    const id = 'PR-2026-0007';
    const place = {
      ...{
        artifact: 'payment-api',
        current: occupant('1.2.2', 'PR-2026-0001', '2024-01-10T09:00:00.000Z'),
        health: 'healthy',
        history: [],
      },
      ...{
        flags: { locked: true, frozen: true },
        lock: { reason: 'incident\u001b[2J 4711', by: 'cpi@example.com', at: '2024-01-10T10:00:00.000Z' },
      },
      pending: [{ id, version: '1.2.3', phase: 'pending_approval', createdAt: '' }],
    };
    const rule = (team: string, given: string[]) => ({ team, min: 1, given, eligible: [`${team}@example.com`] });
    const request = {
      metadata: { id, createdAt: '', createdBy: '', version: 1 },
      spec: { target: { name: 'payment-api', version: '1.2.3-prod', sourceEnvironment: 'staging', targetEnvironment: 'prod' } },
      status: {
        state: 'pending',
        phase: 'pending_approval',
        approvals: {
          required: true,
          stages: [{ name: 'a', rules: [rule('platform-leads', []), rule('security', []), rule('qa', ['x@example.com'])] }],
        },
      },
    };
    api = await scriptApi((asked) => {
      const window = { open: false, closedBy: ['nights'], opens: '2024-01-11T05:00:00.000Z' };
      if (asked === 'GET /v1/environments') return { body: { items: [{ environment: 'prod', artifacts: [place] }] } };
      if (asked === 'GET /v1/environments/prod') return { body: { environment: 'prod', window, artifacts: [place] } };
      return asked === `GET /v1/requests/prod/${id}` ? { body: request } : undefined;
    });
    const { stdout } = await greenlight(['status', 'prod'], { env: api.env });
    expect(stdout).toContain('  Status: ⚠ Locked, Frozen\n');
    expect(stdout).toContain('  Locked: incident\\u001b[2J 4711 (by cpi@example.com since 2024-01-10 10:00:00Z)\n');
    expect(stdout).toContain('  Frozen: until 2024-01-11 05:00:00Z (nights)\n');
    expect(stdout).toContain(`  Pending promotion: 1.2.3-staging → prod (approval required) ${id}\n`);
    expect(stdout).toContain('  Approvers: @platform-leads, @security\n');
  });

  it('says of a way back only what was seen since the last change', async () => {
    await scriptEnvironments();
    await api!.close();
    const current = occupant('1.2.2', 'PR-2026-0001', '2024-01-10T09:00:00.000Z');
    const way = { purpose: 'previous', version: '1.2.1', digest: 'sha256:1', ready: true, problems: [] };
    let watch: object = {};
    api = await scriptApi((asked) => {
      const place = { artifact: 'payment-api', current, health: 'healthy', flags: { drifted: false }, pending: [], history: [], watch };
      return { body: asked === 'GET /v1/environments' ? { items: [{ environment: 'prod', artifacts: [place] }] } : { artifacts: [place] } };
    });
    const drift = { status: 'drifted', expected: 'sha256:1', running: ['sha256:2'], since: '2024-01-10T07:00:00.000Z' };
    watch = { checkedAt: '2024-01-10T08:00:00.000Z', drift, rollback: { ready: false, waysBack: [] } };
    const old = (await greenlight(['status', 'prod'], { env: api.env })).stdout;
    expect(old).toContain('  Rollback: not looked at since the last change (checked 2024-01-10 08:00:00Z)\n');
    expect(old).not.toContain('Drift');
    watch = { checkedAt: '2024-01-10T10:00:00.000Z', drift: { status: 'none' }, rollback: { ready: true, waysBack: [way] } };
    expect((await greenlight(['status', 'prod'], { env: api.env })).stdout).toContain(
      '  Rollback: ✓ ready to go back to 1.2.1 (checked 2024-01-10 10:00:00Z)\n',
    );
  });

  it('shows what a policy would have done, and of what it asked for how much did not last', async () => {
    const version = {
      artifact: 'payment-api',
      version: '1.2.2',
      outcome: 'promote',
      at: '2024-01-10T09:00:00.000Z',
      because: 'all is well',
    };
    const report = {
      ...{ since: '2023-01-10T09:00:00.000Z', until: '2024-01-10T09:00:00.000Z', complete: true, assumed: [] },
      summary: { promote: 1, promoted: 0, left: 0, wait: 0, hold: 0, badVersions: 1 },
      ...{ versions: [version], recorded: { total: 1, reproduced: 1, differing: [] } },
    };
    api = await scriptApi(() => ({ body: report }));
    const { exitCode, stdout } = await greenlight(['policy', 'replay', 'auto'], { env: api.env });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('payment-api 1.2.2  promote: all is well\n⚠ 1 of what it would have asked for did not last\n');
  });

  it('shows the four figures of DORA, and what was waited for', async () => {
    const metrics = {
      ...{
        environment: 'prod',
        days: 30,
        deployments: 6,
        deploymentsPerDay: 0.2,
        leadTime: { median: 5_400, p90: 90_000 },
        changes: 8,
        failures: 2,
      },
      ...{ changeFailureRate: 0.25, timeToRestore: { median: 42, p90: 300_000 }, failed: [], complete: false },
      spent: { gates: 10, approval: 80, rollout: 10, waiting: 80, working: 20 },
    };
    api = await scriptApi((asked) => (asked.startsWith('GET /v1/environments/prod/metrics') ? { body: metrics } : undefined));
    const { stdout, exitCode } = await greenlight(['stats', 'prod', '--days', '30'], { env: api.env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`prod, last 30 days
  Deployments: 6 (0.2 a day)
  Lead time: 90 min (median), 25 h (90 % are faster)
  Change failure rate: 25 % (2 of 8)
  Time to restore: 42 s (median), 3.5 days (90 % are faster)
  Waiting: 80 %, working: 20 % (gates 10 %, approval 80 %, rollout 10 %)
  There is more in this period than is counted: ask for fewer days

`);
    expect((await greenlight(['stats', '--days', '0'], { env: api.env })).exitCode).toBe(2);
  });

  it('shows after a rollback what was taken back, as the seed does', async () => {
    const taken = { version: 'v1.2.3', digest: `sha256:${'a'.repeat(64)}`, requestId: 'PR-2026-0009', at: '2024-01-15T14:45:00.000Z' };
    const place = {
      ...{ artifact: 'payment-api', current: occupant('v1.2.2', 'PR-2026-0009', taken.at), previous: taken, rolledBack: taken },
      ...{ health: 'healthy', flags: {}, pending: [], history: [] },
    };
    api = await scriptApi((request) => {
      if (request === 'GET /v1/environments') return { body: { items: [{ environment: 'prod', artifacts: [place] }] } };
      return request === 'GET /v1/environments/prod' ? { body: { environment: 'prod', artifacts: [place] } } : undefined;
    });
    const { stdout } = await greenlight(['platform', 'status', 'prod'], { env: api.env });
    expect(stdout).toContain('  Current: v1.2.2 (rolled back from v1.2.3)\n');
    expect(stdout).toContain('  Previous: v1.2.3 (failed, rolled back 2024-01-15 14:45:00Z)\n');
  });

  it('lists the tags of an environment, and knows no other', async () => {
    await scriptEnvironments();
    const { stdout } = await greenlight(['list', '--environment=prod'], { env: api!.env });
    expect(stdout.split('\n')).toMatchObject([
      expect.stringMatching(/^\* payment-api:1\.2\.2-prod/),
      expect.stringMatching(/^ {2}payment-api:1\.2\.1-prod/),
      '',
    ]);
    expect((await greenlight(['status', 'moon'], { env: api!.env })).exitCode).toBe(1);
  });

  it('CLI-05 is coloured on a terminal only, and never with NO_COLOR', async () => {
    await scriptEnvironments();
    const coloured = async (tty: boolean, env: object) =>
      (await greenlight(['status'], { tty, env: { ...api!.env, ...env } })).stdout.includes('\u001b[');
    expect([await coloured(true, {}), await coloured(true, { NO_COLOR: '1' }), await coloured(false, {})]).toEqual([true, false, false]);
  });
});

describe('config check', () => {
  const check = (text: string, ...more: string[]) => {
    writeFileSync(join(folder, 'part.yaml'), text);
    return greenlight(['config', 'check', 'part.yaml', ...more], { cwd: folder });
  };

  it('accepts the configuration of this repository as a whole', async () => {
    const root = new URL('../..', import.meta.url).pathname;
    expect(await greenlight(['config', 'check', 'greenlight.yaml', '--complete'], { cwd: root })).toMatchObject({ exitCode: 0 });
  });

  it('names line and suggestion of every mistake', async () => {
    const { exitCode, stdout } = await check('environments:\n  prod:\n    require_aproval: true\n');
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^part\.yaml:3: .*unknown key "require_aproval" \(did you mean "require_approval"\?\)\n$/);
    const { stdout: json } = await check('environments: 7\n', '--json');
    expect(JSON.parse(json)).toMatchObject({ ok: false, problems: [{ line: 1 }] });
  });

  it('checks what is plainly a whole deployment as a whole', async () => {
    const root = new URL('../..', import.meta.url).pathname;
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8').replace('gates: [policy]', 'gates: [polcy]');
    expect(await check(text)).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(/polcy.*did you mean "policy"/) });
  });

  it('accepts one block alone, and says what a deployment needs besides', async () => {
    const block = 'environments:\n  dev: { registry: dev }\n  prod: { registry: prod, gates: [polcy] }\n';
    const part = await check(block);
    expect(part).toMatchObject({ exitCode: 0, stdout: 'part.yaml: valid as a part of a configuration\n' });
    expect(part.stderr).toMatch(/to deploy it alone: part\.yaml:3: .*polcy/);
    expect((await check(block, '--complete')).exitCode).toBe(2);
  });
});

describe('tokens', () => {
  it('does not use a password that others can read', async () => {
    const password = join(folder, 'password');
    writeFileSync(password, 'secret\n');
    chmodSync(password, 0o644);
    writeFileSync(
      join(folder, 'endpoints.json'),
      JSON.stringify({ api: 'http://127.0.0.1:9', registries: {}, issuer: 'https://127.0.0.1:9', issuerPasswordFile: password }),
    );
    const token = () => greenlight(['token', '--as', 'dev@example.com', '--data', folder]);
    expect(await token()).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('chmod 600') });
    chmodSync(password, 0o600);
    expect(await token()).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('cannot be reached') });
  });

  it('names the start that is missing', async () => {
    expect(await greenlight(['token', '--as', 'dev@example.com', '--data', folder])).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('npm start'),
    });
  });
});
