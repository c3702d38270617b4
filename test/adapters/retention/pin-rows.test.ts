import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentStore } from '../../../adapters/environment/environment-store.ts';
import { promotionStore } from '../../../adapters/promotion/promotion-store.ts';
import { pinRows } from '../../../adapters/retention/pin-rows.ts';
import { pinWrite } from '../../../adapters/retention/pin-writes.ts';
import { pinKey } from '../../../adapters/state/keys.ts';
import { WriteConflict } from '../../../adapters/state/table.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { CLOSED_SECONDS, mayDelete, mayPin, type Standing } from '../../../core/retention/pin.ts';
import { created, OTHER_DIGEST, promotionIn } from '../../core/promotion/fixture.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
let pins: ReturnType<typeof pinRows>;
beforeAll(async () => {
  served = await serveTable();
  pins = pinRows(served.table, served.clock);
});
afterAll(() => served.stop());

const artifact = 'payment-api';
let count = 0;
const freshDigest = () => `sha256:${String(++count).padStart(64, '0')}`;

const add = (digest: string, change: { addRequest?: string; addEnvironment?: string; removeRequest?: string }) =>
  served.table.transact([pinWrite({ artifact, digest, ...change }, served.clock.now().toISOString())]);

/** Rows in every state that there is, each made anew. */
const STATES: Record<string, (digest: string) => Promise<unknown>> = {
  unknown: async () => {},
  requested: (digest) => add(digest, { addRequest: 'PR-2026-0001' }),
  'requested twice': async (digest) => {
    await add(digest, { addRequest: 'PR-2026-0001' });
    await add(digest, { addRequest: 'PR-2026-0002' });
    await add(digest, { removeRequest: 'PR-2026-0001' });
  },
  'no longer requested': async (digest) => {
    await add(digest, { addRequest: 'PR-2026-0001' });
    await add(digest, { removeRequest: 'PR-2026-0001' });
  },
  running: async (digest) => {
    await add(digest, { addRequest: 'PR-2026-0001' });
    await add(digest, { addEnvironment: 'prod', removeRequest: 'PR-2026-0001' });
  },
  'decided by this run': (digest) => pins.decideDeletion(artifact, [digest], 'run-1'),
  'decided by another run': (digest) => pins.decideDeletion(artifact, [digest], 'run-2'),
  abandoned: async (digest) => {
    await pins.decideDeletion(artifact, [digest], 'run-2');
    await pins.abandonDeletion(artifact, [digest], 'run-2');
  },
  gone: async (digest) => {
    await pins.decideDeletion(artifact, [digest], 'run-1');
    await pins.finishDeletion(artifact, [digest], 'run-1');
  },
  'gone and closed no more': async (digest) => {
    served.clock.set('2026-11-20T10:00:00.000Z');
    await pins.decideDeletion(artifact, [digest], 'run-2');
    await pins.finishDeletion(artifact, [digest], 'run-2');
    served.clock.set('2026-11-20T12:00:00.000Z');
  },
};

async function made(state: string): Promise<{ digest: string; standing: Standing }> {
  served.clock.set('2026-11-20T12:00:00.000Z');
  const digest = freshDigest();
  await STATES[state]!(digest);
  return { digest, standing: await pins.standing(artifact, digest) };
}

const now = () => served.clock.now().toISOString();

describe.each(Object.keys(STATES))('a digest that is %s', (state) => {
  it('is pinned exactly when the rule says so, and then no deletion is left of it', async () => {
    const { digest, standing } = await made(state);
    const pinning = add(digest, { addRequest: 'PR-2026-0009' });
    if (!mayPin(standing, now())) {
      await expect(pinning).rejects.toBeInstanceOf(WriteConflict);
      expect(await pins.standing(artifact, digest)).toEqual(standing);
      return;
    }
    await pinning;
    const after = await pins.standing(artifact, digest);
    expect(after).toEqual({ requests: new Set([...standing.requests, 'PR-2026-0009']), environments: standing.environments });
  });

  it('is given up exactly when the rule says so', async () => {
    const { digest, standing } = await made(state);
    const blocked = await pins.decideDeletion(artifact, [digest], 'run-1');
    expect(blocked === undefined).toBe(mayDelete(standing, 'run-1', now()));
    expect(await pins.standing(artifact, digest)).toEqual(blocked === undefined ? { ...standing, deletion: { by: 'run-1' } } : standing);
  });
});

describe('a deletion', () => {
  it('is decided for an index with all its images, or for none', async () => {
    const [index, image] = [freshDigest(), freshDigest()];
    await add(image, { addEnvironment: 'dev' });
    expect(await pins.decideDeletion(artifact, [index, image], 'run-1')).toBe(image);
    expect((await pins.standing(artifact, index)).deletion).toBeUndefined();
  });

  it('concerns one artifact: the same digest of another one stays what it is', async () => {
    const digest = freshDigest();
    await pins.decideDeletion('other', [digest], 'run-1');
    expect((await pins.standing(artifact, digest)).deletion).toBeUndefined();
  });

  it('that is over keeps the digest closed for ten minutes; then its row goes by itself', async () => {
    const { digest } = await made('gone');
    const row = (await served.table.get(pinKey(artifact, digest), 'HEAD'))!;
    const until = Date.parse(row['closedUntil'] as string);
    expect(until - served.clock.now().getTime()).toBeGreaterThan((CLOSED_SECONDS - 1) * 1000);
    expect(row['ttl']).toBe(Math.ceil(until / 1000));
  });

  it('is finished and abandoned by its own run only', async () => {
    const { digest, standing } = await made('decided by another run');
    await expect(pins.finishDeletion(artifact, [digest], 'run-1')).rejects.toBeInstanceOf(WriteConflict);
    await expect(pins.abandonDeletion(artifact, [digest], 'run-1')).rejects.toBeInstanceOf(WriteConflict);
    expect(await pins.standing(artifact, digest)).toEqual(standing);
  });
});

describe('an environment', () => {
  const occupant = (digest: string) => ({ version: '1.0.0', digest, requestId: 'adopted', at: '2026-11-20T12:00:00.000Z' });

  it('pins what it is found to run, and lets go of it only when it runs something else', async () => {
    const environments = environmentStore(served.table, served.clock);
    const [digest, other] = [freshDigest(), freshDigest()];
    expect(await environments.adopt('prod', artifact, 'tenant-finance', occupant(digest))).toBe(true);
    await add(other, { addEnvironment: 'prod' });
    expect(await pins.decideDeletion(artifact, [digest], 'run-1')).toBe(digest);
    expect(await pins.letGo('prod', artifact, digest)).toBe(false);
    expect(await pins.letGo('prod', artifact, other)).toBe(true);
    expect(await pins.letGo('staging', artifact, other)).toBe(false);
    expect(await pins.decideDeletion(artifact, [digest], 'run-1')).toBe(digest);
    expect(await pins.decideDeletion(artifact, [other], 'run-1')).toBeUndefined();
  });

  it('is not said to run what is being deleted: somebody has to look', async () => {
    const digest = freshDigest();
    await pins.decideDeletion('found', [digest], 'run-1');
    const adopting = environmentStore(served.table, served.clock).adopt('prod', 'found', 'tenant-finance', occupant(digest));
    await expect(adopting).rejects.toMatchObject({ code: 'ARTIFACT_DELETING' });
  });
});

describe('a request', () => {
  it('for a digest that is being deleted is refused with ARTIFACT_DELETING, and nothing of it is stored', async () => {
    const promotions = promotionStore(served.table, served.clock);
    const change = created();
    const after = { ...change.after, id: 'PR-2026-4001', artifact: 'refused' };
    await pins.decideDeletion('refused', [after.digest], 'run-1');
    await expect(promotions.commit({ ...change, after })).rejects.toMatchObject({ code: 'ARTIFACT_DELETING', status: 409 });
    expect(await promotions.head(after.id)).toBeUndefined();
    expect((await served.table.all({ pk: 'OUTBOX#0' })).filter(({ rid }) => rid === after.id)).toEqual([]);
  });

  it('that somebody else has changed is a conflict, not a deletion, even when both is true', async () => {
    const promotions = promotionStore(served.table, served.clock);
    const before = { ...promotionIn('pending_approval'), id: 'PR-2026-4002', artifact: 'both', version: 7 };
    await pins.decideDeletion('both', [OTHER_DIGEST], 'run-1');
    const change = engineChange(before, { ...before, digest: OTHER_DIGEST }, { type: 'promotion.waiting', action: 'waiting' });
    await expect(promotions.commit(change)).rejects.toMatchObject({ name: 'VersionConflict' });
  });
});
