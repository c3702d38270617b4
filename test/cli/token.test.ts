import { afterEach, describe, expect, it } from 'vitest';
import { greenlight, type ScriptedApi, scriptApi } from './command-line.ts';

const VALUE = `glt_${'Ab3-_'.repeat(9).slice(0, 43)}`;
const MADE = {
  id: 'at-0123456789abcdef',
  name: 'nightly',
  prefix: VALUE.slice(0, 8),
  owner: 'dev@example.com',
  scope: { verbs: ['read', 'request'], tenants: ['tenant-finance'], environments: null },
  createdAt: '2026-11-20T12:00:00.000Z',
  expiresAt: '2027-02-18T12:00:00.000Z',
};

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

async function script(pages: (typeof MADE)[][] = [[MADE]], token: string | null = VALUE): Promise<void> {
  api = await scriptApi((request) => {
    if (request === 'POST /v1/tokens') return { status: 201, body: { ...MADE, token } };
    if (request.startsWith('DELETE /v1/tokens/at-')) return { status: 204, body: '' };
    const cursor = /^GET \/v1\/tokens\?.*cursor=(\d)/.exec(request)?.[1] ?? '0';
    if (!request.startsWith('GET /v1/tokens')) return undefined;
    const next = Number(cursor) + 1;
    return { body: { items: pages[Number(cursor)], ...(next < pages.length ? { nextCursor: String(next) } : {}) } };
  });
}

const run = (...words: string[]) => greenlight(['token', ...words], { env: api!.env });

describe('token create', () => {
  it('prints the token alone on stdout, so that a shell can keep it', async () => {
    await script();
    const { exitCode, stdout, stderr } = await run('create', 'nightly');
    expect([exitCode, stdout]).toEqual([0, `${VALUE}\n`]);
    expect(stderr).toMatch(/nightly \(at-0123456789abcdef\).*read, request in tenant-finance, all environments/);
    expect(stderr).not.toContain(VALUE);
    expect(api!.received).toMatchObject([{ method: 'POST', path: '/v1/tokens', body: { name: 'nightly' } }]);
  });

  it('asks for the scope that is named, as often as it is named', async () => {
    await script();
    const words = ['--days', '30', '--verb', 'read', '--verb', 'request', '--tenant', 'tenant-finance', '--environment', 'staging'];
    const { exitCode, stdout } = await run('create', 'nightly', ...words, '--json');
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { ...MADE, token: VALUE }]);
    expect(api!.received[0]!.body).toEqual({
      ...{ name: 'nightly', expiresInDays: 30, verbs: ['read', 'request'] },
      ...{ tenants: ['tenant-finance'], environments: ['staging'] },
    });
  });

  it.each([['0'], ['366'], ['-1'], ['1.5'], ['soon'], ['']])('refuses a life of %j days', async (days) => {
    await script();
    expect((await run('create', 'nightly', `--days=${days}`)).exitCode).toBe(2);
    expect(api!.received).toEqual([]);
  });

  it('prints nothing as a token that is none', async () => {
    await script([], 'x\u001b[2J; rm -rf');
    expect((await run('create', 'nightly')).stdout).toBe('\n');
  });
});

describe('token list', () => {
  it('lists all pages, without values', async () => {
    await script([[MADE], [{ ...MADE, id: 'at-fedcba9876543210', name: 'weekly' }]]);
    const { exitCode, stdout } = await run('list', '--owner', 'dev@example.com');
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^at-0123456789abcdef {2}nightly {2}glt_Ab3-… {2}until .* {2}read, request in tenant-finance, all environments$/,
      ),
      expect.stringMatching(/^at-fedcba9876543210 {2}weekly/),
    ]);
    expect(api!.received[0]!.path).toContain('owner=dev%40example.com');
  });

  it('says so when there are none', async () => {
    await script([[]]);
    expect((await run('list')).stdout).toBe('There are no tokens\n');
  });
});

describe('token revoke', () => {
  it('revokes by id', async () => {
    await script();
    const { exitCode, stdout } = await run('revoke', MADE.id);
    expect([exitCode, stdout]).toEqual([0, '  ✓ at-0123456789abcdef is revoked\n']);
    expect(api!.received).toMatchObject([{ method: 'DELETE', path: '/v1/tokens/at-0123456789abcdef' }]);
  });

  it('is exit 1 for what does not exist', async () => {
    await script();
    expect((await run('revoke', 'nothing')).exitCode).toBe(1);
  });
});

describe('CLI-08: a token on the command line', () => {
  const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkZXYifQ.c2lnbmF0dXJl';

  it.each([
    [['token', 'revoke', VALUE]],
    [['token', 'create', VALUE]],
    [['promote', '1.0', 'prod', `--token=${VALUE}`]],
    [['promote', VALUE, 'to', 'x', 'y']],
    [['explain', JWT]],
    [['frobnicate', JWT]],
    [['config', 'check', `/nonexistent/${VALUE}`]],
    [['explain', VALUE, '--json']],
  ])('is warned of and never repeated: %#', async (words) => {
    await script();
    const { stdout, stderr } = await greenlight(words, { env: api!.env });
    expect(stderr).toMatch(/a token on the command line can be read by others/);
    const said = stdout.replace(`${VALUE}\n`, '');
    for (const secret of [VALUE, JWT]) expect(`${words[1] === 'create' ? said : stdout}${stderr}`).not.toContain(secret);
  });

  it('is not warned of where there is none, and tokens of the environment are used and not shown', async () => {
    await script();
    const { stderr, stdout } = await greenlight(['token', 'list'], { env: { ...api!.env, GREENLIGHT_TOKEN: VALUE } });
    expect(stderr).toBe('');
    expect(stdout).not.toContain(VALUE);
    expect(api!.received[0]!.headers['authorization']).toBe(`Bearer ${VALUE}`);
  });
});

it('token --as goes on as before: it needs a name and a local cloud, and takes no operand', async () => {
  const none = await greenlight(['token']);
  expect([none.exitCode, none.stdout]).toEqual([2, '']);
  expect(none.stderr).toMatch(/--as NAME/);
  expect((await greenlight(['token', '--as='])).exitCode).toBe(2);
  expect((await greenlight(['token', '--as', 'dev@example.com', 'extra'])).exitCode).toBe(2);
  const nowhere = await greenlight(['token', '--as', 'dev@example.com'], { cwd: '/nonexistent' });
  expect([nowhere.exitCode, nowhere.stderr]).toEqual([2, expect.stringContaining('local cloud')]);
});

describe('whoami', () => {
  const me = {
    email: 'dev@example.com',
    name: 'Dev',
    kind: 'person',
    teams: [],
    tenants: ['tenant-finance'],
    verbs: ['read', 'request'],
    environments: [
      { name: 'dev', tier: 'standard', roles: ['devops'], verbs: ['read', 'request'] },
      { name: 'prod\u001b[2J', tier: 'production', roles: [], verbs: [] },
    ],
  };

  it('shows where I may do what, and nothing that a terminal would obey', async () => {
    api = await scriptApi((request) => (request === 'GET /v1/me' ? { body: me } : undefined));
    const { exitCode, stdout } = await greenlight(['whoami'], { env: api.env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`dev@example.com (person)
  Tenants: tenant-finance
  Teams: none
  dev: read, request (roles: devops)
  prod\\u001b[2J: none (roles: none)
`);
    expect(JSON.parse((await greenlight(['whoami', '--json'], { env: api.env })).stdout)).toEqual(me);
  });
});
