/** ECR behind an endpoint without signatures and IAM, so that real clients can call it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ECRClient } from '@aws-sdk/client-ecr';
import { createEcr, type Ecr, type EcrRegistryOptions } from '../../../local/ecr/ecr.ts';
import type { Caller, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext, type TestContextOptions } from '../context.ts';
import { COPIER, IMAGE, imageOf, sha256 } from '../registry/open-test-registry.ts';

export const DEV = '111111111111';
export const PROD = '333333333333';

export interface TestEcr {
  context: TestContext;
  ecr: Ecr;
  client: ECRClient;
  endpoint: string;
  /** Pushes an image of one layer over the dev registry and answers its digest. */
  push(repository: string, tag: string, layer: string, more?: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

export interface TestEcrOptions {
  caller?: Caller;
  context?: TestContextOptions;
  registries?: EcrRegistryOptions[];
}

export async function openTestEcr(options: TestEcrOptions = {}): Promise<TestEcr> {
  const context = makeContext('ecr', options.context);
  const ecr = await createEcr(context, {
    registries: options.registries ?? [
      { name: 'dev', account: DEV, anonymous: 'read-write' },
      { name: 'prod', account: PROD, anonymous: 'read', trustedRolePattern: 'arn:aws:iam::000000000000:role/copier*' },
    ],
  });
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const { status, headers, body } = await ecr.handle(requestOf(message.headers, Buffer.concat(chunks), options.caller));
    response.writeHead(status, headers).end(body as string);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ECRClient({ endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  const origin = `http://${ecr.origins.dev}`;
  const stop = async () => {
    client.destroy();
    server.closeAllConnections();
    server.close();
    await ecr.close();
  };
  return {
    context,
    ecr,
    client,
    endpoint,
    async push(repository, tag, layer, more) {
      for (const blob of ['{}', layer])
        await fetch(`${origin}/v2/${repository}/blobs/uploads/?digest=${sha256(blob)}`, { method: 'POST', body: blob });
      const body = imageOf(layer, more);
      const answer = await fetch(`${origin}/v2/${repository}/manifests/${tag}`, {
        method: 'PUT',
        body,
        headers: { 'content-type': IMAGE },
      });
      if (answer.status !== 201) throw new Error(`push: ${answer.status} ${await answer.text()}`);
      return sha256(body);
    },
    async stop() {
      await stop();
      await context.stop();
    },
    async dispose() {
      await stop();
      await context.dispose();
    },
  };
}

/** A request as the gateway hands it over. */
export function requestOf(headers: object, body: Buffer, caller: Caller = COPIER): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: headers as Record<string, string>,
    body,
    caller,
    requestId: 'test',
    presigned: false,
  };
}
