/**
 * RACE-04: a promotion and the deletion of its digest at the same time, over the real rows and a real registry on a socket. `RACE_ROUNDS` as in
 * races.test.ts. The version is resolved from memory: every request has seen its digest, however long ago that was.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { registryReader } from '../../adapters/registry/registry-reader.ts';
import { registryWriter } from '../../adapters/registry/registry-writer.ts';
import { pinRows } from '../../adapters/retention/pin-rows.ts';
import { pushImage } from '../../local/demo/oci-image.ts';
import { type Place, startRegistry, stopRegistries } from '../adapters/registry/registries.ts';
import { outcome, requestBody, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 24);
/** A round that promotes takes about a second where several test files share two cores. */
const PATIENCE = { timeout: 300_000 + ROUNDS * 5_000 };
const NAME = 'ledger';

let world: World;
let places: Record<'dev' | 'staging', Place>;
let pins: ReturnType<typeof pinRows>;

beforeAll(async () => {
  places = { dev: await startRegistry('dev'), staging: await startRegistry('staging') };
  const allowed = process.env['ALLOWED_ORIGINS'];
  world = await startWorld((configuration) => {
    for (const place of Object.values(places)) configuration.registries[place.configuration.name] = place.configuration;
  });
  process.env['ALLOWED_ORIGINS'] = `${process.env['ALLOWED_ORIGINS']},${allowed}`;
  pins = pinRows(world.state.table, world.state.clock);
});
afterAll(async () => {
  await world.close();
  await stopRegistries();
});

interface Release {
  version: string;
  digest: string;
  /** The index and its images. */
  digests: string[];
}

let count = 0;
async function publish(layers?: string[]): Promise<Release> {
  const version = `1.0.${++count}`;
  const labels = layers ? { version } : {};
  const { digest, manifests } = await pushImage({
    ...{ origin: places.dev.origin, repository: NAME, tag: version, labels },
    ...(layers ? { layers } : {}),
  });
  world.registry.tags[version] = digest;
  return { version, digest, digests: [digest, ...manifests] };
}

/** What the scheduled deletion does with a digest that its plan takes for unused: decide, delete, say so. True when it was deleted. */
async function collect({ digests }: Release, by: string): Promise<boolean> {
  if ((await pins.decideDeletion(NAME, digests, by)) !== undefined) return false;
  for (const digest of digests) {
    for (const { registry } of Object.values(places)) await registry.call('DELETE', `/v2/${NAME}/manifests/${digest}`);
  }
  await pins.finishDeletion(NAME, digests, by);
  return true;
}

const isAt = async (place: Place, { digests }: Release): Promise<boolean[]> =>
  Promise.all(digests.map(async (digest) => (await place.registry.call('GET', `/v2/${NAME}/manifests/${digest}`)).status === 200));

const request = ({ version }: Release) =>
  world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody({ target: { name: NAME, version } }) });

/** The first begins; the second comes when the table has been asked so often since: between any two steps of the first, or after its end. */
async function together<First, Second>(
  calls: number,
  first: () => Promise<First>,
  second: () => Promise<Second>,
): Promise<[First, Second]> {
  const begun = world.awsCalls.length;
  let isOver = false;
  const running = first().finally(() => {
    isOver = true;
  });
  while (!isOver && world.awsCalls.length < begun + calls) await new Promise((resolve) => setImmediate(resolve));
  return Promise.all([running, second()]);
}

/** More than a request and a deletion make together. */
const MOST_CALLS = 12;

/** The whole way to the environment, with the deletion trying at every step of it. */
async function promote(id: string, release: Release): Promise<boolean[]> {
  const [{ begin }, { copy }, { tag }, { finish }] = await Promise.all([
    import('../../functions/promotion/begin.task.ts'),
    import('../../functions/registry/copy.task.ts'),
    import('../../functions/registry/tag.task.ts'),
    import('../../functions/registry/finish.task.ts'),
  ]);
  const event = { task: '', requestId: id, attempt: 1 };
  const writer = registryWriter();
  const steps = [
    () => runGates(world, id),
    () => world.call('POST', `/v1/requests/staging/${id}/approve`, { as: 'cpi', body: {} }),
    () => begin({ seal: async () => {} } as never)(event),
    () => copy({ writer, reader: registryReader() })(event),
    () => tag(writer)(event),
    () => finish(writer, async () => undefined)(event),
  ];
  const collected: boolean[] = [];
  for (const [index, step] of steps.entries()) {
    const [, deleted] = await Promise.all([step(), collect(release, `gc-${id}-${index}`)]);
    collected.push(deleted);
  }
  return collected;
}

const seen = { promoted: 0, refused: 0 };

it(`RACE-04: a digest is either promoted and kept, or refused with 409 ARTIFACT_DELETING and gone, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const release = await publish();
    // In turn the one and the other come first; when the second comes wanders through the steps of the first.
    const at = (round >> 1) % MOST_CALLS;
    const remove = () => collect(release, `gc-${round}`);
    const ask = () => request(release);
    const [answer, deleted] =
      round % 2 === 0
        ? await together(at, ask, remove)
        : await together(at, remove, ask).then(([first, second]) => [second, first] as const);
    if (answer.status === 201) {
      expect(deleted, 'requested, so nothing was deleted').toBe(false);
      const id = answer.json.metadata.id as string;
      expect(await promote(id, release)).toEqual([false, false, false, false, false, false]);
      expect((await world.state.promotions.head(id))?.phase).toBe('succeeded');
      expect(await collect(release, 'gc-afterwards')).toBe(false);
      for (const place of Object.values(places)) expect(await isAt(place, release)).toEqual([true, true, true]);
      seen.promoted++;
    } else {
      expect(outcome(answer)).toBe('409 ARTIFACT_DELETING');
      expect(answer.json.hint).toMatch(/publish/);
      expect(deleted).toBe(true);
      expect(await isAt(places.dev, release)).toEqual([false, false, false]);
      // Who still remembers the digest cannot ask for it afterwards either.
      expect(outcome(await request(release))).toBe('409 ARTIFACT_DELETING');
      seen.refused++;
    }
  }
});

it(`RACE-04: a digest whose request is cancelled may go at that moment and not before, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const release = await publish();
    const id = (await request(release)).json.metadata.id as string;
    const [answer, deleted] = await together(
      round % MOST_CALLS,
      () => world.call('POST', `/v1/requests/staging/${id}/cancel`, { as: 'dev', body: {} }),
      () => collect(release, `gc-${round}`),
    );
    expect(answer.status).toBe(200);
    if (!deleted) {
      expect(await isAt(places.dev, release)).toEqual([true, true, true]);
      expect(await collect(release, 'gc-again')).toBe(true);
    }
    expect(await isAt(places.dev, release)).toEqual([false, false, false]);
  }
});

it('RACE-04: a request that holds no pin, because it is older than pins, fails at its beginning and not in the copy', async () => {
  const release = await publish();
  const id = (await request(release)).json.metadata.id as string;
  await runGates(world, id);
  await world.call('POST', `/v1/requests/staging/${id}/approve`, { as: 'cpi', body: {} });
  await world.state.table.remove(`PIN#${NAME}#${release.digest}`, 'HEAD');
  expect(await collect(release, 'gc-early')).toBe(true);
  const { begin } = await import('../../functions/promotion/begin.task.ts');
  const { fail } = await import('../../functions/promotion/fail.task.ts');
  const event = { task: '', requestId: id, attempt: 1 };
  const refusal = await begin({ seal: async () => {} } as never)(event).catch((error: Error) => error);
  expect(refusal).toMatchObject({ name: 'ARTIFACT_DELETING' });
  // As Step Functions hands it over.
  const { name, message } = refusal as Error;
  await fail({ ...event, step: 'begin', failure: { Error: name, Cause: JSON.stringify({ errorType: name, errorMessage: message }) } });
  expect(await world.state.promotions.head(id)).toMatchObject({ phase: 'failed', failure: { code: 'ARTIFACT_DELETING', step: 'begin' } });
});

/** What a client meets that pulls every image of a release: the status of each manifest and blob. */
async function pull({ digest }: Release): Promise<number[]> {
  const read = async (path: string) => places.dev.registry.call('GET', `/v2/${NAME}/${path}`);
  const index = await read(`manifests/${digest}`);
  const found = [index.status];
  for (const child of JSON.parse(index.text).manifests as { digest: string }[]) {
    const manifest = await read(`manifests/${child.digest}`);
    found.push(manifest.status);
    const { config, layers } = JSON.parse(manifest.text) as { config: { digest: string }; layers: { digest: string }[] };
    for (const blob of [config, ...layers]) found.push((await read(`blobs/${blob.digest}`)).status);
  }
  return found;
}

it(`GC-05: what is pushed while older versions with the same layers are deleted is whole, ${ROUNDS} times`, PATIENCE, async () => {
  const layers = ['#!/bin/sh\necho the same in every version\n'];
  let old = await publish(layers);
  for (let round = 0; round < ROUNDS; round++) {
    const [next, deleted] = await Promise.all([publish(layers), collect(old, `gc-soak-${round}`)]);
    expect(deleted).toBe(true);
    expect(new Set(await pull(next))).toEqual(new Set([200]));
    old = next;
  }
});

it('RACE-04: the races were races: both ways happened', () => {
  expect(Math.min(seen.promoted, seen.refused), JSON.stringify(seen)).toBeGreaterThan(0);
});
