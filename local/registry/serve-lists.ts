/** Lists of the registry API: tags, repositories, referrers; in lexical order, page by page with `Link`. */
import type { ServerResponse } from 'node:http';
import { RegistryError } from './registry-error.ts';
import type { RegistryRequest } from './registry-request.ts';
import type { RegistryStore } from './registry-store.ts';

const REFERRERS_PER_PAGE = 1_000;
const INDEX = 'application/vnd.oci.image.index.v1+json';

export function serveTags(store: RegistryStore, request: RegistryRequest, response: ServerResponse): void {
  const tags = pageOf([...store.repository(request.repository).tags.keys()], request);
  send(response, 200, { name: request.repository, tags: tags.items }, tags.headers);
}

export function serveCatalog(store: RegistryStore, request: RegistryRequest, response: ServerResponse): void {
  const names = pageOf([...store.repositories.keys()], request);
  send(response, 200, { repositories: names.items }, names.headers);
}

/** Manifests that name this digest as their subject; an empty index when there are none, whether or not the subject exists. */
export function serveReferrers(store: RegistryStore, request: RegistryRequest, response: ServerResponse): void {
  const repository = store.repositories.get(request.repository);
  const wanted = request.query.get('artifactType');
  const digests = [...(repository?.referrers.get(request.reference) ?? [])].filter(
    (digest) => !wanted || repository!.manifests.get(digest)!.artifactType === wanted,
  );
  const page = pageOf(digests, request, REFERRERS_PER_PAGE);
  const manifests = page.items.map((digest) => {
    const { mediaType, size, artifactType, annotations } = repository!.manifests.get(digest)!;
    return { mediaType, digest, size, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
  });
  const headers = { ...page.headers, 'content-type': INDEX, ...(wanted && { 'oci-filters-applied': 'artifactType' }) };
  send(response, 200, { schemaVersion: 2, mediaType: INDEX, manifests }, headers);
}

export function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers }).end(text);
}

/** `n` entries after `last`, and the `Link` to the next page if there is one. `n=0` answers nothing, as the specification says. */
function pageOf(
  all: string[],
  { query, message }: RegistryRequest,
  most = Number.MAX_SAFE_INTEGER,
): { items: string[]; headers: Record<string, string> } {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,9}$/.test(asked)) throw new RegistryError(400, 'UNSUPPORTED', 'n is not a number');
  const limit = Math.min(most, asked === null ? most : Number(asked));
  const last = query.get('last');
  const rest = all.sort(byCodeUnit).filter((entry) => last === null || byCodeUnit(entry, last) > 0);
  const items = rest.slice(0, limit);
  if (items.length === 0 || items.length === rest.length) return { items, headers: {} };
  const next = new URLSearchParams(query);
  next.set('n', String(limit));
  next.set('last', items.at(-1)!);
  const path = (message.url ?? '').split('?')[0];
  return { items, headers: { link: `<${path}?${next}>; rel="next"` } };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
