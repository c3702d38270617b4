/** Version 1.0.0 of payment-api in the three registries, as an earlier release process left it: tags, signature, digest known to the cluster. */

import { readFileSync } from 'node:fs';
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import type { RunningCloud } from '../world.ts';
import { clientSettings } from './aws-clients.ts';
import { buildPaymentImage } from './payment-image.ts';
import { pushImage, signImage } from './push-image.ts';
import { WORKLOAD } from './workload.ts';

export const SEED_VERSION = '1.0.0';

/** Pushes the image where it is missing and answers its digest, which is the same in all registries and at every start. */
export async function pushSeedImages(cloud: RunningCloud, accounts: Record<string, string>, signingKey: string): Promise<string> {
  const image = await buildPaymentImage(SEED_VERSION, 'true');
  const key = readFileSync(signingKey, 'utf8');
  const client = new ECRClient(clientSettings(cloud));
  try {
    for (const [environment, address] of Object.entries(cloud.registries)) {
      const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({ registryIds: [accounts[environment]!] }));
      const target = { address, name: WORKLOAD, authorization: `Basic ${authorizationData![0]!.authorizationToken}` };
      await pushImage(target, image, tagsIn(environment));
      await signImage(target, image.digest, key);
    }
  } finally {
    client.destroy();
  }
  return image.digest;
}

function tagsIn(environment: string): string[] {
  const own = [`${SEED_VERSION}-${environment}`, `latest-${environment}`];
  return environment === 'dev' ? [SEED_VERSION, ...own] : own;
}
