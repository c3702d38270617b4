/**
 * All objects of the cluster, in memory and in a journal on disk. Every change has a resourceVersion; the latest changes are kept for watches.
 * `write` appends to the journal at once (it survives `kill -9`); `flush` makes it survive a power loss and runs before a write is acknowledged.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import { GrowingFile } from '../growing-file.ts';
import type { KubeObject } from './kube-object.ts';
import { type ResourceKind, resourceOf } from './resource-kinds.ts';

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  kind: ResourceKind;
  version: number;
  /** State after the change; for DELETED the last state, with the version of the deletion. */
  object: KubeObject;
  before: KubeObject | undefined;
}

/** Changes kept for watches that resume; an older resourceVersion is answered with 410. */
const HISTORY = 2_000;
/** Journal lines after which the snapshot is rewritten. */
const COMPACT_AFTER = 4_000;

interface Line {
  v: number;
  /** The object, or its key with `deleted`. */
  o: KubeObject;
  deleted?: true;
}

export class ObjectStore {
  readonly #folder: string;
  readonly #byKind = new Map<ResourceKind, Map<string, KubeObject>>();
  readonly #history: Change[] = [];
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #journal: GrowingFile;
  #version = 0;
  #oldest = 0;
  #lines = 0;
  #dirty = false;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#load();
    this.#journal = new GrowingFile(join(folder, 'journal.jsonl'));
    // A torn last line of a crash must not swallow the next one.
    this.#compact();
  }

  /** Latest resourceVersion of the cluster. */
  get version(): number {
    return this.#version;
  }

  get(kind: ResourceKind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects(kind).get(keyOf(kind, namespace, name));
  }

  /** Objects of a kind, of one namespace or of all, ordered by namespace and name. */
  list(kind: ResourceKind, namespace?: string): KubeObject[] {
    const all = [...this.#objects(kind).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  /** Stores the object under a new resourceVersion, which it writes into `object`. */
  write(kind: ResourceKind, object: KubeObject): KubeObject {
    const key = keyOf(kind, object.metadata.namespace, object.metadata.name);
    const before = this.#objects(kind).get(key);
    object.metadata.resourceVersion = String(++this.#version);
    this.#append({ v: this.#version, o: object });
    this.#objects(kind).set(key, object);
    this.#publish({ type: before ? 'MODIFIED' : 'ADDED', kind, version: this.#version, object, before });
    return object;
  }

  remove(kind: ResourceKind, object: KubeObject): void {
    const key = keyOf(kind, object.metadata.namespace, object.metadata.name);
    const before = this.#objects(kind).get(key);
    if (!before) return;
    const last: KubeObject = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.#version) } };
    this.#append({ v: this.#version, o: { apiVersion: last.apiVersion, kind: last.kind, metadata: last.metadata }, deleted: true });
    this.#objects(kind).delete(key);
    this.#publish({ type: 'DELETED', kind, version: this.#version, object: last, before });
  }

  /** Calls back after each change, in order. Answers the function that ends it. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes of a kind after `version`; undefined when they are no longer all known. */
  since(kind: ResourceKind, version: number): Change[] | undefined {
    if (version < this.#oldest) return undefined;
    return this.#history.filter((change) => change.kind === kind && change.version > version);
  }

  /** Everything written so far is on disk when this returns. */
  flush(): void {
    if (!this.#dirty) return;
    this.#journal.sync();
    this.#dirty = false;
  }

  close(): void {
    this.flush();
    this.#listeners.clear();
    this.#journal.close();
  }

  #objects(kind: ResourceKind): Map<string, KubeObject> {
    let objects = this.#byKind.get(kind);
    if (!objects) {
      objects = new Map();
      this.#byKind.set(kind, objects);
    }
    return objects;
  }

  #publish(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > HISTORY) this.#oldest = this.#history.shift()!.version;
    for (const listener of this.#listeners) listener(change);
  }

  #append(line: Line): void {
    this.#journal.append(`${JSON.stringify(line)}\n`);
    this.#dirty = true;
    // Compaction happens before the object is in the map: the line just written would be lost, so it waits for the next one.
    if (++this.#lines > COMPACT_AFTER) queueMicrotask(() => this.#lines > COMPACT_AFTER && this.#compact());
  }

  #compact(): void {
    const objects = [...this.#byKind.values()].flatMap((each) => [...each.values()]);
    writeFileDurably(join(this.#folder, 'objects.json'), JSON.stringify({ version: this.#version, objects }));
    this.#journal.empty();
    this.#lines = 0;
  }

  #load(): void {
    const snapshot = join(this.#folder, 'objects.json');
    if (existsSync(snapshot)) {
      const { version, objects } = JSON.parse(readFileSync(snapshot, 'utf8')) as { version: number; objects: KubeObject[] };
      this.#version = version;
      for (const object of objects) this.#replay({ v: 0, o: object });
    }
    const journal = join(this.#folder, 'journal.jsonl');
    if (existsSync(journal)) {
      for (const text of readFileSync(journal, 'utf8').split('\n')) {
        const line = parseLine(text);
        // Lines up to the snapshot's version are left over from a crash between snapshot and truncation.
        if (line && line.v > this.#version) {
          this.#replay(line);
          this.#version = line.v;
        }
      }
    }
    // Watches of the process before this one have to list again, as after a restart of a real API server's cache.
    this.#oldest = this.#version;
  }

  #replay({ o, deleted }: Line): void {
    const kind = resourceOf(o.apiVersion, o.kind);
    if (!kind) throw new Error(`stored object of unknown kind ${o.apiVersion} ${o.kind}`);
    const key = keyOf(kind, o.metadata.namespace, o.metadata.name);
    if (deleted) this.#objects(kind).delete(key);
    else this.#objects(kind).set(key, o);
  }
}

function keyOf(kind: ResourceKind, namespace: string | undefined, name: string): string {
  return kind.namespaced ? `${namespace}/${name}` : name;
}

function parseLine(text: string): Line | undefined {
  if (!text) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
