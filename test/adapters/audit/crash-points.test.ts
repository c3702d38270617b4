import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CheckpointSigner } from '../../../adapters/audit/checkpoint-signer.ts';
import type { LogHead, LogState } from '../../../adapters/audit/log-head.ts';
import { type SealerParts, seal } from '../../../adapters/audit/sealer.ts';
import { checkpointBody, noteOf } from '../../../core/audit/checkpoint.ts';
import type { PendingEvent } from '../../../core/audit/next-batch.ts';
import { verifyLog } from '../../../core/audit/verify-log.ts';
import { filesOf, makeLines, ORIGIN } from '../../core/audit/log-fixture.ts';

const EVENTS = 600;
const now = new Date('2026-03-01T10:30:00Z');
const always = () => true;
class Crash extends Error {}

/** What outlives a crash: objects, head, outbox. `step` is called around everything that changes one of them. */
class World {
  readonly objects = new Map<string, Buffer>();
  readonly outbox = new Map<string, PendingEvent>();
  head: LogHead | undefined;
  tiled = 0;
  readonly lines = makeLines(EVENTS);
  readonly keys: { publicKey: KeyObject; privateKey: KeyObject }[] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];

  constructor() {
    for (const [place, line] of this.lines.entries()) {
      const { rid, seq } = JSON.parse(line) as { rid: string; seq: number };
      const key = String(place).padStart(26, '0');
      this.outbox.set(key, { key, rid, seq, line });
    }
  }

  /** A sealer with `keys` of the keys. */
  sealer(keys: number, step: (name: string) => void = () => {}): SealerParts {
    const around = async <Value>(name: string, work: () => Value): Promise<Value> => {
      step(`before ${name}`);
      const value = work();
      step(`after ${name}`);
      return value;
    };
    const log: LogState = {
      head: async () => this.head,
      pending: async () => [...this.outbox.values()],
      advance: (before, after, sealed) =>
        around('head', () => {
          if (this.head?.tree.size !== before?.tree.size || this.head?.keyStarts.join() !== before?.keyStarts.join()) return false;
          this.head = after;
          for (const { key } of sealed) this.outbox.delete(key);
          return true;
        }),
      beat: async () => {},
      addKey: (head, fromSize) =>
        around('key', () => {
          this.head = { ...head, keyStarts: [...head.keyStarts, fromSize] };
          return true;
        }),
      tiled: async () => this.tiled,
      setTiled: (size) =>
        around('tiled', () => {
          this.tiled = size;
        }),
    };
    const vault: SealerParts['vault'] = {
      origin: ORIGIN,
      create: (name, bytes) =>
        around(`put ${name.split('/')[0]}`, () => {
          if (this.objects.has(name)) return false;
          this.objects.set(name, Buffer.from(bytes));
          return true;
        }),
      read: async (name) => this.objects.get(name),
      batches: async (from, to) => {
        const starts = [...this.objects.keys()].filter((name) => name.startsWith('batch/')).map((name) => Number(name.slice(6)));
        const sorted = starts.toSorted((left, right) => left - right);
        const first = sorted.findLastIndex((start) => start <= from);
        return sorted.slice(Math.max(0, first)).filter((start) => start < to);
      },
    };
    const [first, ...rest] = this.keys.slice(0, keys).map((pair) => signerOf(pair, step));
    return { log, vault, signers: [first!, ...rest] };
  }

  verify(key = 0) {
    return verifyLog(filesOf(this.objects), { key: this.keys[key]!.publicKey, now });
  }
}

function signerOf({ publicKey, privateKey }: World['keys'][number], step: (name: string) => void): CheckpointSigner {
  const signText = async (text: string) => {
    step('before signature');
    return sign(null, Buffer.from(text), privateKey);
  };
  return {
    publicKey: async () => publicKey,
    signText,
    async sign(head) {
      const body = checkpointBody(head);
      return noteOf(body, head.origin, publicKey, await signText(body));
    },
  };
}

/** Seals half of it with one key, then all of it with two, so that a change of keys is under way as well. */
async function work(world: World, step?: (name: string) => void): Promise<void> {
  let calls = 0;
  // Once the second key is known, who has only the first must not seal any more.
  if ((world.head?.keyStarts.length ?? 1) === 1) await seal(world.sealer(1, step), () => ++calls < 3);
  await seal(world.sealer(2, step), always);
}

/** Every line is in the log once, in an order that no request notices, under keys of their range; nothing waits. */
async function expectWhole(world: World): Promise<void> {
  for (const key of [0, 1]) {
    const verdict = await world.verify(key);
    expect(verdict.invalid).toBeUndefined();
    expect(verdict).toMatchObject({ valid: true, size: EVENTS });
  }
  expect(world.outbox.size).toBe(0);
  const stored = [...world.objects]
    .filter(([name]) => name.startsWith('batch/'))
    .flatMap(([, bytes]) => bytes.toString().trimEnd().split('\n'));
  expect(stored.toSorted()).toEqual(world.lines.toSorted());
  expect(world.tiled).toBe(512);
}

describe('CRASH-07 CRASH-13 the sealer', () => {
  it('killed at every point and every occurrence of it, and again at each point of its repair, loses no event and seals none twice', async () => {
    const points: string[] = [];
    const whole = new World();
    await work(whole, (name) => points.push(name));
    await expectWhole(whole);
    expect(new Set(points).size).toBeGreaterThanOrEqual(14);
    for (const at of points.keys()) {
      const world = new World();
      const dyingAt = (moment: number) => {
        let passed = 0;
        return () => {
          if (passed++ === moment) throw new Crash();
        };
      };
      await expect(work(world, dyingAt(at))).rejects.toThrow(Crash);
      // The repair dies as well, each time a little later.
      for (let again = 0; again < 4; again++)
        await work(world, dyingAt(again)).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
      await work(world);
      await expectWhole(world);
    }
  });

  it('of which four run at once, two of them dying, seals every event once', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const world = new World();
      const dying = (moment: number) => {
        let passed = 0;
        return () => {
          if (passed++ === moment) throw new Crash();
        };
      };
      const sealers = [world.sealer(1), world.sealer(1, dying(seed)), world.sealer(2), world.sealer(2, dying(seed * 2 + 1))];
      await Promise.allSettled(sealers.map((parts) => seal(parts, always)));
      await seal(world.sealer(2), always);
      await expectWhole(world);
    }
  });
});

describe('AUD-17 AUD-18 when KMS or S3 does not answer', () => {
  it.each([
    ['KMS', 'signature'],
    ['S3 at a batch', 'put batch'],
    ['S3 at a checkpoint', 'put checkpoint'],
  ])('%s: nothing is signed or taken from the outbox, and all of it is sealed afterwards', async (_, point) => {
    const world = new World();
    const failing = (name: string) => {
      if (name === `before ${point}`) throw new Error('503');
    };
    for (let attempt = 0; attempt < 3; attempt++) await expect(seal(world.sealer(1, failing), always)).rejects.toThrow('503');
    expect(world.outbox.size).toBe(EVENTS);
    expect([...world.objects.keys()].filter((name) => name.startsWith('checkpoint/'))).toEqual([]);
    expect(world.head).toBeUndefined();
    await work(world);
    await expectWhole(world);
  });
});
