/** Looks at the world itself: whether registries and cluster are as the API says. */
import type { DemoEndpoints } from './demo-cloud.ts';
import { expect } from './demo-record.ts';
import { INDEX_TYPE, MANIFEST_TYPE } from './image-content.ts';
import { KubernetesAdmin } from './kubernetes-admin.ts';
import { WORKLOAD } from './workload.ts';

export interface PushedImage {
  digest: string;
  manifests: string[];
  signatureTag: string;
  sbomDigest: string;
}

/** Index, platforms, signature and SBOM must be the same bytes in both registries, and the tags must be written. Answers what was compared. */
export async function compareRegistries(endpoints: DemoEndpoints, image: PushedImage, version: string): Promise<string> {
  const { dev, prod } = endpoints.registries;
  const references = [image.digest, ...image.manifests, image.signatureTag, image.sbomDigest];
  for (const reference of references) {
    const [source, target] = await Promise.all([manifest(dev, reference), manifest(prod, reference)]);
    expect(source.equals(target), `${reference} has other bytes in prod`);
  }
  const tagged = [`${version}-prod`, 'latest-prod'];
  for (const tag of tagged) {
    expect((await manifest(prod, tag)).equals(await manifest(dev, image.digest)), `${tag} in prod is not the promoted index`);
  }
  const answer = await fetch(`http://${prod}/v2/${WORKLOAD}/referrers/${image.digest}`);
  const { manifests } = (await answer.json()) as { manifests: { digest: string }[] };
  expect(
    manifests.some(({ digest }) => digest === image.sbomDigest),
    'prod does not list the SBOM as a referrer',
  );
  return `index, ${image.manifests.length} platforms, signature and SBOM are the same bytes; tags ${tagged.join(', ')}`;
}

/** The stable Deployment must run the digest and nothing else, the canary nothing, and the front door must answer with it. */
export async function checkWorkload(endpoints: DemoEndpoints, environment: string, digest: string, version: string): Promise<string> {
  const cluster = new KubernetesAdmin(endpoints.kubeconfig);
  const [stable, canary] = await Promise.all(['stable', 'canary'].map((track) => deployment(cluster, environment, track)));
  const image = stable!.spec.template.spec.containers[0]!.image;
  expect(image.endsWith(`@${digest}`), `${environment} runs ${image}`);
  expect(
    stable!.status.readyReplicas === stable!.spec.replicas,
    `only ${stable!.status.readyReplicas ?? 0} of ${stable!.spec.replicas} are ready`,
  );
  expect(canary!.spec.replicas === 0, `the canary still has ${canary!.spec.replicas} replicas`);
  const app = endpoints.apps[`${environment}/${WORKLOAD}`]!;
  for (let request = 0; request < stable!.spec.replicas; request++) {
    const answer = (await (await fetch(`${app}/version`)).json()) as { digest: string; version: string };
    expect(answer.digest === digest && answer.version === version, `the front door answers with ${answer.version} (${answer.digest})`);
  }
  return `${stable!.spec.replicas} pods of ${environment} run ${version} (${digest.slice(0, 19)})`;
}

interface Deployment {
  spec: { replicas: number; template: { spec: { containers: { image: string }[] } } };
  status: { readyReplicas?: number };
}

async function deployment(cluster: KubernetesAdmin, namespace: string, track: string): Promise<Deployment> {
  const found = await cluster.get<Deployment>('apps/v1', 'Deployment', namespace, `${WORKLOAD}-${track}`);
  expect(found !== undefined, `${namespace} has no Deployment ${WORKLOAD}-${track}`);
  return found;
}

async function manifest(registry: string, reference: string): Promise<Buffer> {
  const headers = { accept: `${INDEX_TYPE}, ${MANIFEST_TYPE}` };
  const answer = await fetch(`http://${registry}/v2/${WORKLOAD}/manifests/${reference}`, { headers });
  expect(answer.status === 200, `${registry} answers ${answer.status} for ${reference}`);
  return Buffer.from(await answer.arrayBuffer());
}
