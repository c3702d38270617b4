/** The bytes of one blob at its source: in order, each once, hashed on the way, and across connections that break. */
import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Fault } from '../../core/errors.ts';
import { CHUNK_BYTES } from '../reading-large.ts';
import { ATTEMPTS, pauseBefore } from './registry-request.ts';
import type { Repository } from './repository.ts';

/**
 * Reads a blob in slices, each the body of one request to the target. A connection that drops is opened again at the byte that is missing. The last
 * chunk of the blob is passed on only when the whole has the declared size and, where every byte from the first was seen, the digest: a wrong blob never
 * completes. A reader that begins in the middle has no hash of what came before: then the target's own check at completion says whether it is right.
 */
export class BlobReader {
  /** Why the source is not to be trusted with this blob; explains a broken upload better than what the target made of it. */
  mismatch: Fault | undefined;
  readonly #source: Repository;
  readonly #digest: string;
  readonly #size: number;
  #hash: Hash | undefined;
  #hashedTo = 0;
  /** Next byte that a slice gets. */
  #position: number;
  #slice: Readable | undefined;
  #sliceEnd = 0;
  #body: Readable | undefined;
  #bodyPosition = 0;
  #isOpening = false;
  #hasEnded = false;
  /** Bytes that came behind the end of a slice. */
  #spare: Buffer | undefined;
  /** The end of the blob, until the whole is checked. */
  #last: Buffer | undefined;
  #failures = 0;

  constructor(source: Repository, digest: string, size: number, from = 0) {
    this.#source = source;
    this.#digest = digest;
    this.#size = size;
    this.#position = from;
    if (from === 0) this.#hash = createHash('sha256');
  }

  /** Next byte that is read. */
  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes. Its errors are Faults: DIGEST_MISMATCH, REGISTRY_REFUSED, UNAVAILABLE. */
  slice(length: number): Readable {
    const slice: Readable = new Readable({
      highWaterMark: CHUNK_BYTES,
      read: () => this.#read(slice),
      destroy: (error, done) => {
        if (this.#slice === slice) this.#slice = undefined;
        this.#body?.pause();
        done(error);
      },
    });
    this.#slice?.destroy();
    this.#slice = slice;
    this.#sliceEnd = this.#position + length;
    return slice;
  }

  /** Reads on at `offset`: what the target has. */
  rewind(offset: number): void {
    if (offset === this.#position && !this.#last) return;
    this.close();
    this.#position = offset;
    // Bytes that were never seen are in no hash.
    if (offset > this.#hashedTo) this.#hash = undefined;
  }

  /** True when the hash of every byte was found to be the digest. */
  get isVerified(): boolean {
    return this.#hash !== undefined && this.#hashedTo === this.#size && this.mismatch === undefined;
  }

  close(): void {
    const slice = this.#slice;
    this.#slice = undefined;
    // Whoever still waits for it must not wait for ever.
    slice?.destroy();
    this.#spare = undefined;
    this.#last = undefined;
    this.#drop();
  }

  #drop(): void {
    const body = this.#body;
    this.#body = undefined;
    this.#hasEnded = false;
    body?.destroy();
  }

  #read(slice: Readable): void {
    if (this.#slice !== slice) return;
    const spare = this.#spare;
    if (spare) {
      this.#spare = undefined;
      this.#deliver(spare);
    } else if (this.#body) this.#body.resume();
    else void this.#open();
  }

  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      const { body, start } = await this.#source.openBlob(this.#digest, this.#size, this.#position);
      if (!this.#slice) {
        body.destroy();
        return;
      }
      // A source that ignores ranges begins anew: what is there already is hashed and left out.
      if (start === 0 && !this.#hash) [this.#hash, this.#hashedTo] = [createHash('sha256'), 0];
      this.#body = body;
      this.#bodyPosition = start;
      this.#hasEnded = false;
      body.on('data', (chunk: Buffer) => {
        if (this.#body === body) this.#receive(chunk);
      });
      body.on('end', () => {
        if (this.#body === body) this.#end();
      });
      body.on('error', () => undefined);
      body.on('close', () => {
        if (this.#body === body && !this.#hasEnded) this.#broken();
      });
    } catch (error) {
      if (!(error instanceof Fault) || !error.retryable || ++this.#failures >= ATTEMPTS) this.#fail(error);
      else {
        await pauseBefore(this.#failures, error);
        this.#isOpening = false;
        if (this.#slice) await this.#open();
      }
    } finally {
      this.#isOpening = false;
    }
  }

  async #openAgain(): Promise<void> {
    await pauseBefore(this.#failures);
    if (this.#slice && !this.#body) await this.#open();
  }

  #receive(chunk: Buffer): void {
    const at = this.#bodyPosition;
    this.#bodyPosition += chunk.length;
    if (this.#bodyPosition > this.#size) {
      this.#refuse(`has more than the ${this.#size} bytes that its manifest declares`);
      return;
    }
    if (this.#hash && at <= this.#hashedTo && this.#bodyPosition > this.#hashedTo) {
      this.#hash.update(at === this.#hashedTo ? chunk : chunk.subarray(this.#hashedTo - at));
      this.#hashedTo = this.#bodyPosition;
    }
    if (this.#bodyPosition <= this.#position) return;
    this.#failures = 0;
    this.#deliver(at < this.#position ? chunk.subarray(this.#position - at) : chunk);
  }

  #deliver(bytes: Buffer): void {
    const slice = this.#slice;
    const room = this.#sliceEnd - this.#position;
    if (!slice || room === 0) {
      this.#spare = this.#spare ? Buffer.concat([this.#spare, bytes]) : bytes;
      this.#body?.pause();
      return;
    }
    if (bytes.length > room) this.#spare = bytes.subarray(room);
    const part = bytes.length > room ? bytes.subarray(0, room) : bytes;
    if (this.#position + part.length === this.#size) {
      this.#last = part;
      if (this.#hasEnded) this.#finish();
      else this.#body?.resume();
      return;
    }
    this.#position += part.length;
    const wantsMore = slice.push(part);
    if (this.#position === this.#sliceEnd) {
      this.#slice = undefined;
      this.#body?.pause();
      slice.push(null);
    } else if (!wantsMore) this.#body?.pause();
  }

  #end(): void {
    this.#hasEnded = true;
    if (this.#bodyPosition !== this.#size) this.#refuse(`has ${this.#bodyPosition} bytes; its manifest declares ${this.#size}`);
    else if (this.#last) this.#finish();
  }

  /** The connection broke: what is missing is asked for anew, or later if nobody waits for it. */
  #broken(): void {
    this.#body = undefined;
    if (this.#last && this.#bodyPosition === this.#size) {
      this.#hasEnded = true;
      this.#finish();
    } else if (this.#slice && !this.#spare) {
      if (++this.#failures >= ATTEMPTS) this.#fail(new Fault('UNAVAILABLE', `the source breaks off ${this.#digest} again and again`));
      else void this.#openAgain();
    }
  }

  #finish(): void {
    const [slice, last] = [this.#slice, this.#last];
    this.#last = undefined;
    if (this.#hash && this.#hashedTo === this.#size && `sha256:${this.#hash.copy().digest('hex')}` !== this.#digest) {
      this.#refuse('holds other bytes than its digest names');
      return;
    }
    this.#position = this.#size;
    this.#slice = undefined;
    slice?.push(last);
    slice?.push(null);
  }

  #refuse(why: string): void {
    this.mismatch = new Fault('DIGEST_MISMATCH', `${this.#digest} ${why}`, {
      hint: 'the source registry is not to be trusted with this artifact',
    });
    this.#fail(this.mismatch);
  }

  #fail(error: unknown): void {
    const slice = this.#slice;
    this.#slice = undefined;
    this.close();
    slice?.destroy(error as Error);
  }
}
