import { afterEach, describe, expect, it } from 'vitest';
import { greenlight, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

const address = { area: 'connection', name: 'address', status: 'passed', detail: 'it answers', hint: null };
const service = { area: 'object', name: 'Service prod/shop', status: 'failed', detail: 'it does not exist', hint: 'apply service.yaml' };

function report(environment: string, outcome: string, checks: object[] = [address]) {
  const place = {
    cluster: 'main',
    kind: 'platform_managed',
    namespace: environment,
    server: 'https://eks.example.com',
    version: 'v1.32.9',
  };
  return { environment, ...(outcome === 'none' ? { ...place, cluster: null, kind: null } : place), outcome, checks };
}

async function script(outcomes: Record<string, string>, checks?: object[]): Promise<void> {
  api = await scriptApi((request) => {
    if (request === 'GET /v1/environments') return { body: { items: Object.keys(outcomes).map((environment) => ({ environment })) } };
    const name = /^POST \/v1\/environments\/(.+)\/connection-test$/.exec(request)?.[1];
    return name === undefined ? undefined : { body: report(name, outcomes[name]!, checks) };
  });
}

describe('cluster check', () => {
  it('shows each line, and beneath what failed what to do', async () => {
    await script({ prod: 'failed' }, [address, { ...service, detail: 'it does\u001b[2J not exist' }]);
    const { exitCode, stdout } = await greenlight(['cluster', 'check', 'prod'], { env: api!.env });
    expect(exitCode).toBe(1);
    expect(stdout).toBe(`prod
  main (platform_managed), namespace prod, https://eks.example.com, v1.32.9
  ✓ address: it answers
  ✗ Service prod/shop: it does\\u001b[2J not exist
      apply service.yaml

`);
  });

  it.each([
    [{ dev: 'passed', prod: 'none' }, 0],
    [{ dev: 'passed', prod: 'failed' }, 1],
    [{ dev: 'unreachable', prod: 'failed' }, 6],
  ] as const)('looks everywhere and ends %j with %i', async (outcomes, code) => {
    await script(outcomes);
    const { exitCode, stdout } = await greenlight(['cluster', 'check', '--json'], { env: api!.env });
    expect(exitCode).toBe(code);
    expect(JSON.parse(stdout).items.map(({ environment }: { environment: string }) => environment)).toEqual(['dev', 'prod']);
  });

  it('looks at one artifact where one is named, and says what the API refuses', async () => {
    await script({ prod: 'passed' });
    await greenlight(['cluster', 'check', 'prod', '--artifact', 'shop'], { env: api!.env });
    expect(api!.received.at(-1)!.body).toEqual({ artifact: 'shop' });
    await greenlight(['cluster', 'check', 'no/where?'], { env: api!.env });
    expect(api!.received.at(-1)!.path).toBe('/v1/environments/no%2Fwhere%3F/connection-test');
    await api!.close();
    api = await scriptApi(() => ({
      status: 403,
      body: { code: 'FORBIDDEN', detail: 'your roles do not include the verb "admin" in prod' },
    }));
    expect(await greenlight(['cluster', 'check', 'prod'], { env: api.env })).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
