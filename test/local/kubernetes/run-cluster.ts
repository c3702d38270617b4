/** Runs a cluster in a process of its own, to be killed: `node --import tsx run-cluster.ts DATA IMAGE`. Prints a line once a rollout is under way. */
import { DEPLOYMENTS, deployment, NAMESPACE, SERVICE, startCluster, until } from './test-cluster.ts';

async function main(data: string, image: string): Promise<void> {
  const manifests = [NAMESPACE, SERVICE, deployment('stable', image, 4)];
  const cluster = await startCluster({ data, scale: 0.2, clusters: [{ name: 'demo', accessEntries: [], manifests }] });
  const { body } = await until(async () => {
    const answer = await cluster.call('GET', `${DEPLOYMENTS}/stable`);
    return (answer.body.status?.readyReplicas ?? 0) > 0 && answer;
  });
  console.log(`rolling ${body.metadata.uid}`);
}

const [data, image] = process.argv.slice(2);
void main(data!, image!);
