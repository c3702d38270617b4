/** In-memory index of a bucket: keys in S3's order, the versions of each, newest first. Built at start from the metadata files. */
import type { ObjectVersion } from './object-version.ts';

/** S3 orders keys by their UTF-8 bytes; JavaScript strings differ from that where surrogates meet characters from U+E000 on. */
function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return codeOrder(a) - codeOrder(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above U+FFFF, so they sort behind everything else. */
function codeOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export class VersionIndex {
  #keys: string[] = [];
  readonly #versions = new Map<string, ObjectVersion[]>();

  /** Takes many versions at once, e.g. all files of a bucket; sorts once instead of inserting one by one. */
  load(versions: ObjectVersion[]): void {
    for (const version of versions.sort((a, b) => b.sequence - a.sequence)) {
      const known = this.#versions.get(version.key);
      if (known) known.push(version);
      else this.#versions.set(version.key, [version]);
    }
    this.#keys = [...this.#versions.keys()].sort(compareKeys);
  }

  add(version: ObjectVersion): void {
    const known = this.#versions.get(version.key);
    if (known) {
      known.unshift(version);
      return;
    }
    this.#versions.set(version.key, [version]);
    this.#keys.splice(this.firstAtOrAfter(version.key), 0, version.key);
  }

  remove(version: ObjectVersion): void {
    const rest = this.versions(version.key).filter((other) => other !== version);
    if (rest.length > 0) {
      this.#versions.set(version.key, rest);
      return;
    }
    this.#versions.delete(version.key);
    const position = this.firstAtOrAfter(version.key);
    if (this.#keys[position] === version.key) this.#keys.splice(position, 1);
  }

  /** All versions of a key, newest first. */
  versions(key: string): ObjectVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** Newest version, which may be a delete marker. */
  newest(key: string): ObjectVersion | undefined {
    return this.#versions.get(key)?.[0];
  }

  /** Newest version unless the object is deleted. */
  current(key: string): ObjectVersion | undefined {
    const newest = this.newest(key);
    return newest?.deleteMarker ? undefined : newest;
  }

  get size(): number {
    return this.#keys.length;
  }

  keyAt(position: number): string | undefined {
    return this.#keys[position];
  }

  /** Every version of the bucket, by key. */
  *all(): Generator<ObjectVersion> {
    for (const key of [...this.#keys]) yield* [...this.versions(key)];
  }

  firstAtOrAfter(key: string): number {
    return this.#search((candidate) => compareKeys(candidate, key) < 0);
  }

  firstAfter(key: string): number {
    return this.#search((candidate) => compareKeys(candidate, key) <= 0);
  }

  /** Position behind the last key that starts with `prefix`. */
  firstAfterPrefix(prefix: string): number {
    return this.#search((candidate) => compareKeys(candidate, prefix) < 0 || candidate.startsWith(prefix));
  }

  /** First position whose key is not `before`; keys that are before come first. */
  #search(before: (key: string) => boolean): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.#keys[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
