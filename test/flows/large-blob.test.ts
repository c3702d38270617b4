import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildImage, type Image } from '../../local/demo/image-content.ts';
import { pushImage } from '../../local/demo/push-image.ts';
import { type Assembly, changeTemplate, synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { approve, pending, reach } from './requests.ts';

const NAME = 'large-tool';
/** The smallest part that ECR takes. */
const PART = 5 * 1024 * 1024;
const PARTS = 20;

let cloud: FlowCloud;
let changed: Assembly & { dispose(): void };
let image: Image;
beforeAll(async () => {
  // Every pass is late from its beginning: it sends one part and ends.
  changed = changeTemplate(await synthesize(), (template) => {
    const [copy] = Object.entries(template.Resources).filter(
      ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith('CopyFunction'),
    );
    Object.assign(copy![1].Properties.Environment.Variables, { COPY_DEADLINE_SECONDS: '0', COPY_PART_BYTES: String(PART) });
  });
  cloud = await FlowCloud.start(changed);
  const layers = [randomBytes(PARTS * PART + 1)];
  image = await buildImage({ labels: {}, platforms: ['linux/amd64'], layersOf: () => layers });
  await pushImage({ address: cloud.endpoints.registries.dev, name: NAME }, image, ['1.0.0']);
});
afterAll(async () => {
  await cloud?.stop();
  changed?.dispose();
});

it('that is twenty times what one pass sends is promoted over as many passes, each byte sent once', async () => {
  const path = await pending(cloud, 'staging', '1.0.0', { name: NAME });
  await approve(cloud, path, 'cpi');
  await reach(cloud, path, 'succeeded');
  const calls = await cloud.calls();
  const count = (service: string, operation: string) =>
    calls.filter((call) => call.service === service && call.operation === operation).length;
  // The first finds no repository.
  expect(count('ecr', 'InitiateLayerUpload')).toBe(2);
  expect(count('ecr', 'UploadLayerPart')).toBe(PARTS + 1);
  expect(count('ecr', 'CompleteLayerUpload')).toBe(1);
  for (const { descriptor, bytes } of image.blobs) {
    const answer = await fetch(`http://${cloud.endpoints.registries.staging}/v2/${NAME}/blobs/${descriptor.digest}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes), descriptor.digest).toBe(true);
  }
});
