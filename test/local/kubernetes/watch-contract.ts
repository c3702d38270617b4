/** Watches as streams of events: our API server's tests, and a real one's in test/conformance. */
import { get } from 'node:https';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { type Caller, until } from './test-cluster.ts';

const CONFIG_MAPS = '/api/v1/namespaces/prod/configmaps';
const MERGE = { contentType: 'application/merge-patch+json' };

interface Stream {
  events: { type: string; object: Fields }[];
  ended: boolean;
  close(): void;
}

/** `open` answers an API server with a namespace `prod`. */
export function describeWatches(open: () => Promise<Caller>): void {
  let cluster: Caller;
  beforeAll(async () => {
    cluster = await open();
  });

  function watch(query: string, accept = 'application/json'): Promise<Stream> {
    const url = `${cluster.origin}${CONFIG_MAPS}?watch=true&${query}`;
    return new Promise((resolve, reject) => {
      const request = get(url, { ca: cluster.ca, headers: { authorization: `Bearer ${cluster.token}`, accept } }, (response) => {
        const stream: Stream = { events: [], ended: false, close: () => request.destroy() };
        let rest = '';
        response.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk.toString('utf8')).split('\n');
          rest = lines.pop()!;
          for (const line of lines) stream.events.push(JSON.parse(line));
        });
        response.on('end', () => (stream.ended = true));
        response.on('error', () => undefined);
        resolve(stream);
      });
      request.on('error', (error) => (error.message.includes('hang up') ? undefined : reject(error)));
    });
  }

  const create = (name: string, labels: Fields = {}) => cluster.call('POST', CONFIG_MAPS, { metadata: { name, labels } });
  const summary = (stream: Stream) => stream.events.map(({ type, object }) => `${type} ${object.metadata.name}`);

  describe('a watch', () => {
    it('goes on after a resourceVersion without losing or repeating a change', async () => {
      const { body } = await create('w1');
      await create('w2');
      const stream = await watch(`resourceVersion=${body.metadata.resourceVersion}`);
      await create('w3');
      await until(async () => stream.events.length === 2);
      expect(summary(stream)).toEqual(['ADDED w2', 'ADDED w3']);
      stream.close();
    });

    it('shows objects that enter and leave the selection', async () => {
      const stream = await watch('labelSelector=in%3Dyes');
      await create('s1');
      await cluster.call('PATCH', `${CONFIG_MAPS}/s1`, { metadata: { labels: { in: 'yes' } } }, MERGE);
      await cluster.call('PATCH', `${CONFIG_MAPS}/s1`, { data: { a: '1' } }, MERGE);
      await cluster.call('PATCH', `${CONFIG_MAPS}/s1`, { metadata: { labels: { in: 'no' } } }, MERGE);
      await until(async () => stream.events.length === 3);
      expect(summary(stream)).toEqual(['ADDED s1', 'MODIFIED s1', 'DELETED s1']);
      stream.close();
    });

    it('that names a version still to come tells what happens after it', async () => {
      const { body } = await create('f1');
      const ahead = Number(body.metadata.resourceVersion) + 1;
      const stream = await watch(`resourceVersion=${ahead}&fieldSelector=metadata.name%3Df1`);
      for (const value of ['1', '2', '3']) await cluster.call('PATCH', `${CONFIG_MAPS}/f1`, { data: { value } }, MERGE);
      await until(async () => stream.events.at(-1)?.object.data?.value === '3');
      expect(stream.events.every(({ type, object }) => type === 'MODIFIED' && Number(object.metadata.resourceVersion) > ahead)).toBe(true);
      stream.close();
    });

    it('lists first when it is asked to, and says when that is done', async () => {
      await create('i1', { initial: 'yes' });
      const selection = 'labelSelector=initial&sendInitialEvents=true&allowWatchBookmarks=true';
      const stream = await watch(`${selection}&resourceVersionMatch=NotOlderThan`);
      await until(async () => stream.events.length === 2);
      await create('i2', { initial: 'yes' });
      await until(async () => stream.events.length === 3);
      expect(stream.events.map(({ type, object }) => [type, object.metadata.name])).toEqual([
        ['ADDED', 'i1'],
        ['BOOKMARK', undefined],
        ['ADDED', 'i2'],
      ]);
      expect(stream.events[1]!.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      stream.close();
      const refused = await cluster.call('GET', `${CONFIG_MAPS}?watch=true&${selection}`);
      expect(refused.body).toMatchObject({ code: 422, reason: 'Invalid', details: { kind: 'ListOptions' } });
    });

    it('sends bookmarks, and ends after timeoutSeconds', async () => {
      const stream = await watch('allowWatchBookmarks=true&timeoutSeconds=1');
      await until(async () => stream.ended);
      const last = stream.events.at(-1)!;
      expect(last.type).toBe('BOOKMARK');
      expect(Number(last.object.metadata.resourceVersion)).toBeGreaterThan(0);
    });

    it('sends tables with column definitions in the first event only', async () => {
      const stream = await watch('', 'application/json;as=Table;v=v1;g=meta.k8s.io');
      await until(async () => stream.events.length > 1);
      expect(stream.events[0]!.object.columnDefinitions[0]).toMatchObject({ name: 'Name', format: 'name' });
      expect(stream.events[1]!.object).toMatchObject({ kind: 'Table', columnDefinitions: null });
      stream.close();
    });
  });
}
