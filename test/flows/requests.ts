/** Promotion requests as a client makes, reads and follows them. */
import { expect } from 'vitest';
import type { Image } from '../../local/demo/image-content.ts';
import { buildPaymentImage } from '../../local/demo/payment-image.ts';
import { attachSbom, pushImage, signImage } from '../../local/demo/push-image.ts';
import { type Answer, type FlowCloud, textOf } from './cloud.ts';

/** What a client uses of a cloud, in this process or another. */
type Client = Pick<FlowCloud, 'api' | 'endpoints' | 'until'>;

export const WORKLOAD = 'payment-api';

export interface PushedImage {
  image: Image;
  digest: string;
  signatureTag?: string;
  sbom: string;
}

/** Pushes an image of two platforms with an SBOM to dev; signed unless told otherwise. `healthy` is what the sample app does. */
export async function push(cloud: Client, version: string, healthy: string, { signed = true, name = WORKLOAD } = {}): Promise<PushedImage> {
  const to = { address: cloud.endpoints.registries.dev, name };
  const image = await buildPaymentImage(version, healthy);
  await pushImage(to, image, [version]);
  const sbom = await attachSbom(to, image, name, version);
  return { image, digest: image.digest, sbom, ...(signed && { signatureTag: await sign(cloud, image.digest, name) }) };
}

/** Signs with the key that the demo's policy trusts. */
export function sign(cloud: Client, digest: string, name = WORKLOAD): Promise<string> {
  return signImage({ address: cloud.endpoints.registries.dev, name }, digest, textOf(cloud.endpoints.signing.privateKey));
}

export interface Wishes {
  name?: string;
  sourceEnvironment?: string;
  targetEnvironment?: string;
  scheduledDate?: string;
  justification?: string;
  previewRef?: string;
}

export function bodyOf(version: string, wishes: Wishes = {}): Record<string, unknown> {
  const { name = WORKLOAD, sourceEnvironment, targetEnvironment, scheduledDate, previewRef } = wishes;
  return {
    target: {
      type: 'api',
      name,
      version,
      ...(sourceEnvironment && { sourceEnvironment }),
      ...(targetEnvironment && { targetEnvironment }),
    },
    request: {
      justification: wishes.justification ?? 'Customers wait for the new payment methods',
      releaseNotes: 'New payment methods',
      impactAssessment: 'medium',
      rollbackPlan: 'Promote the version before',
      ...(scheduledDate && { scheduledDate }),
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/builds/1',
    },
    ...(previewRef && { previewRef }),
  };
}

/** Creates a request and answers its address. */
export async function request(cloud: Client, environment: string, version: string, wishes: Wishes & { as?: string } = {}): Promise<string> {
  const { as = 'dev', ...more } = wishes;
  const answer = await cloud.api('POST', `/v1/requests/${environment}`, { as, body: bodyOf(version, more) });
  expect(answer.status, answer.text).toBe(201);
  return `/v1/requests/${environment}/${answer.body.metadata.id}`;
}

export const idOf = (path: string): string => path.split('/').at(-1)!;

const ENDS = ['blocked', 'succeeded', 'failed', 'rolled_back', 'rejected', 'expired', 'cancelled', 'superseded'];

/** The request once it is in one of the phases; fails with its status when it ends in another. */
export function reach(cloud: Client, path: string, ...phases: string[]): Promise<Answer['body']> {
  return cloud.until(`${path}: ${phases.join(' or ')}`, async () => {
    const { body } = await cloud.api('GET', path, { as: 'dev' });
    if (phases.includes(body.status.phase)) return body;
    if (ENDS.includes(body.status.phase)) expect.fail(`${path} is ${body.status.phase}: ${JSON.stringify(body.status, null, 1)}`);
    return undefined;
  });
}

/** Creates a request and waits until it asks for approval. */
export async function pending(cloud: Client, environment: string, version: string, wishes?: Wishes & { as?: string }): Promise<string> {
  const path = await request(cloud, environment, version, wishes);
  await reach(cloud, path, 'pending_approval');
  return path;
}

export async function approve(cloud: Client, path: string, ...people: string[]): Promise<void> {
  for (const as of people) {
    const answer = await cloud.api('POST', `${path}/approve`, { as, body: {} });
    expect(answer.status, answer.text).toBe(200);
  }
}

/** Brings a version to staging. */
export async function toStaging(cloud: Client, version: string, name = WORKLOAD): Promise<void> {
  const path = await pending(cloud, 'staging', version, { name });
  await approve(cloud, path, 'cpi');
  await reach(cloud, path, 'succeeded');
}

/** Environments without what the watch saw: it looks again every quarter of an hour, which is 3 min here. */
export function unwatched(body: Answer['body']): Answer['body'] {
  return JSON.parse(JSON.stringify(body, (key, value) => (key === 'watch' ? undefined : value)));
}

/** What must not change by a refusal. */
export async function standing(cloud: Client, path: string): Promise<object> {
  const { metadata, status } = (await cloud.api('GET', path, { as: 'dev' })).body;
  return { version: metadata.version, phase: status.phase, history: status.history, approvals: status.approvals };
}

/** Checks that a refusal has the shape of the contract. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code }, answer.text).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ type: expect.any(String), title: expect.any(String), status, detail: expect.any(String) });
  expect(answer.body.requestId).toEqual(expect.any(String));
}
