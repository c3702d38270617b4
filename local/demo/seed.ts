/** Brings a fresh cloud to the demo's beginning: payment-api 1.0.0 runs in all three environments, and Greenlight knows it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { writeFileDurably } from '../durable-file.ts';
import type { RunningCloud } from '../world.ts';
import { writeAuditPublicKey } from './audit-key.ts';
import { clientSettings } from './aws-clients.ts';
import { openDemoServers } from './demo-servers.ts';
import { KubernetesAdmin } from './kubernetes-admin.ts';
import { putSecretValues } from './secret-values.ts';
import { pushSeedImages, SEED_VERSION } from './seed-images.ts';
import { openSigningKeys } from './signing-keys.ts';
import { deployments, NAMESPACES, WORKLOAD } from './workload.ts';

/** Longest real time that the first pods take to become ready. */
const READY_LIMIT_MS = 60_000;

/** Runs after every start; images, Deployments and adoption only until they were done once. Answers the demo's part of `endpoints.json`. */
export async function seed(cloud: RunningCloud, accounts: Record<string, string>): Promise<Record<string, unknown>> {
  const keys = openSigningKeys(cloud.dataFolder);
  const servers = await openDemoServers(cloud.dataFolder);
  await putSecretValues(cloud, servers.slackWebhook);
  const auditPublicKey = await writeAuditPublicKey(cloud);
  const done = join(cloud.dataFolder, 'demo', 'seeded');
  if (!existsSync(done)) {
    const digest = await pushSeedImages(cloud, accounts, keys.privateKey);
    await runWorkload(cloud, digest);
    await adopt(cloud);
    writeFileDurably(done, `${cloud.now().toISOString()}\n`);
  }
  return {
    console: `${cloud.api}/console`,
    signing: { privateKey: keys.privateKey, publicKey: keys.publicKey },
    auditPublicKey,
    issuer: cloud.issuer?.origin ?? null,
    issuerPasswordFile: cloud.issuer?.passwordFile ?? null,
    slack: servers.slackOrigin,
    webhooks: servers.webhookOrigin,
  };
}

/** Creates the Deployments and waits until their pods serve. */
async function runWorkload(cloud: RunningCloud, digest: string): Promise<void> {
  const cluster = new KubernetesAdmin(cloud.kubeconfig!);
  for (const namespace of NAMESPACES) {
    await cluster.create(deployments(namespace, `${cloud.registries[namespace]}/${WORKLOAD}@${digest}`, SEED_VERSION));
  }
  const until = performance.now() + READY_LIMIT_MS;
  for (const namespace of NAMESPACES) {
    while (!(await isReady(cluster, namespace))) {
      if (performance.now() > until) throw new Error(`${WORKLOAD} did not become ready in ${namespace} within ${READY_LIMIT_MS / 1000} s`);
      await sleep(100);
    }
  }
}

async function isReady(cluster: KubernetesAdmin, namespace: string): Promise<boolean> {
  const deployment = await cluster.get<{ spec: { replicas: number }; status?: { readyReplicas?: number } }>(
    'apps/v1',
    'Deployment',
    namespace,
    `${WORKLOAD}-stable`,
  );
  return deployment !== undefined && (deployment.status?.readyReplicas ?? 0) >= deployment.spec.replicas;
}

/** The engine records what runs unrecorded; an operator invokes it once after the first deployment. */
async function adopt(cloud: RunningCloud): Promise<void> {
  const name = Object.values(cloud.outputs).flatMap((outputs) => (outputs['AdoptFunction'] ? [String(outputs['AdoptFunction'])] : []))[0];
  if (name === undefined) throw new Error('no stack has the output AdoptFunction');
  const client = new LambdaClient({ ...clientSettings(cloud), maxAttempts: 1 });
  try {
    const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: Buffer.from('{}') }));
    if (answer.FunctionError)
      throw new Error(
        `${name} failed: ${Buffer.from(answer.Payload ?? [])
          .toString('utf8')
          .slice(0, 2_000)}`,
      );
  } finally {
    client.destroy();
  }
}
