/** A registry on a free port over a temporary folder, and a small client that shows what went over the wire. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AuthorizationTokens } from '../../../local/ecr/authorization-tokens.ts';
import { openRegistry, type RegistryOptions } from '../../../local/registry/registry-server.ts';
import type { Caller } from '../../../local/service.ts';
import { makeContext, type TestContext, type TestContextOptions } from '../context.ts';

export const COPIER: Caller = {
  kind: 'role',
  accessKeyId: 'ASIACOPIER',
  roleArn: 'arn:aws:iam::000000000000:role/copier',
  functionName: 'copy',
};

export interface TestRegistry {
  context: TestContext;
  origin: string;
  tokens: AuthorizationTokens;
  folder: string;
  call(method: string, path: string, options?: { body?: Uint8Array | string; headers?: Record<string, string> }): Promise<Answer>;
  /** Pushes a blob in one request and answers its digest. */
  pushBlob(repository: string, bytes: Uint8Array | string): Promise<string>;
  /** Pushes an image of one layer under a tag or digest, with everything it needs. */
  pushImage(repository: string, reference: string, content: string, more?: Record<string, unknown>): Promise<Answer & { digest: string }>;
  /** Closes everything and keeps the data. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, field by field, by assertions
  json: any;
}

export const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Manifest of an image with one layer and an empty config. */
export function imageOf(layer: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: IMAGE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256('{}'), size: 2 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(layer), size: Buffer.byteLength(layer) }],
    ...more,
  });
}

export async function openTestRegistry(options: Partial<RegistryOptions> & { context?: TestContextOptions } = {}): Promise<TestRegistry> {
  const context = makeContext('ecr', options.context);
  const tokens = new AuthorizationTokens(context.folder, context.clock);
  const folder = join(context.folder, 'dev');
  const registry = await openRegistry(context, {
    name: 'dev',
    account: '111111111111',
    folder,
    anonymous: 'read-write',
    verifyPassword: (password) => tokens.verify(password),
    newRepository: () => ({ createdAt: context.clock.now(), mutability: 'MUTABLE', exclusions: [] }),
    ...options,
  });
  const origin = `http://${registry.address}`;
  const call: TestRegistry['call'] = async (method, path, { body, headers } = {}) => {
    const response = await fetch(new URL(path, origin), { method, ...(body !== undefined && { body }), ...(headers && { headers }) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  };
  const pushBlob: TestRegistry['pushBlob'] = async (repository, bytes) => {
    const digest = sha256(bytes);
    const answer = await call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    if (answer.status !== 201) throw new Error(`push of a blob: ${answer.status} ${answer.text}`);
    return digest;
  };
  return {
    context,
    origin,
    tokens,
    folder,
    call,
    pushBlob,
    async pushImage(repository, reference, content, more) {
      await pushBlob(repository, '{}');
      await pushBlob(repository, content);
      const body = imageOf(content, more);
      const answer = await call('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': IMAGE } });
      return { ...answer, digest: sha256(body) };
    },
    async stop() {
      await context.stop();
      await registry.close();
    },
    async dispose() {
      await registry.close();
      await context.dispose();
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
