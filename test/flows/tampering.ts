/** What somebody could do to the objects of a log, each with what the verifier must say of it; the log is one that a running stack has written. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { noteOf, parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchName, checkpointName, linesOf } from '../../core/audit/layout.ts';
import { leafHash, rootOfLeaves } from '../../core/audit/merkle.ts';
import { type Verdict, verifyLog } from '../../core/audit/verify-log.ts';

export interface Tampering {
  what: string;
  work(log: TamperedLog): void;
  /** Reasons that are right; empty: the objects alone cannot show it. */
  reasons: readonly string[];
}

export class TamperedLog {
  readonly objects: Map<string, Buffer>;
  /** Starts of the batches, in order. */
  readonly starts: number[];
  readonly size: number;

  constructor(files: ReadonlyMap<string, Buffer>) {
    this.objects = new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
    const at = (kind: string) =>
      [...files.keys()].filter((name) => name.startsWith(`${kind}/`)).map((name) => Number(name.slice(kind.length + 1)));
    this.starts = at('batch').sort((left, right) => left - right);
    this.size = Math.max(...at('checkpoint'));
  }

  /** A batch in the middle, and the checkpoint behind it. */
  get middle(): { name: string; checkpoint: string } {
    const place = Math.floor(this.starts.length / 2);
    return { name: batchName(this.starts[place]!), checkpoint: checkpointName(this.starts[place + 1] ?? this.size) };
  }

  edit(name: string, work: (text: string) => string): void {
    this.objects.set(name, Buffer.from(work(this.objects.get(name)!.toString('utf8'))));
  }

  delete(...names: string[]): void {
    for (const name of names) this.objects.delete(name);
  }

  lines(): Buffer[] {
    return this.starts.flatMap((start) => linesOf(this.objects.get(batchName(start))!)!);
  }

  /** Every checkpoint again over the lines as they are now, by this key. */
  sign(keys: { publicKey: KeyObject; privateKey: KeyObject }): void {
    const leaves = this.lines().map(leafHash);
    for (const [name, bytes] of this.objects) {
      if (!name.startsWith('checkpoint/')) continue;
      const { origin, size } = parseCheckpoint(bytes);
      const body = `${origin}\n${size}\n${rootOfLeaves(leaves.slice(0, size)).toString('base64')}\n`;
      this.objects.set(name, Buffer.from(noteOf(body, origin, keys.publicKey, sign(null, Buffer.from(body), keys.privateKey))));
    }
  }

  verify(key: KeyObject, now: Date, anchors: readonly Buffer[] = []): Promise<Verdict> {
    const { objects } = this;
    const files = {
      isLive: false,
      read: async (name: string) => objects.get(name),
      async *list() {
        for (const name of objects.keys()) yield { name };
      },
    };
    return verifyLog(files, { key, now, anchors });
  }
}

const middle = (work: (text: string) => string) => (log: TamperedLog) => log.edit(log.middle.name, work);
const ANY_EDIT = ['ROOT_MISMATCH', 'GAP'] as const;

/** AUD-01 to AUD-08, and what only an anchor shows. */
export const TAMPERINGS: readonly Tampering[] = [
  { what: 'AUD-01 one byte changed', work: middle((text) => text.replace('"ts":"2', '"ts":"3')), reasons: ['ROOT_MISMATCH'] },
  { what: 'AUD-01 white space at the end of a line', work: middle((text) => text.replace('\n', ' \n')), reasons: ['ROOT_MISMATCH'] },
  { what: 'AUD-01 CRLF', work: middle((text) => text.replaceAll('\n', '\r\n')), reasons: ['ROOT_MISMATCH'] },
  { what: 'AUD-01 a torn object', work: middle((text) => text.slice(0, -5)), reasons: ['ROOT_MISMATCH'] },
  { what: 'AUD-01 an empty object', work: middle(() => ''), reasons: ['ROOT_MISMATCH'] },
  { what: 'AUD-02 a line deleted', work: middle((text) => text.slice(text.indexOf('\n') + 1)), reasons: ANY_EDIT },
  { what: 'AUD-02 a batch deleted', work: (log) => log.delete(log.middle.name), reasons: ['GAP'] },
  { what: 'AUD-02 a checkpoint deleted', work: (log) => log.delete(log.middle.checkpoint), reasons: ['GAP'] },
  {
    what: 'AUD-02 a batch and its checkpoint deleted',
    work: (log) => log.delete(log.middle.name, log.middle.checkpoint),
    reasons: ['GAP'],
  },
  { what: 'AUD-02 the first batch deleted', work: (log) => log.delete(batchName(0)), reasons: ['GAP'] },
  { what: 'AUD-02 the key manifest deleted', work: (log) => log.delete('keys/0001'), reasons: ['GAP'] },
  { what: 'AUD-03 a line doubled', work: middle((text) => text.slice(0, text.indexOf('\n') + 1) + text), reasons: ANY_EDIT },
  {
    what: 'AUD-03 two batches swapped',
    work: (log) => {
      const [one, other] = [batchName(0), log.middle.name];
      const [left, right] = [log.objects.get(one)!, log.objects.get(other)!];
      log.objects.set(one, right).set(other, left);
    },
    reasons: ANY_EDIT,
  },
  {
    what: 'AUD-03 a checkpoint moved',
    work: (log) => void log.objects.set(log.middle.checkpoint, log.objects.get(checkpointName(log.size))!),
    reasons: ['BAD_CHECKPOINT', 'GAP'],
  },
  {
    what: 'AUD-05 a checkpoint edited under its signature',
    work: (log) => log.edit(log.middle.checkpoint, (text) => text.replace(/\n[A-Za-z0-9+/]{42}[A-Za-z0-9+/]=\n/, `\n${'A'.repeat(43)}=\n`)),
    reasons: ['BAD_SIGNATURE'],
  },
  {
    what: 'AUD-05 lines edited and all signed again by another key',
    work: (log) => {
      log.edit(log.middle.name, (text) => text.replace('"ts":"2', '"ts":"3'));
      log.sign(generateKeyPairSync('ed25519'));
    },
    reasons: ['UNKNOWN_KEY'],
  },
  { what: 'AUD-08 an extra object', work: (log) => void log.objects.set('batch/0000000000099999', Buffer.from('{}\n')), reasons: ['GAP'] },
  { what: 'AUD-08 a foreign file', work: (log) => void log.objects.set('notes.txt', Buffer.from('x')), reasons: ['UNEXPECTED_OBJECT'] },
  {
    what: 'AUD-08 a batch that starts within another',
    work: (log) => void log.objects.set(batchName(1), log.objects.get(batchName(0))!),
    reasons: ['UNEXPECTED_OBJECT', 'GAP'],
  },
  {
    what: 'AUD-08 a second key that nobody declared',
    work: (log) => void log.objects.set('keys/0002', log.objects.get('keys/0001')!),
    reasons: ['UNEXPECTED_OBJECT'],
  },
  {
    what: 'AUD-04 the end cut off',
    work: (log) => log.delete(batchName(log.starts.at(-1)!), checkpointName(log.size)),
    reasons: [],
  },
];
