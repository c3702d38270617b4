/** The node's images: pulls manifest and config from the registry named in the reference, and keeps what it needs to run them over restarts. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../../durable-file.ts';

export interface PulledImage {
  /** `127.0.0.1:PORT/repository@sha256:…`. */
  imageId: string;
  digest: string;
  labels: Record<string, string>;
  env: Record<string, string>;
}

/** The image cannot be had; `reason` is the kubelet's: `InvalidImageName` is final, `ErrImagePull` is tried again. */
export class PullFailed extends Error {
  override readonly name = 'PullFailed';
  readonly reason: 'InvalidImageName' | 'ErrImagePull';
  constructor(reason: 'InvalidImageName' | 'ErrImagePull', message: string) {
    super(message);
    this.reason = reason;
  }
}

interface Reference {
  host: string;
  repository: string;
  /** Tag or digest. */
  version: string;
}

const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const REFERENCE =
  /^(127\.0\.0\.1:\d{1,5}|localhost:\d{1,5})\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[a-f0-9]{64}))?$/;
const LARGEST_DOCUMENT = 4 * 1024 * 1024;
const PULL_TIMEOUT_MS = 15_000;

export class ImageStore {
  readonly #file: string;
  readonly #images: Record<string, PulledImage>;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = join(folder, 'images.json');
    this.#images = readImages(this.#file);
  }

  /** The image if the node has it under exactly this reference. */
  present(image: string): PulledImage | undefined {
    return Object.hasOwn(this.#images, image) ? this.#images[image] : undefined;
  }

  /** Pulls the image, checks every digest, and keeps it. Throws `PullFailed`. */
  async pull(image: string): Promise<PulledImage> {
    const reference = parseReference(image);
    const top = await this.#manifest(image, reference, reference.version);
    const index = top.body as { manifests?: { digest: string; platform?: { os?: string; architecture?: string } }[] };
    let manifest = top.body as { config?: { digest: string } };
    if (index.manifests) {
      const child = index.manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64');
      if (!child) throw failed(image, 'no match for platform in manifest: not found');
      manifest = (await this.#manifest(image, reference, child.digest)).body as typeof manifest;
    }
    if (!manifest.config?.digest) throw failed(image, 'manifest has no config');
    const bytes = await get(image, `http://${reference.host}/v2/${reference.repository}/blobs/${manifest.config.digest}`, {});
    if (digestOf(bytes) !== manifest.config.digest) throw failed(image, `config does not match ${manifest.config.digest}`);
    const { config } = parseJson(image, bytes) as { config?: { Labels?: Record<string, string> | null; Env?: string[] | null } };
    const pulled: PulledImage = {
      imageId: `${reference.host}/${reference.repository}@${top.digest}`,
      digest: top.digest,
      labels: config?.Labels ?? {},
      env: Object.fromEntries((config?.Env ?? []).map((line) => [line.split('=')[0]!, line.slice(line.indexOf('=') + 1)])),
    };
    this.#images[image] = pulled;
    writeFileDurably(this.#file, JSON.stringify(this.#images));
    return pulled;
  }

  async #manifest(image: string, { host, repository }: Reference, version: string): Promise<{ digest: string; body: unknown }> {
    const bytes = await get(image, `http://${host}/v2/${repository}/manifests/${version}`, { accept: MANIFEST_TYPES.join(', ') });
    const digest = digestOf(bytes);
    if (version.startsWith('sha256:') && version !== digest) throw failed(image, `manifest does not match ${version}`);
    return { digest, body: parseJson(image, bytes) };
  }
}

/** Only registries on this machine are reachable: an image name is chosen by whoever may write a pod. */
function parseReference(image: string): Reference {
  const [, host, repository, tag, digest] = REFERENCE.exec(image) ?? [];
  if (!host || !repository) {
    const known = /^[\w.:/@-]+$/.test(image);
    if (!known)
      throw new PullFailed(
        'InvalidImageName',
        `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`,
      );
    throw failed(image, 'this cluster pulls from registries on 127.0.0.1 only');
  }
  return { host, repository, version: digest ?? tag ?? 'latest' };
}

async function get(image: string, url: string, headers: Record<string, string>): Promise<Buffer> {
  let answer: Response;
  try {
    answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(PULL_TIMEOUT_MS) });
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
    throw failed(image, `failed to do request: Get "${url}": ${cause}`);
  }
  if (answer.status === 404) {
    await answer.body?.cancel();
    throw failed(image, `${url.slice(url.indexOf('/v2/'))}: not found`);
  }
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw failed(image, `unexpected status from GET request to ${url}: ${answer.status}`);
  }
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (bytes.length > LARGEST_DOCUMENT) throw failed(image, 'document is too large');
  return bytes;
}

function failed(image: string, detail: string): PullFailed {
  return new PullFailed('ErrImagePull', `failed to pull and unpack image "${image}": ${detail}`);
}

function parseJson(image: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw failed(image, 'document is not JSON');
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function readImages(file: string): Record<string, PulledImage> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, PulledImage>;
  } catch {
    return {};
  }
}
