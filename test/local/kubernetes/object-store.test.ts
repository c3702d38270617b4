/** What the store keeps: over restarts, torn writes and many changes. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeObject } from '../../../local/kubernetes/kube-object.ts';
import { ObjectStore } from '../../../local/kubernetes/object-store.ts';
import { CONFIG_MAPS } from '../../../local/kubernetes/resource-kinds.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'object-store-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function map(name: string, value = ''): KubeObject {
  const metadata = { name, namespace: 'prod', uid: name, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
}

it('has everything after a kill, and counts versions on', () => {
  const store = new ObjectStore(folder);
  store.write(CONFIG_MAPS, map('a', '1'));
  store.write(CONFIG_MAPS, map('b'));
  store.write(CONFIG_MAPS, map('a', '2'));
  store.remove(CONFIG_MAPS, store.get(CONFIG_MAPS, 'prod', 'b')!);
  // No close: the process was killed. The last line is torn.
  appendFileSync(join(folder, 'journal.jsonl'), '{"v":99,"o":{"apiVer');
  const again = new ObjectStore(folder);
  expect(again.list(CONFIG_MAPS).map((object) => object.data)).toEqual([{ value: '2' }]);
  expect(again.version).toBe(4);
  expect(again.write(CONFIG_MAPS, map('c')).metadata.resourceVersion).toBe('5');
  expect(new ObjectStore(folder).get(CONFIG_MAPS, 'prod', 'c')).toBeDefined();
});

it('forgets old changes, and says so to whoever asks for them', () => {
  const store = new ObjectStore(folder);
  for (let count = 0; count < 2_010; count++) store.write(CONFIG_MAPS, map('a', String(count)));
  expect(store.since(CONFIG_MAPS, 5)).toBeUndefined();
  expect(store.since(CONFIG_MAPS, 2_000)).toHaveLength(10);
  expect(new ObjectStore(folder).since(CONFIG_MAPS, 2_000)).toBeUndefined();
});

it('rewrites its journal before it grows without bound, and loses nothing by that', async () => {
  const store = new ObjectStore(folder);
  for (let count = 0; count < 4_001; count++) store.write(CONFIG_MAPS, map(`m${count % 7}`, String(count)));
  const before = statSync(join(folder, 'journal.jsonl')).size;
  await Promise.resolve();
  store.write(CONFIG_MAPS, map('last'));
  expect(statSync(join(folder, 'journal.jsonl')).size).toBeLessThan(before / 100);
  expect(readFileSync(join(folder, 'objects.json'), 'utf8')).toContain('"version":4001');
  expect(new ObjectStore(folder).list(CONFIG_MAPS)).toHaveLength(8);
});
