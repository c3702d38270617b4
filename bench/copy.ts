/** Copies between registries against skopeo, in rounds that alternate, and against the physical limit of the same machine in the same minutes. */
import { createHash } from 'node:crypto';
import { type ArtifactSizes, CopyPlace, type Cost } from './copy-place.ts';
import type { CopyOrder } from './copy-process.ts';
import { type Benchmark, compared, type Figure, informing, limited } from './figure.ts';

export interface CopySize extends ArtifactSizes {
  /** Rounds of the big image; the small artifacts, which take skopeo long, get two thirds of them. */
  rounds: number;
}

export const COPY: CopySize = { layerMiB: 64, tiny: 200, rounds: 5 };

/** Shares of the peer, and limits, of the issue of the copy engine. */
const TARGETS = { bigCpu: 0.7, bigWall: 0.95, tinyCpu: 0.25, tinyWall: 0.3, again: 1.2, limit: 1.25 };
const MOST_MIB = 110;
/** What eight times the bytes may cost: buffers of a moment, and nothing that grows. */
const MOST_MIB_MORE = 32;
const MOST_REQUESTS_BESIDE = 25;
const MOST_REQUESTS_AGAIN = 16;
const LAYERS = 8;
/** Artifacts that are copied at once. */
const AT_ONCE = 16;
/** Kernel copies of a client, as a share of hashing the same bytes: 0.27 s to 0.35 s on the machine of the reference. */
const KERNEL_SHARE = 0.27 / 0.35;
const SKOPEO = 'skopeo in the same round';

/** `npm run bench -- copy`. */
export async function copy(size: CopySize): Promise<Benchmark> {
  const place = await CopyPlace.open(size);
  if (!place) return { name: 'copy', figures: [compared('copies', 0, 'copies', SKOPEO, undefined, 1)] };
  try {
    const big = await bigImage(place, size);
    const figures = [...big, ...(await again(place, size)), ...(await beside(place)), ...(await tinyArtifacts(place, size))];
    return { name: 'copy', figures };
  } finally {
    await place.close();
  }
}

/** Two registries, an empty target, 8 layers. */
async function bigImage(place: CopyPlace, { rounds, layerMiB }: CopySize): Promise<Figure[]> {
  const order = await orderOf(place, 'bench/big', ['v1']);
  const ours: (Cost & { peakMiB: number })[] = [];
  const theirs: Cost[] = [];
  const shares: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await place.reset();
    theirs.push(await place.skopeo('big'));
    await place.reset();
    const [source, target] = [place.registryCpu('src'), place.registryCpu('dst')];
    const run = await place.greenlight(order);
    const registries = place.registryCpu('src') - source + place.registryCpu('dst') - target;
    ours.push(run);
    shares.push(run.wall / (await physicalLimit(place, registries, layerMiB * LAYERS)));
  }
  await place.reset();
  const small = await place.greenlight({ ...order, releases: [{ tag: 'small', digest: place.smaller }] });
  const peakMiB = Math.max(...ours.map((run) => run.peakMiB));
  return [
    paired(`${LAYERS} x ${layerMiB} MiB: processor time`, ours, theirs, 'cpu', TARGETS.bigCpu),
    paired(`${LAYERS} x ${layerMiB} MiB: time`, ours, theirs, 'wall', TARGETS.bigWall),
    limited(`${LAYERS} x ${layerMiB} MiB: peak memory`, rounded(peakMiB), 'MiB', 'the limit', MOST_MIB),
    limited('memory that eight times the bytes add', rounded(Math.max(0, peakMiB - small.peakMiB)), 'MiB', 'the limit', MOST_MIB_MORE),
    {
      ...informing(`${LAYERS} x ${layerMiB} MiB: time as a share of the physical limit`, rounded(median(shares)), 'ratio'),
      reference: 'the larger of the target alone and half of all processor time',
      referenceValue: 1,
      ratio: rounded(median(shares)),
      target: TARGETS.limit,
    },
  ];
}

/** Seconds that no copy on two processors goes below: the target alone, or all processor time that registries and a perfect client need. */
async function physicalLimit(place: CopyPlace, registries: number, mebibytes: number): Promise<number> {
  await place.reset();
  const began = performance.now();
  await place.script('floor.sh', 'put', '2');
  const target = (performance.now() - began) / 1_000;
  return Math.max(target, (registries + hashSeconds(mebibytes) * (1 + KERNEL_SHARE)) / 2);
}

function hashSeconds(mebibytes: number): number {
  const chunk = Buffer.alloc(256 * 1024, 7);
  const hash = createHash('sha256');
  const before = process.cpuUsage();
  for (let done = 0; done < mebibytes * 4; done++) hash.update(chunk);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000_000;
}

/** Everything is there already. */
async function again(place: CopyPlace, { rounds }: CopySize): Promise<Figure[]> {
  const order = await orderOf(place, 'bench/big', ['v1']);
  await place.reset();
  await place.greenlight(order);
  const pairs = { ours: [] as { seconds: number }[], theirs: [] as { seconds: number }[] };
  let requests = 0;
  let copiedBytes = 0;
  for (let round = 0; round < rounds; round++) {
    pairs.theirs.push({ seconds: (await place.skopeoAgain()).wall });
    const run = await place.greenlight(order);
    pairs.ours.push({ seconds: run.milliseconds / 1_000 });
    ({ requests, copiedBytes } = run);
  }
  return [
    paired('nothing to do: time without the start of Node', pairs.ours, pairs.theirs, 'seconds', TARGETS.again),
    limited('nothing to do: requests', requests, 'requests', 'the limit', MOST_REQUESTS_AGAIN),
    nothing('nothing to do: bytes sent', copiedBytes),
  ];
}

/** From one repository to another of the same registry. */
async function beside(place: CopyPlace): Promise<Figure[]> {
  const order = { ...(await orderOf(place, 'bench/big', ['v1'])), target: place.source, prefix: 'prod' };
  const skopeo = await place.skopeo('same');
  const { copiedBytes, requests, milliseconds } = await place.greenlight(order);
  return [
    nothing('same registry: blob bytes sent', copiedBytes),
    limited('same registry: requests', requests, 'requests', 'the limit', MOST_REQUESTS_BESIDE),
    { ...informing('same registry: time', rounded(milliseconds / 1_000), 's'), reference: SKOPEO, referenceValue: skopeo.wall },
  ];
}

/** Many small artifacts, each with a signature and an SBOM: three tags each. */
async function tinyArtifacts(place: CopyPlace, { rounds, tiny }: CopySize): Promise<Figure[]> {
  const tags = Array.from({ length: tiny }, (_, index) => `t${String(index).padStart(3, '0')}`);
  const order = await orderOf(place, 'bench/tiny', tags);
  const expected = await digestsOfAllTags(place, place.source);
  const runs = { ours: [] as Cost[], theirs: [] as Cost[] };
  let requests = 0;
  let different = 0;
  for (let round = 0; round < Math.max(1, Math.round((rounds * 2) / 3)); round++) {
    await place.reset();
    runs.theirs.push(await place.skopeo('sync'));
    await place.reset();
    const run = await place.greenlight(order);
    runs.ours.push(run);
    ({ requests } = run);
    const copied = await digestsOfAllTags(place, place.target);
    different += [...expected].filter(([tag, digest]) => copied.get(tag) !== digest).length + Math.max(0, copied.size - expected.size);
  }
  return [
    paired(`${tiny} small artifacts: processor time`, runs.ours, runs.theirs, 'cpu', TARGETS.tinyCpu),
    paired(`${tiny} small artifacts: time`, runs.ours, runs.theirs, 'wall', TARGETS.tinyWall),
    informing(`${tiny} small artifacts: tags`, expected.size, 'tags'),
    { ...nothing(`${tiny} small artifacts: tags that are missing or differ`, different), unit: 'tags' },
    informing(`${tiny} small artifacts: requests`, requests, 'requests'),
  ];
}

async function orderOf(place: CopyPlace, repository: string, tags: readonly string[]): Promise<CopyOrder> {
  const releases = await Promise.all(tags.map(async (tag) => ({ tag, digest: await place.digestOf(repository, tag) })));
  return { source: place.source, target: place.target, prefix: '', repository, releases, atOnce: AT_ONCE };
}

async function digestsOfAllTags(place: CopyPlace, origin: string): Promise<Map<string, string>> {
  const answer = await fetch(`${origin}/v2/bench/tiny/tags/list`);
  const { tags } = (await answer.json()) as { tags: string[] | null };
  const digests = new Map<string, string>();
  for (const tag of tags ?? []) digests.set(tag, await place.digestOf('bench/tiny', tag, origin));
  return digests;
}

/** Medians of both, held against each other by the median of the ratios of the rounds: neighbours slow both down. */
function paired<Key extends string>(
  metric: string,
  ours: readonly Record<Key, number>[],
  theirs: readonly Record<Key, number>[],
  key: Key,
  target: number,
): Figure {
  const ratio = median(ours.map((run, round) => run[key] / theirs[round]![key]));
  return {
    metric,
    value: rounded(median(ours.map((run) => run[key]))),
    unit: 's',
    reference: SKOPEO,
    referenceValue: rounded(median(theirs.map((run) => run[key]))),
    ratio: rounded(ratio),
    target,
    ok: ratio <= target,
  };
}

function nothing(metric: string, value: number): Figure {
  return { metric, value, unit: 'bytes', reference: 'the limit', referenceValue: 0, ratio: null, target: 0, ok: value === 0 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
