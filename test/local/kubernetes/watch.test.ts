/** Watches of our API server: the contract that a real one is held to as well. */
import { afterAll, beforeAll } from 'vitest';
import { NAMESPACE, startCluster, type TestCluster } from './test-cluster.ts';
import { describeWatches } from './watch-contract.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ clusters: [{ name: 'demo', accessEntries: [], manifests: [NAMESPACE] }] });
});
afterAll(() => cluster.dispose());

describeWatches(async () => cluster);
