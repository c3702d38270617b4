/**
 * Verifies a stored log from its objects and a public key alone: no network, no account. Reads each object once, keeps twenty hashes of the tree, the start
 * of every batch, and one entry per request.
 */
import type { KeyObject } from 'node:crypto';
import { type Checkpoint, checkSignature, parseCheckpoint } from './checkpoint.ts';
import { batchName, checkpointName, KEY_MANIFEST, type LogName, linesOf, readManifest, readName } from './layout.ts';
import { type ListedObject, type LogFiles, NotPlainObject } from './log-files.ts';
import { append, EMPTY_TREE, leafHash, rootOf, type Tree } from './merkle.ts';
import { type ChainFault, RequestChains } from './request-chains.ts';

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
  | 'HEARTBEAT_GAP';

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
}

export interface VerifyOptions {
  key: KeyObject;
  /** Checkpoints kept outside the log, as notes. */
  anchors?: readonly Uint8Array[];
  /** Newest heartbeat may be this old, and heartbeats this and an hour apart. */
  maxAgeMs?: number;
  now: Date;
  /** Called after each batch with the lines so far. */
  progress?(size: number): void;
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
  const { notices: more = [], earliestRetention } = files.findings?.() ?? {};
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
  #anchors: Checkpoint[] = [];
  #hasManifest = false;

  constructor(files: LogFiles, options: VerifyOptions) {
    this.#files = files;
    this.#options = options;
  }

  async run(): Promise<void> {
    this.#anchors = (this.#options.anchors ?? []).map((bytes) => this.#readCheckpoint(bytes, 'the anchor'));
    await this.#checkManifest();
    let unsealed: number | undefined;
    for (;;) {
      const batch = await this.#files.read(batchName(this.tree.size));
      if (!batch) break;
      unsealed = await this.#takeBatch(batch);
      if (unsealed !== undefined) break;
      this.#options.progress?.(this.tree.size);
    }
    await this.#checkObjects(unsealed);
    this.#checkAnchors();
    this.#checkFreshness();
  }

  async #checkManifest(): Promise<void> {
    const manifest = await this.#files.read(KEY_MANIFEST);
    if (!manifest) return;
    this.#hasManifest = true;
    const declared = readManifest(manifest);
    if (!declared) return fail({ reason: 'UNEXPECTED_OBJECT', detail: `${KEY_MANIFEST} is not a key manifest` });
    if (!declared.spki.equals(this.#options.key.export({ format: 'der', type: 'spki' }))) {
      fail({ reason: 'UNKNOWN_KEY', detail: `${KEY_MANIFEST} declares another key than the one you trust` });
    }
    this.#setOrigin(declared.name, KEY_MANIFEST);
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
    let grown: Tree = this.tree;
    for (const line of lines) {
      grown = append(grown, leafHash(line));
      this.#compareAnchors(grown);
    }
    if (!rootOf(grown).equals(checkpoint.root)) {
      fail({ reason: 'ROOT_MISMATCH', ...range, detail: `the lines of ${batchName(start)} are not those that were signed` });
    }
    for (const [offset, line] of lines.entries()) {
      const fault = this.chains.take(line, start + offset);
      if (fault) fail({ ...fault, from: start + offset, to: start + offset });
    }
    this.#starts.add(start);
    this.#sizes.add(end);
    this.tree = grown;
    this.provenTime = this.chains.lastTime;
    return undefined;
  }

  #readCheckpoint(bytes: Uint8Array, where: string, range: Pick<Invalid, 'from' | 'to'> = {}): Checkpoint {
    let checkpoint: Checkpoint;
    try {
      checkpoint = parseCheckpoint(bytes);
    } catch (error) {
      return fail({ reason: 'BAD_CHECKPOINT', ...range, detail: `${where}: ${(error as Error).message}` });
    }
    const signature = checkSignature(checkpoint, this.#options.key);
    if (signature === 'unknown') fail({ reason: 'UNKNOWN_KEY', ...range, detail: `${where} is not signed by the key you trust` });
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
  #compareAnchors(tree: Tree): void {
    for (const anchor of this.#anchors) {
      if (anchor.size !== tree.size || anchor.root.equals(rootOf(tree))) continue;
      fail({
        reason: 'EQUIVOCATION',
        from: 0,
        to: tree.size - 1,
        detail: `the anchor of size ${tree.size} has another root: the log was rewritten before it`,
        evidence: [anchor.body, `${this.origin}\n${tree.size}\n${rootOf(tree).toString('base64')}\n`],
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
    if (size > 0 && !this.#hasManifest) fail({ reason: 'GAP', detail: `${KEY_MANIFEST} is missing` });
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
