import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const FLOE = `# which platform we build on
platform:
  ref: oci://registry.example.com/floe-platform:v1.2.*  # Allow patch updates
  version: v1.2.3 # written by greenlight update
`;

const update = (version: string, day: string, step = 'patch') => ({
  version,
  digest: `sha256:${version}`,
  publishedAt: `${day}T08:00:00.000Z`,
  step,
  environments: ['prod'],
  lifecycle: 'active',
});
const compatible = { status: 'compatible', by: 'version', why: 'no breaking changes' };
const list = {
  artifact: 'floe-platform',
  constraint: 'v1.2.*',
  current: { version: 'v1.2.3' },
  updates: [update('v1.2.4', '2024-01-20'), update('v1.2.5', '2024-01-22')],
  recommended: { ...update('v1.2.5', '2024-01-22'), compatibility: compatible },
};

const script = async (body: object) => {
  api = await scriptApi((request) => (request.startsWith('GET /v1/artifacts/floe-platform/updates') ? { body } : undefined));
};
const run = (argv: string[]) => greenlight(argv, { env: api!.env, cwd: folder });
const floe = () => readFileSync(join(folder, 'floe.yaml'), 'utf8');

describe('REQ-333: available-updates and update', () => {
  it('shows what the seed shows', async () => {
    await script(list);
    writeFileSync(join(folder, 'floe.yaml'), FLOE);
    const { exitCode, stdout } = await run(['available-updates']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Current: v1.2.3
Constraint: v1.2.*
Available updates:
  v1.2.4 (patch, 2024-01-20)
  v1.2.5 (patch, 2024-01-22) ← Latest patch
Recommended: upgrade to v1.2.5 (no breaking changes)
`);
    expect(api!.received[0]!.path).toBe('/v1/artifacts/floe-platform/updates?constraint=v1.2.*&current=v1.2.3');
  });

  it('moves the version and leaves constraint and comments', async () => {
    await script(list);
    writeFileSync(join(folder, 'floe.yaml'), FLOE);
    const { exitCode, stdout } = await run(['update']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Updating from v1.2.3 to v1.2.5...
  ✓ Pulled v1.2.5
  ✓ Validated schema compatibility
  ✓ Updated floe.yaml
`);
    expect(floe()).toContain('# which platform we build on');
    expect(floe()).toMatch(/ref: oci:\/\/registry\.example\.com\/floe-platform:v1\.2\.\* +# Allow patch updates/);
    expect(floe()).toMatch(/version: v1\.2\.5 # written by greenlight update/);
    expect(floe()).toContain('digest: sha256:v1.2.5');
  });

  it('an exact pin is moved by a constraint that is given, in its reference', async () => {
    await script(list);
    writeFileSync(join(folder, 'floe.yaml'), 'platform:\n  ref: oci://registry.example.com/team/floe-platform:v1.2.3\n');
    expect((await run(['update', '--constraint', 'v1.2.*'])).exitCode).toBe(0);
    expect(floe()).toContain('ref: oci://registry.example.com/team/floe-platform:v1.2.5');
    expect(floe()).not.toContain('version:');
  });

  it('what may break is not taken, and nothing is changed', async () => {
    await script({
      ...list,
      recommended: { ...list.recommended, compatibility: { status: 'incompatible', why: 'v2 reads other schemas' } },
    });
    writeFileSync(join(folder, 'floe.yaml'), FLOE);
    const { exitCode, stderr } = await run(['update']);
    expect([exitCode, floe()]).toEqual([1, FLOE]);
    expect(stderr).toContain('nothing was changed');
  });

  it('says that there is nothing newer', async () => {
    await script({ ...list, updates: [], recommended: null });
    writeFileSync(join(folder, 'floe.yaml'), FLOE);
    expect((await run(['available-updates'])).stdout).toContain('Available updates: none\nRecommended: nothing to do');
    const { exitCode, stdout } = await run(['update']);
    expect([exitCode, floe()]).toEqual([0, FLOE]);
    expect(stdout).toContain('has the newest version');
  });

  it.each([
    [undefined, /there is no floe\.yaml/],
    ['platform: [', /is not YAML/],
    ['platform: { ref: 5 }\n', /no platform\.ref/],
    ['- a\n', /no platform\.ref/],
  ])('a file that says nothing is exit 2: %j', async (text, message) => {
    await script(list);
    if (text !== undefined) writeFileSync(join(folder, 'floe.yaml'), text);
    const { exitCode, stderr } = await run(['available-updates']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});

const REPORT = {
  artifact: 'floe-platform',
  version: 'v1.2.3',
  digest: 'sha256:1',
  createdAt: '2024-01-15T10:00:00.000Z',
  lifecycle: {
    status: 'active',
    declared: false,
    estimated: true,
    deprecationDate: '2024-11-15',
    eolDate: '2025-01-15',
    replacement: null,
    supportWindow: '1 year',
    deprecateBefore: '2 months',
  },
  quarantine: null,
  inUse: {
    environments: [{ environment: 'prod', products: ['customer-insights', 'orders-analytics'] }],
    teams: ['a', 'b', 'c'],
    products: 5,
    pipelines: 13,
  },
  milestones: [
    { date: '2024-11-15', text: 'Deprecation date (warnings begin)' },
    { date: '2025-01-15', text: 'End-of-life (no longer supported)' },
  ],
  recommendation: 'Plan upgrade to v1.3.0 before EOL',
  warnings: [],
};

describe('REQ-340: lifecycle and quarantine', () => {
  const scriptVersion = async () => {
    api = await scriptApi((request) => (request.includes('/v1/artifacts/floe-platform/versions/v1.2.3') ? { body: REPORT } : undefined));
  };

  it('shows the report of the seed', async () => {
    await scriptVersion();
    const { exitCode, stdout } = await run(['lifecycle', 'v1.2.3', '--artifact', 'floe-platform']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Artifact: floe-platform v1.2.3
Status: active
Created: 2024-01-15
Estimated EOL: 2025-01-15 (1 year support)
Deprecation date: 2024-11-15 (2 months before EOL)

In-use:
  Environments: prod (customer-insights, orders-analytics)
  Teams: 3 data teams
  Workloads: 5 data products, 13 pipelines

Upcoming milestones:
  2024-11-15: Deprecation date (warnings begin)
  2025-01-15: End-of-life (no longer supported)

Recommended action: Plan upgrade to v1.3.0 before EOL
`);
  });

  it('writes what is said of a version', async () => {
    await scriptVersion();
    const said = ['--set', 'deprecated', '--eol-date', '2027-12-31', '--replacement', 'v1.3.0', '--artifact', 'floe-platform'];
    expect((await run(['lifecycle', 'v1.2.3', ...said])).exitCode).toBe(0);
    expect(api!.received[0]!.body).toEqual({ status: 'deprecated', eolDate: '2027-12-31', replacement: 'v1.3.0' });
    expect((await run(['lifecycle', 'v1.2.3', '--eol-date', '2027-12-31', '--artifact', 'floe-platform'])).exitCode).toBe(2);
    const reason = ['--reason', 'Incident 4711: it charges twice', '--artifact', 'floe-platform'];
    expect((await run(['quarantine', 'v1.2.3', ...reason])).exitCode).toBe(0);
    expect((await run(['quarantine', 'v1.2.3', '--release', ...reason])).exitCode).toBe(0);
    expect(api!.received.slice(-2).map(({ body }) => (body as { quarantined: boolean }).quarantined)).toEqual([true, false]);
    expect((await run(['quarantine', 'v1.2.3'])).exitCode).toBe(2);
  });
});

describe('REQ-327: tag', () => {
  const tags = (state: string, latest = 'right') => ({
    environment: 'prod',
    artifact: 'payment-api',
    version: '1.1.0',
    digest: 'sha256:1',
    current: true,
    complete: state === 'right' && latest === 'right',
    registries: [
      {
        name: 'prod',
        tags: [
          { tag: '1.1.0-prod', digest: state === 'missing' ? null : 'sha256:2', state },
          { tag: 'latest-prod', digest: 'sha256:1', state: latest },
        ],
        immutability: { enforced: false, problem: 'tag 1.1.0-prod may be moved' },
      },
    ],
  });
  const scriptTags = async (report: object) => {
    api = await scriptApi((request) => {
      if (request.startsWith('GET /v1/environments/prod/tags')) return { body: report };
      if (request === 'GET /v1/environments') return { body: { items: [{ environment: 'prod', artifacts: [] }] } };
      if (request.startsWith('GET /v1/requests/prod')) return { body: { items: [] } };
      return undefined;
    });
  };

  it('has nothing to do where the tags name what they should', async () => {
    await scriptTags(tags('right'));
    const { exitCode, stderr } = await run(['tag', '1.1.0', 'prod', '--artifact', 'payment-api']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('may be moved');
  });

  it('never moves a release tag: TAG_IMMUTABLE, exit 4', async () => {
    await scriptTags(tags('wrong'));
    const { exitCode, stderr } = await run(['tag', '1.1.0', 'prod', '--artifact', 'payment-api']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('never moved');
  });

  it('asks for a repair where one is missing, and only looks with --check', async () => {
    await scriptTags(tags('missing'));
    expect((await run(['tag', '1.1.0', 'prod', '--check', '--artifact', 'payment-api'])).exitCode).toBe(1);
    expect(api!.received.every(({ method }) => method === 'GET')).toBe(true);
    await run(['tag', '1.1.0', 'prod', '--artifact', 'payment-api']);
    expect(api!.received.find(({ method }) => method === 'POST')).toMatchObject({
      path: '/v1/requests/prod',
      body: { kind: 'repair', target: { name: 'payment-api', version: '1.1.0' } },
    });
  });
});
