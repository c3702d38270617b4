/**
 * One bucket on disk. Each version is a data file and a metadata file, both written to a temporary file, synced and linked to their final name;
 * the metadata file is the commit: without it the data does not exist, and a start removes what a crash left half done.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { link, open, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../clock.ts';
import { createFileDurably, syncFolder, writeFileDurably } from '../durable-file.ts';
import type { BucketSettings } from './bucket-settings.ts';
import type { Retention } from './object-lock.ts';
import { type ObjectVersion, versionIdOf } from './object-version.ts';
import { VersionIndex } from './version-index.ts';

/** What a caller knows about a new version; the bucket adds identity, order and time. */
export type NewVersion = Omit<ObjectVersion, 'versionId' | 'sequence' | 'lastModified'>;

export class Bucket {
  readonly name: string;
  readonly folder: string;
  readonly index = new VersionIndex();
  settings: BucketSettings;
  readonly #versionsFolder: string;
  readonly #now: () => Instant;
  #sequence = 0;

  constructor(folder: string, settings: BucketSettings, now: () => Instant) {
    this.name = settings.name;
    this.folder = folder;
    this.settings = settings;
    this.#now = now;
    this.#versionsFolder = join(folder, 'versions');
    mkdirSync(this.#versionsFolder, { recursive: true, mode: 0o700 });
    this.#load();
  }

  saveSettings(change: Partial<BucketSettings>): void {
    const settings = { ...this.settings, ...change };
    writeFileDurably(join(this.folder, 'bucket.json'), JSON.stringify(settings, null, 2));
    this.settings = settings;
  }

  /** Path of the bytes of a version. */
  dataPath(version: { file: string }): string {
    return join(this.#versionsFolder, `${version.file}.data`);
  }

  /** Writes bytes durably under a new name, still invisible. `discardData` takes them back. */
  async writeData(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
    const file = randomBytes(16).toString('hex');
    const temporary = join(this.#versionsFolder, `${file}.tmp`);
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        for await (const chunk of chunks) await handle.writeFile(chunk);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await link(temporary, this.dataPath({ file }));
    } finally {
      await rm(temporary, { force: true });
    }
    return file;
  }

  async discardData(file: string): Promise<void> {
    await unlink(this.dataPath({ file }));
  }

  /**
   * Makes a version visible: one synchronous step, so whatever the caller checked in the same turn still holds. In a bucket that never had
   * versioning, or has it suspended, it takes the place of the version `null`.
   */
  commit(draft: NewVersion): ObjectVersion {
    const sequence = ++this.#sequence;
    const versionId = this.settings.versioning === 'Enabled' ? versionIdOf(sequence, randomBytes(16)) : 'null';
    const version: ObjectVersion = { ...draft, versionId, sequence, lastModified: Math.floor(this.#now() / 1000) * 1000 };
    if (!createFileDurably(this.#metadataPath(version), JSON.stringify(version)))
      throw new Error(`file name ${version.file} was used twice`);
    const replaced = versionId === 'null' ? this.index.versions(version.key).find((other) => other.versionId === 'null') : undefined;
    this.index.add(version);
    if (replaced) this.remove(replaced);
    return version;
  }

  /** Adds a delete marker on top of a key. */
  commitDeleteMarker(key: string): ObjectVersion {
    const file = randomBytes(16).toString('hex');
    return this.commit({
      key,
      file,
      deleteMarker: true,
      size: 0,
      etag: '',
      headers: {},
      metadata: {},
      encryption: { algorithm: 'AES256' },
    });
  }

  /** Changes retention or legal hold of a version. */
  update(version: ObjectVersion, change: { retention?: Retention | undefined; legalHold?: boolean }): void {
    const next = { ...version, ...change };
    writeFileDurably(this.#metadataPath(version), JSON.stringify(next));
    Object.assign(version, next);
  }

  /** Deletes a version for good. The metadata goes first: a crash in between leaves bytes without a name, which the next start removes. */
  remove(version: ObjectVersion): void {
    rmSync(this.#metadataPath(version), { force: true });
    syncFolder(this.#versionsFolder);
    if (!version.deleteMarker) rmSync(this.dataPath(version), { force: true });
    this.index.remove(version);
  }

  #metadataPath(version: { file: string }): string {
    return join(this.#versionsFolder, `${version.file}.json`);
  }

  #load(): void {
    const names = new Set(readdirSync(this.#versionsFolder));
    const versions: ObjectVersion[] = [];
    for (const name of [...names]) {
      // Files get their names when they are synced: one without content, or without its bytes, was never acknowledged.
      if (!name.endsWith('.json') || this.#isWhole(name, names)) continue;
      names.delete(name);
      rmSync(join(this.#versionsFolder, name));
    }
    for (const name of names) {
      if (name.endsWith('.json')) versions.push(this.#read(name));
      else if (name.endsWith('.tmp') || !names.has(name.replace(/\.data$/, '.json')))
        rmSync(join(this.#versionsFolder, name), { force: true });
    }
    this.#sequence = versions.reduce((highest, version) => Math.max(highest, version.sequence), 0);
    this.index.load(versions);
    this.#dropReplacedNulls(versions);
  }

  #read(name: string): ObjectVersion {
    return JSON.parse(readFileSync(join(this.#versionsFolder, name), 'utf8')) as ObjectVersion;
  }

  #isWhole(name: string, names: ReadonlySet<string>): boolean {
    if (statSync(join(this.#versionsFolder, name)).size === 0) return false;
    const { file, size, deleteMarker } = this.#read(name);
    return deleteMarker || (names.has(`${file}.data`) && statSync(this.dataPath({ file })).size === size);
  }

  /** A crash between writing a version `null` and removing the one that it replaces leaves both: the older one goes. */
  #dropReplacedNulls(versions: ObjectVersion[]): void {
    for (const version of versions.filter((candidate) => candidate.versionId === 'null')) {
      const newest = this.index.versions(version.key).find((other) => other.versionId === 'null');
      if (newest !== version) this.remove(version);
    }
  }
}
