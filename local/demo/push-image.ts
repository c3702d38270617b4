/** Pushes images, signatures and SBOMs as docker, cosign and oras do. */
import { createPrivateKey, sign } from 'node:crypto';
import { type Content, content, contentOf, type Descriptor, type Image, MANIFEST_TYPE } from './image-content.ts';

/** A repository at `127.0.0.1:PORT`. */
export interface Repository {
  address: string;
  name: string;
  /** Value of the header; absent: anonymous. */
  authorization?: string;
}

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
const SBOM_TYPE = 'application/spdx+json';

/** Blobs first, then the platforms, then the index and its tags. */
export async function pushImage(to: Repository, image: Image, tags: readonly string[]): Promise<void> {
  for (const blob of image.blobs) await putBlob(to, blob);
  for (const manifest of image.manifests) await putManifest(to, manifest, manifest.descriptor.digest);
  for (const tag of [image.digest, ...tags]) await putManifest(to, image.index, tag);
}

/** cosign's signature of a digest: a simple-signing payload, signed, under the tag `sha256-<hex>.sig`. `key` is a P-256 key (PEM). */
export async function signImage(to: Repository, digest: string, key: string): Promise<string> {
  const reference = `${to.address}/${to.name}`;
  const critical = {
    identity: { 'docker-reference': reference },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  };
  const payload = contentOf(SIMPLE_SIGNING, { critical, optional: null });
  const signature = sign('sha256', payload.bytes, createPrivateKey(key)).toString('base64');
  const config = contentOf('application/vnd.oci.image.config.v1+json', {
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: [payload.descriptor.digest] },
  });
  const layers = [{ ...payload.descriptor, annotations: { 'dev.cosignproject.cosign/signature': signature } }];
  const tag = `${digest.replace(':', '-')}.sig`;
  for (const blob of [payload, config]) await putBlob(to, blob);
  await putManifest(to, manifestOf(config.descriptor, layers), tag);
  return tag;
}

/** An SPDX document as a referrer of the image; answers the digest of its manifest. */
export async function attachSbom(to: Repository, image: Image, name: string, version: string): Promise<string> {
  const sbom = content(SBOM_TYPE, Buffer.from(JSON.stringify(spdx(name, version, image.digest))));
  const empty = content(EMPTY_TYPE, Buffer.from('{}'));
  for (const blob of [sbom, empty]) await putBlob(to, blob);
  const subject: Descriptor = image.index.descriptor;
  const manifest = manifestOf(empty.descriptor, [sbom.descriptor], { artifactType: SBOM_TYPE, subject });
  await putManifest(to, manifest, manifest.descriptor.digest);
  return manifest.descriptor.digest;
}

function spdx(name: string, version: string, digest: string): object {
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}`,
    documentNamespace: `https://example.com/spdx/${name}/${digest.slice('sha256:'.length)}`,
    creationInfo: { created: '1970-01-01T00:00:00Z', creators: ['Tool: greenlight-demo'] },
    packages: [{ SPDXID: 'SPDXRef-Package', name, versionInfo: version, downloadLocation: 'NOASSERTION', filesAnalyzed: false }],
  };
}

function manifestOf(config: Descriptor, layers: readonly object[], more: object = {}): Content {
  return contentOf(MANIFEST_TYPE, { schemaVersion: 2, mediaType: MANIFEST_TYPE, ...more, config, layers });
}

async function putBlob(to: Repository, { bytes, descriptor }: Content): Promise<void> {
  const base = `http://${to.address}/v2/${to.name}/blobs`;
  const present = await send(to, 'HEAD', `${base}/${descriptor.digest}`);
  if (present.status === 200) return;
  const begun = await send(to, 'POST', `${base}/uploads/`);
  if (begun.status !== 202) throw await refused('begin an upload', begun);
  const place = new URL(begun.headers.get('location') ?? '', base);
  place.searchParams.set('digest', descriptor.digest);
  const put = await send(to, 'PUT', place.href, { body: bytes, type: 'application/octet-stream' });
  if (put.status !== 201) throw await refused('upload a blob', put);
}

async function putManifest(to: Repository, { bytes, descriptor }: Content, reference: string): Promise<void> {
  const address = `http://${to.address}/v2/${to.name}/manifests/${reference}`;
  const answer = await send(to, 'PUT', address, { body: bytes, type: descriptor.mediaType });
  if (answer.status !== 201) throw await refused(`put ${to.name}:${reference}`, answer);
}

function send(to: Repository, method: string, address: string, content?: { body: Buffer; type: string }): Promise<Response> {
  const headers = { ...(to.authorization && { authorization: to.authorization }), ...(content && { 'content-type': content.type }) };
  return fetch(address, { method, headers, ...(content && { body: new Uint8Array(content.body) }) });
}

async function refused(what: string, answer: Response): Promise<Error> {
  return new Error(`${what}: the registry answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
}
