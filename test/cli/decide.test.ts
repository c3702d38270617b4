import { afterEach, describe, expect, it } from 'vitest';
import { ENVIRONMENTS, greenlight, requestOf, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

async function script(open: ReturnType<typeof requestOf>[]): Promise<void> {
  api = await scriptApi((request) => {
    if (request === 'GET /v1/environments') return { body: ENVIRONMENTS };
    const list = /^GET \/v1\/requests\/([a-z]+)\?/.exec(request)?.[1];
    if (list) return { body: { items: open.filter(({ spec }) => spec.target.targetEnvironment === list) } };
    const one = open.find(({ metadata, spec }) => request.includes(`/${spec.target.targetEnvironment}/${metadata.id}`));
    return one && { body: request.startsWith('POST') ? { ...one, status: { ...one.status, phase: 'approved' } } : one };
  });
}

const run = (...words: string[]) => greenlight([...words, '--artifact', 'payment-api'], { env: api!.env });
const posted = () => api!.received.filter(({ method }) => method === 'POST');

describe('decisions', () => {
  it('approves the plan that was just read, by id', async () => {
    await script([requestOf('pending_approval')]);
    const { exitCode, stdout } = await run('approve', 'PR-2026-0001', '--comment', 'reviewed');
    expect([exitCode, stdout]).toEqual([0, '  ✓ Approved PR-2026-0001 (payment-api 1.1.0: staging → prod); it is approved now\n']);
    expect(posted()).toMatchObject([
      { path: '/v1/requests/prod/PR-2026-0001/approve', body: { planHash: `sha256:${'a'.repeat(64)}`, comment: 'reviewed' } },
    ]);
  });

  it('finds the request by version and environment', async () => {
    await script([requestOf('pending_approval'), requestOf('pending_approval', {}, 'PR-2026-0002', '1.1.0', 'staging')]);
    expect((await run('deny', 'v1.1.0', 'staging', '--reason', 'not good enough')).exitCode).toBe(0);
    expect(posted()).toMatchObject([{ path: '/v1/requests/staging/PR-2026-0002/reject', body: { reason: 'not good enough' } }]);
  });

  it('names the requests where a version means several, and decides on none', async () => {
    await script([requestOf('pending_approval'), requestOf('pending_approval', {}, 'PR-2026-0002', '1.1.0', 'staging')]);
    const { exitCode, stderr } = await run('approve', '1.1.0');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/PR-2026-0002[\s\S]*PR-2026-0001/);
    expect(posted()).toEqual([]);
  });

  it('ends with 1 where no such request is open', async () => {
    await script([requestOf('succeeded')]);
    expect((await run('approve', '1.1.0')).exitCode).toBe(1);
    expect((await run('approve', 'PR-2026-0099')).exitCode).toBe(1);
    expect((await run('approve', 'PR-2026-0001', 'staging')).exitCode).toBe(1);
    expect(posted()).toEqual([]);
  });

  it('cancels, explains and shows approvals by id', async () => {
    const approvals = {
      required: true,
      stages: [
        { name: 'review', status: 'pending', rules: [{ team: 'qa', min: 2, given: ['q@x.org'], eligible: ['q@x.org', 'r@x.org'] }] },
      ],
    };
    await script([
      requestOf('pending_approval', { approvals, history: [{ action: 'approved', at: '2026-01-02T03:04:05.678Z', by: 'q@x.org' }] }),
    ]);
    expect((await greenlight(['cancel', 'PR-2026-0001'], { env: api!.env })).stdout).toContain('Cancelled PR-2026-0001');
    const { stdout } = await greenlight(['approval', 'status', 'PR-2026-0001'], { env: api!.env });
    expect(stdout).toContain(
      'Status: pending\nApproved by: q@x.org (2026-01-02 03:04:05Z)\nNeeds (review): 1 more of qa: q@x.org, r@x.org\n',
    );
  });
});
