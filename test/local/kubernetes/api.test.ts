/** Our API server: the contract that a real one is held to as well, and what is ours alone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeApi } from './api-contract.ts';
import { NAMESPACE, PODS, startCluster, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ clusters: [{ name: 'demo', accessEntries: [], manifests: [NAMESPACE] }] });
});
afterAll(() => cluster.dispose());

describeApi(async () => cluster);

it('does not know kinds that nobody here needs', async () => {
  expect((await cluster.call('GET', '/api/v1/secrets')).body).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 });
});

it('records every call with its decision', async () => {
  await cluster.call('GET', '/api/v1/namespaces/prod/pods');
  const last = cluster.context.calls.at(-1);
  expect(last).toMatchObject({ service: 'kubernetes', operation: 'list pods', function: 'admin', decision: 'allowed', resource: PODS });
});
