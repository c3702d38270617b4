/** Our Kubernetes stand-in beside a real kube-apiserver: the same contract, and the same requests with their answers compared. `compare.ts` says what is left out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeApi } from '../local/kubernetes/api-contract.ts';
import { NAMESPACE, startCluster, type TestCluster } from '../local/kubernetes/test-cluster.ts';
import { describeWatches } from '../local/kubernetes/watch-contract.ts';
import { differencesOf } from './control-plane/compare.ts';
import { type ControlPlane, installGatewayApi, startControlPlane } from './control-plane/control-plane.ts';
import { EXCHANGES } from './control-plane/exchanges.ts';
import { findPrograms, VERSIONS } from './control-plane/programs.ts';

const programs = findPrograms();

describe.skipIf(!programs)(`kube-apiserver ${VERSIONS.kubernetes}`, () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane(programs!);
    await installGatewayApi(plane, programs!);
    await plane.call('POST', '/api/v1/namespaces', NAMESPACE);
  });
  afterAll(() => plane?.stop());

  describeApi(async () => plane);
  describeWatches(async () => plane);

  describe('the answers', () => {
    let ours: TestCluster;
    beforeAll(async () => {
      ours = await startCluster({ clusters: [{ name: 'demo', accessEntries: [], manifests: [NAMESPACE] }] });
      await plane.call('DELETE', '/apis/apps/v1/namespaces/prod/deployments');
      await plane.call('DELETE', '/api/v1/namespaces/prod/configmaps');
      await plane.call('DELETE', '/api/v1/namespaces/prod/services');
      await plane.call('DELETE', '/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes');
    });
    afterAll(() => ours.dispose());

    it.each(Object.entries(EXCHANGES))('to %s is the same', async (_what, exchanges) => {
      const differences: string[] = [];
      for (const exchange of exchanges) {
        const found = await differencesOf(ours, plane, exchange);
        if (found.length > 0)
          differences.push(
            `${exchange.method} ${exchange.path} ${JSON.stringify(exchange.body ?? '')}`,
            ...found.map((line) => `  ${line}`),
          );
      }
      expect(differences.join('\n')).toBe('');
    });
  });
});
