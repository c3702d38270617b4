/**
 * Verifies a stored log from its objects and a public key alone: no network, no account. Reads each object once, keeps twenty hashes of the tree, the start
 * of every batch, and one entry per request.
 */
import type { KeyObject } from 'node:crypto';
import { type Checkpoint, checkSignature, parseCheckpoint } from './checkpoint.ts';
import { GrowingTree, leafHashesOf } from './growing-tree.ts';
import { batchName, checkpointName, type LogName, linesOf, manifestName, readName } from './layout.ts';
import { type ListedObject, type LockCounts, type LogFiles, NotPlainObject } from './log-files.ts';
import { type BadManifest, type KeyRing, keyForSize, readKeyRing } from './log-keys.ts';
import { EMPTY_TREE, rootOf, type Tree } from './merkle.ts';
import { type ChainFault, RequestChains } from './request-chains.ts';
import { linesOfTile, TileCheck } from './tile-check.ts';
import { tileName } from './tiles.ts';

type InvalidReason =
  | ChainFault['reason']
  | 'ROOT_MISMATCH'
  | 'GAP'
  | 'EQUIVOCATION'
  | 'BAD_CHECKPOINT'
  | 'UNKNOWN_KEY'
  | 'BAD_SIGNATURE'
  | 'UNEXPECTED_OBJECT'
  | 'KEY_NOT_SINGLE_VERSION'
  | 'TAIL_CUT'
  | 'STALE'
  | 'HEARTBEAT_GAP'
  | 'NOT_LOCKED';

interface Invalid {
  reason: InvalidReason;
  /** First index that can be wrong, and the last of the range that was looked at; absent where no line is meant. */
  from?: number;
  to?: number;
  detail: string;
  /** Both statements, for EQUIVOCATION. */
  evidence?: readonly string[];
}

export interface Verdict {
  valid: boolean;
  /** Lines that are proven: under a verified root. */
  size: number;
  /** Hex root over them. */
  root: string;
  origin: string | undefined;
  /** Time of the newest proven line and of the newest heartbeat. */
  lastTime: string | undefined;
  lastHeartbeat: string | undefined;
  /** Something outside the log covers its end: an anchor of the last size, or a fresh heartbeat. */
  isTailProven: boolean;
  invalid?: Invalid;
  notices: readonly string[];
  /** Earliest end of a lock among the objects, where locks can be told. */
  earliestRetention?: string;
  locks?: LockCounts;
}

export interface VerifyOptions {
  key: KeyObject;
  /** Checkpoints kept outside the log, as notes. */
  anchors?: readonly Uint8Array[];
  /** Newest heartbeat may be this old, and heartbeats this and an hour apart. */
  maxAgeMs?: number;
  now: Date;
  /** Called after each batch with the proven tree and the note that signs it. */
  onBatch?(tree: Tree, checkpoint: Buffer): void;
  /** Called with each proven line: it is under a verified root. */
  onLine?(index: number, line: Buffer): void;
  /** Called at the end with the newest event of every request. */
  onChains?(chains: RequestChains): void;
}

/** The sealer beats every 55 minutes and runs every minute; more than 65 means that it stood still. */
const LONGEST_SILENCE_MS = 65 * 60_000;
/** An hour's outage of the sealer, with all sealed after it, is no fault of the log, even where an age is wanted. */
const OUTAGE_MS = 60 * 60_000;

class Found extends Error {
  readonly invalid: Invalid;
  constructor(invalid: Invalid) {
    super(invalid.detail);
    this.invalid = invalid;
  }
}

const fail = (invalid: Invalid): never => {
  throw new Found(invalid);
};

/** Answers a verdict; throws only when objects cannot be read. */
export async function verifyLog(files: LogFiles, options: VerifyOptions): Promise<Verdict> {
  const walk = new Walk(files, options);
  let invalid: Invalid | undefined;
  try {
    await walk.run();
  } catch (error) {
    if (error instanceof NotPlainObject) invalid = { reason: 'UNEXPECTED_OBJECT', detail: error.message };
    else if (error instanceof Found) invalid = error.invalid;
    else throw error;
  }
  const { tree, origin, chains, notices, isTailProven } = walk;
  options.onChains?.(chains);
  const { notices: more = [], earliestRetention, locks } = files.findings?.() ?? {};
  return {
    valid: invalid === undefined,
    size: tree.size,
    root: rootOf(tree).toString('hex'),
    origin,
    lastTime: walk.provenTime,
    lastHeartbeat: chains.lastHeartbeat,
    isTailProven: isTailProven && invalid === undefined,
    ...(invalid ? { invalid } : {}),
    notices: [...notices, ...more],
    ...(earliestRetention === undefined ? {} : { earliestRetention }),
    ...(locks === undefined ? {} : { locks }),
  };
}

class Walk {
  /** Everything up to here is proven. */
  tree: Tree = EMPTY_TREE;
  origin: string | undefined;
  provenTime: string | undefined;
  isTailProven = false;
  readonly chains = new RequestChains();
  readonly notices: string[] = [];
  readonly #files: LogFiles;
  readonly #options: VerifyOptions;
  readonly #starts = new Set<number>();
  readonly #sizes = new Set<number>();
  readonly #tiles: TileCheck;
  readonly #growing: GrowingTree;
  #anchors: Checkpoint[] = [];
  #ring: Omit<KeyRing, 'origin'>;
  #manifests = 0;

  constructor(files: LogFiles, options: VerifyOptions) {
    this.#files = files;
    this.#options = options;
    this.#ring = { keys: [{ key: options.key, fromSize: 0 }], trusted: 0 };
    this.#tiles = new TileCheck(files);
    this.#growing = new GrowingTree(this.#tiles.visit);
  }

  async run(): Promise<void> {
    await this.#checkManifests();
    this.#anchors = (this.#options.anchors ?? []).map((bytes) => this.#readCheckpoint(bytes, 'the anchor'));
    let unsealed: number | undefined;
    for (;;) {
      const batch = await this.#files.read(batchName(this.tree.size));
      if (!batch) break;
      unsealed = await this.#takeBatch(batch);
      if (unsealed !== undefined) break;
    }
    await this.#checkObjects(unsealed);
    this.#checkAnchors();
    this.#checkFreshness();
  }

  async #checkManifests(): Promise<void> {
    const manifests: Buffer[] = [];
    for (let bytes = await this.#readManifest(1); bytes; bytes = await this.#readManifest(manifests.length + 1)) manifests.push(bytes);
    if (manifests.length === 0) return;
    this.#manifests = manifests.length;
    try {
      const ring = readKeyRing(manifests, this.#options.key);
      this.#ring = ring;
      this.#setOrigin(ring.origin, manifestName(1));
      if (ring.trusted > 0) {
        const { fromSize } = ring.keys[ring.trusted]!;
        this.notices.push(`the key you trust signs from ${fromSize} on; the lines before it are proven by the roots that it signs`);
      }
    } catch (error) {
      const { isForeign, message } = error as BadManifest;
      fail({ reason: isForeign ? 'UNKNOWN_KEY' : 'UNEXPECTED_OBJECT', detail: message });
    }
  }

  #readManifest(number: number): Promise<Buffer | undefined> {
    return this.#files.read(manifestName(number));
  }

  /** Answers the size that the batch would lead to when it has no checkpoint. */
  async #takeBatch(batch: Buffer): Promise<number | undefined> {
    const start = this.tree.size;
    const lines = linesOf(batch);
    if (!lines) {
      return fail({ reason: 'ROOT_MISMATCH', from: start, detail: `${batchName(start)} does not hold 1 to 99 whole lines` });
    }
    const end = start + lines.length;
    const range = { from: start, to: end - 1 };
    const note = await this.#files.read(checkpointName(end));
    if (!note) return end;
    const checkpoint = this.#readCheckpoint(note, checkpointName(end), range);
    if (checkpoint.size !== end) {
      fail({ reason: 'BAD_CHECKPOINT', ...range, detail: `${checkpointName(end)} speaks of size ${checkpoint.size}` });
    }
    for (const leaf of leafHashesOf(batch)) {
      this.#growing.add(leaf);
      this.#compareAnchors();
    }
    const grown = this.#growing.snapshot();
    if (!rootOf(grown).equals(checkpoint.root)) {
      fail({ reason: 'ROOT_MISMATCH', ...range, detail: `the lines of ${batchName(start)} are not those that were signed` });
    }
    const tile = await this.#tiles.settle();
    if (tile)
      fail({ reason: 'ROOT_MISMATCH', ...linesOfTile(tile), detail: `${tileName(tile)} is not made of the lines that were signed` });
    for (const [offset, line] of lines.entries()) {
      const fault = this.chains.take(line, start + offset);
      if (fault) fail({ ...fault, from: start + offset, to: start + offset });
      this.#options.onLine?.(start + offset, line);
    }
    this.#starts.add(start);
    this.#sizes.add(end);
    this.tree = grown;
    this.provenTime = this.chains.lastTime;
    this.#options.onBatch?.(grown, note);
    return undefined;
  }

  #readCheckpoint(bytes: Uint8Array, where: string, range: Pick<Invalid, 'from' | 'to'> = {}): Checkpoint {
    let checkpoint: Checkpoint;
    try {
      checkpoint = parseCheckpoint(bytes);
    } catch (error) {
      return fail({ reason: 'BAD_CHECKPOINT', ...range, detail: `${where}: ${(error as Error).message}` });
    }
    const { keys } = this.#ring;
    const { key } = keyForSize(keys, checkpoint.size);
    const signature = checkSignature(checkpoint, key);
    if (signature === 'unknown') {
      const isOther = keys.some((other) => checkSignature(checkpoint, other.key) === 'valid');
      const detail = isOther ? `${where} is signed by a key of the log outside its range` : `${where} is not signed by the key you trust`;
      fail({ reason: 'UNKNOWN_KEY', ...range, detail });
    }
    if (signature === 'forged')
      fail({ reason: 'BAD_SIGNATURE', ...range, detail: `${where} names the key you trust, but it did not sign this` });
    this.#setOrigin(checkpoint.origin, where);
    return checkpoint;
  }

  #setOrigin(origin: string, where: string): void {
    this.origin ??= origin;
    if (this.origin !== origin)
      fail({ reason: 'UNEXPECTED_OBJECT', detail: `${where} belongs to the log ${origin}, the rest to ${this.origin}` });
  }

  /** Two signed roots of one size cannot both be of a log that only grows. */
  #compareAnchors(): void {
    const { size } = this.#growing;
    const anchors = this.#anchors.filter((anchor) => anchor.size === size);
    if (anchors.length === 0) return;
    const root = rootOf(this.#growing.snapshot());
    for (const anchor of anchors) {
      if (anchor.root.equals(root)) continue;
      fail({
        reason: 'EQUIVOCATION',
        from: 0,
        to: size - 1,
        detail: `the anchor of size ${size} has another root: the log was rewritten before it`,
        evidence: [anchor.body, `${this.origin}\n${size}\n${root.toString('base64')}\n`],
      });
    }
  }

  /** Everything that lies there must have been read; what comes after the end shows that something before it is missing. */
  async #checkObjects(unsealed: number | undefined): Promise<void> {
    const { size } = this.tree;
    const { isLive } = this.#files;
    let later: { at: number; name: string } | undefined;
    // What must be there next, if anything is there after the place where the walk ended.
    const next = unsealed === undefined ? batchName(size) : checkpointName(unsealed);
    let hasNext = false;
    for await (const object of this.#files.list()) {
      const name = this.#known(object);
      if (object.name === next) hasNext = true;
      else if (name.kind === 'batch' || name.kind === 'checkpoint') {
        if ((name.kind === 'batch' ? this.#starts : this.#sizes).has(name.at)) continue;
        if (unsealed !== undefined && object.name === batchName(size)) continue;
        if (name.at <= size) fail({ reason: 'UNEXPECTED_OBJECT', detail: `${object.name} is not at the end of a batch` });
        if (!later || name.at < later.at) later = { at: name.at, name: object.name };
      } else if (name.kind === 'tile') {
        // A tile is stored after its lines.
        if (name.at > size && (!later || name.at < later.at)) later = { at: name.at, name: object.name };
      } else if (name.kind === 'manifest' && name.at > this.#manifests && !isLive) {
        fail({ reason: 'GAP', detail: `${manifestName(this.#manifests + 1)} is missing, though ${object.name} is there` });
      }
    }
    // A live log may have grown behind us, but only from the place where we stopped; its next object may even be younger than the listing.
    if (isLive && later && !hasNext) hasNext = (await this.#files.read(next)) !== undefined;
    if (later && !(isLive && hasNext)) {
      fail({ reason: 'GAP', from: size, to: later.at - 1, detail: `${next} is missing, though ${later.name} is there` });
    }
    if (unsealed !== undefined && !isLive) {
      const hint = 'a copy made while the sealer worked looks so too: copy again';
      fail({ reason: 'GAP', from: size, to: unsealed - 1, detail: `${next} is missing after ${batchName(size)} (${hint})` });
    }
    if (unsealed !== undefined || hasNext) this.notices.push(`events from ${size} on were being sealed while this was read`);
    if (size > 0 && this.#manifests === 0) fail({ reason: 'GAP', detail: `${manifestName(1)} is missing` });
    const { trusted, keys } = this.#ring;
    if (size <= keys[trusted]!.fromSize && trusted > 0) fail({ reason: 'UNKNOWN_KEY', detail: 'the key you trust has signed nothing yet' });
    const { missing } = this.#tiles;
    if (missing > 0) this.notices.push(`${missing} tiles are missing: they are derived from the lines and can be made again`);
  }

  #known(object: ListedObject): LogName {
    const name = readName(object.name);
    if (!name) return fail({ reason: 'UNEXPECTED_OBJECT', detail: `${object.name} does not belong to the log` });
    const { versions = 1 } = object;
    if (versions !== 1)
      fail({ reason: 'KEY_NOT_SINGLE_VERSION', detail: `${object.name} has ${versions} versions: something was written over it` });
    return name;
  }

  #checkAnchors(): void {
    const { size } = this.tree;
    const beyond = this.#anchors.find((anchor) => anchor.size > size);
    if (beyond) {
      fail({
        reason: 'TAIL_CUT',
        from: size,
        to: beyond.size - 1,
        detail: `the log ends at ${size}, yet the anchor saw ${beyond.size} lines`,
      });
    }
    if (this.#anchors.some((anchor) => anchor.size === size)) this.isTailProven = true;
  }

  #checkFreshness(): void {
    const { maxAgeMs, now } = this.#options;
    const { milliseconds, index } = this.chains.longestSilence;
    const minutes = (length: number) => Math.floor(length / 60_000);
    if (maxAgeMs !== undefined) {
      const { lastHeartbeat } = this.chains;
      const age = lastHeartbeat === undefined ? Number.POSITIVE_INFINITY : now.getTime() - Date.parse(lastHeartbeat);
      if (age > maxAgeMs) {
        const since = lastHeartbeat === undefined ? 'there is no heartbeat' : `the newest heartbeat is of ${lastHeartbeat}`;
        fail({ reason: 'STALE', from: this.tree.size, detail: `${since}: the sealer stands still, or the end was cut off` });
      }
      if (milliseconds > maxAgeMs + OUTAGE_MS) {
        fail({ reason: 'HEARTBEAT_GAP', from: index, to: index, detail: `${minutes(milliseconds)} minutes without a heartbeat` });
      }
      this.isTailProven = true;
    }
    if (milliseconds > LONGEST_SILENCE_MS) {
      this.notices.push(`the sealer stood still for ${minutes(milliseconds)} minutes before line ${index}`);
    }
  }
}
