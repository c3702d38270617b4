/**
 * The demo's world: what a company has besides Greenlight's stacks. Three registries (dev is anyone's to write, the others only the copy function's),
 * a cluster with payment-api in three namespaces, people, a signing key, the service behind the http gate, and Slack.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EcrRegistryOptions } from '../ecr/ecr.ts';
import type { IssuerPerson } from '../issuer/people.ts';
import type { Surroundings, World } from '../world.ts';
import { openDemoServers } from './demo-servers.ts';
import { KubernetesAdmin } from './kubernetes-admin.ts';
import { runSampleApp } from './sample-app.ts';
import { seed } from './seed.ts';
import { openSigningKeys } from './signing-keys.ts';
import { ADOPT_GROUP, clusterObjects, NAMESPACES, ROLLOUT_GROUP, WORKLOAD } from './workload.ts';

const ACCOUNT = '000000000000';
/** Roles are named `<stack>-<logical id>`. */
const roleOf = (construct: string): string => `arn:aws:iam::${ACCOUNT}:role/Greenlight-${construct}Role*`;

/** `<version>-<environment>` never moves; `latest-<environment>` and the tags of signatures may. */
const FIXED_TAGS = { tagMutability: 'IMMUTABLE_WITH_EXCLUSION', tagExclusions: ['latest-*', 'sha256-*'] } as const;
const promotedInto = (name: string, account: string): EcrRegistryOptions => ({
  name,
  account,
  anonymous: 'read',
  // Requests and gates read here; of the roles only the copy function's has the permission to write.
  trustedRolePattern: `arn:aws:iam::${ACCOUNT}:role/Greenlight-*`,
  ...FIXED_TAGS,
  tagExclusions: [...FIXED_TAGS.tagExclusions],
});
const registries: EcrRegistryOptions[] = [
  { name: 'dev', account: ACCOUNT, anonymous: 'read-write' },
  promotedInto('staging', '111111111111'),
  promotedInto('prod', '222222222222'),
];
const accounts = Object.fromEntries(registries.map(({ name, account }) => [name, account]));

/** The world with these people; everything else is fixed. */
export const demoWorld = (people: readonly IssuerPerson[]): World => ({
  account: ACCOUNT,
  region: 'eu-central-1',
  registries,
  clusters: () => [
    {
      name: 'demo',
      accessEntries: [
        { rolePattern: roleOf('Rollout'), groups: [ROLLOUT_GROUP] },
        { rolePattern: roleOf('Adopt'), groups: [ADOPT_GROUP] },
        // Retention asks what runs, with the same right to read.
        { rolePattern: roleOf('Retain'), groups: [ADOPT_GROUP] },
      ],
    },
  ],
  runContainer: runSampleApp,
  issuer: { people, clientId: 'greenlight-console', audience: 'greenlight' },
  async parameters(surroundings) {
    const servers = await openDemoServers(surroundings.dataFolder);
    const origins = [
      ...Object.values(surroundings.registries).map((address) => `http://${address}`),
      ...(await openServices(surroundings)),
      servers.gateOrigin,
      servers.slackOrigin,
      servers.webhookOrigin,
      // Sign-in exchanges its code there.
      surroundings.issuer!.origin,
    ];
    return {
      OidcIssuer: surroundings.issuer!.origin,
      AllowedOrigins: [...new Set(origins)].join(','),
      TrustedSigningKeyPem: openSigningKeys(surroundings.dataFolder).publicKeyPem,
      HttpGateAddress: servers.gateUrl,
    };
  },
  seed: (cloud) => seed(cloud, accounts),
});

/**
 * Creates the objects that need no image, and answers the origins of the load balancers: the functions may reach those for smoke checks, so the
 * stacks must know them before they are provisioned. The cluster serves already; it gives a Service its port at once and keeps it.
 */
async function openServices({ dataFolder }: Surroundings): Promise<string[]> {
  const cluster = new KubernetesAdmin(join(dataFolder, 'eks', 'kubeconfig'));
  await cluster.create(clusterObjects());
  const origins: string[] = [];
  for (const namespace of NAMESPACES) {
    let origin = await originOf(cluster, namespace);
    for (let tries = 0; origin === undefined && tries < 100; tries++) {
      await sleep(20);
      origin = await originOf(cluster, namespace);
    }
    if (origin === undefined) throw new Error(`the Service ${namespace}/${WORKLOAD} got no address`);
    origins.push(origin);
  }
  return origins;
}

interface BalancedService {
  status?: { loadBalancer?: { ingress?: { ip: string; ports?: { port: number }[] }[] } };
}

async function originOf(cluster: KubernetesAdmin, namespace: string): Promise<string | undefined> {
  const service = await cluster.get<BalancedService>('v1', 'Service', namespace, WORKLOAD);
  const ingress = service?.status?.loadBalancer?.ingress?.[0];
  const port = ingress?.ports?.[0]?.port;
  return ingress && port !== undefined ? `http://${ingress.ip}:${port}` : undefined;
}
