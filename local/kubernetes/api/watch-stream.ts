/** Watches: a stream of JSON lines `{type, object}` that starts at a resourceVersion, with bookmarks, selectors and an end. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../clock.ts';
import { expired, invalidOption } from '../kube-error.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Change, ObjectStore } from '../object-store.ts';
import { groupVersion, type ResourceKind } from '../resource-kinds.ts';
import { filterOf, wholeNumber } from './list-page.ts';
import type { Represent } from './representation.ts';

/** A client that names no `timeoutSeconds` is sent away after this, as by a real server after 30 to 60 minutes. */
const DEFAULT_TIMEOUT_SECONDS = 1_800;
const LONGEST_TIMEOUT_SECONDS = 24 * 3_600;
const BOOKMARK_EVERY_MS = 60_000;
/** Bytes that a slow client may leave unread before it is cut off. */
const LARGEST_BACKLOG = 16 * 1024 * 1024;

export interface WatchRequest {
  store: ObjectStore;
  clock: Clock;
  kind: ResourceKind;
  namespace: string | undefined;
  name: string | undefined;
  query: URLSearchParams;
  represent: Represent;
  response: ServerResponse;
}

/** Starts the stream and answers at once; it ends by itself. Throws 400 and 422 before anything is sent. */
export function startWatch(request: WatchRequest): void {
  const { store, kind, namespace, query, response } = request;
  const listed = query.get('sendInitialEvents') === 'true';
  if (query.has('sendInitialEvents') && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    const message = 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    throw invalidOption('ListOptions', 'resourceVersionMatch', { reason: 'FieldValueForbidden', message });
  }
  const admits = filterOf(kind, query, request.name);
  const inScope = (object: KubeObject) => namespace === undefined || object.metadata.namespace === namespace;
  const wanted = wholeNumber(query, 'resourceVersion');
  const seconds = Math.min(wholeNumber(query, 'timeoutSeconds') || DEFAULT_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS);
  const missed = wanted === 0 || listed ? [] : store.since(kind, wanted);

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  let first = true;
  const send = (type: string, object: KubeObject) => {
    if (response.writableEnded) return;
    response.write(`${JSON.stringify({ type, object: request.represent.event(object, first) })}\n`);
    first = false;
    if (response.writableLength > LARGEST_BACKLOG) response.destroy();
  };
  if (!missed) {
    const error = expired(`too old resource version: ${wanted} (${store.version})`);
    response.end(`${JSON.stringify({ type: 'ERROR', object: error.status() })}\n`);
    return;
  }
  const forward = (change: Change) => {
    // A version that is still to come: what happens until then is known there.
    if (change.kind !== kind || !inScope(change.object) || change.version <= wanted) return;
    const was = change.before !== undefined && admits(change.before);
    const is = change.type !== 'DELETED' && admits(change.object);
    if (is) send(was ? 'MODIFIED' : 'ADDED', change.object);
    else if (was) send('DELETED', change.type === 'DELETED' ? change.object : leaving(change));
  };
  const initial = query.has('sendInitialEvents') ? listed : wanted === 0;
  if (initial) for (const object of store.list(kind, namespace).filter(admits)) send('ADDED', object);
  if (listed && query.get('allowWatchBookmarks') === 'true') sendBookmark(request, { 'k8s.io/initial-events-end': 'true' });
  for (const change of missed) forward(change);
  const stop = store.onChange(forward);
  end(request, seconds, stop, query.get('allowWatchBookmarks') === 'true');
}

/** What leaves a selection is sent as it was, with the version at which it left. */
function leaving({ before, version }: Change): KubeObject {
  return { ...before!, metadata: { ...before!.metadata, resourceVersion: String(version) } };
}

function sendBookmark({ response, store, kind }: WatchRequest, annotations?: Record<string, string>): void {
  const metadata = { resourceVersion: String(store.version), ...(annotations ? { annotations } : {}) };
  const object = { kind: kind.kind, apiVersion: groupVersion(kind), metadata };
  if (!response.writableEnded) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
}

function end(request: WatchRequest, seconds: number, stop: () => void, bookmarks: boolean): void {
  const { response, clock } = request;
  const bookmark = () => sendBookmark(request);
  let timer: Timer | undefined;
  const arm = () => {
    timer = clock.after(BOOKMARK_EVERY_MS, () => {
      bookmark();
      arm();
    });
  };
  if (bookmarks) arm();
  // A time-out of HTTP counts real seconds.
  const limit = setTimeout(() => {
    if (bookmarks) bookmark();
    response.end();
  }, seconds * 1_000);
  response.on('close', () => {
    clearTimeout(limit);
    timer?.cancel();
    stop();
  });
}
