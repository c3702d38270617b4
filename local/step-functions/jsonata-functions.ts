/** Functions that Step Functions adds to JSONata, and `$now`/`$millis` on the virtual clock. `$eval` does not exist there. */
import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';
import type { Clock } from '../clock.ts';

/** Longest array that `$range` makes. */
const LONGEST_RANGE = 1_000;
const HASHES: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};
const formatMillis = jsonata('$fromMillis($instant, $picture, $timezone)');

/** Bindings for one evaluation; `instant` is the same for all calls within it. */
export function jsonataFunctions(clock: Clock): Record<string, unknown> {
  const instant = clock.now();
  return {
    partition,
    range,
    hash,
    random,
    uuid: () => randomUUID(),
    parse,
    eval: () => {
      throw new Error('$eval is not supported: use $parse to read JSON');
    },
    millis: () => instant,
    now: (picture?: string, timezone?: string) =>
      picture === undefined && timezone === undefined
        ? new Date(instant).toISOString()
        : formatMillis.evaluate(undefined, { instant, picture, timezone }),
  };
}

function partition(array: unknown, size: unknown): unknown {
  if (array === undefined) return undefined;
  if (!Number.isInteger(size) || Number(size) < 1) throw new Error('$partition: the size must be a positive integer');
  const items = Array.isArray(array) ? array : [array];
  const parts: unknown[] = [];
  for (let i = 0; i < items.length; i += Number(size)) parts.push(items.slice(i, i + Number(size)));
  return parts;
}

function range(start: unknown, end: unknown, step: unknown): number[] {
  if (![start, end, step].every((value) => typeof value === 'number' && Number.isFinite(value)) || step === 0) {
    throw new Error('$range: start, end and a step other than 0 must be numbers');
  }
  const [from, to, by] = [start as number, end as number, step as number];
  const length = Math.max(0, Math.floor((to - from) / by + 1e-9) + 1);
  if (length > LONGEST_RANGE) throw new Error(`$range: ${length} items exceed the limit of ${LONGEST_RANGE}`);
  return Array.from({ length }, (_, i) => from + i * by);
}

function hash(content: unknown, algorithm: unknown): string | undefined {
  if (content === undefined) return undefined;
  const name = typeof algorithm === 'string' && Object.hasOwn(HASHES, algorithm) ? HASHES[algorithm] : undefined;
  if (!name) throw new Error(`$hash: the algorithm must be one of ${Object.keys(HASHES).join(', ')}`);
  return createHash(name)
    .update(typeof content === 'string' ? content : JSON.stringify(content))
    .digest('hex');
}

/** With a seed the number is a function of the seed: the first 53 bits of its SHA-256. */
function random(seed?: unknown): number {
  if (seed === undefined) return Math.random();
  if (typeof seed !== 'number') throw new Error('$random: the seed must be a number');
  const digest = createHash('sha256').update(String(seed)).digest();
  return Number(digest.readBigUInt64BE() >> 11n) / 2 ** 53;
}

function parse(text: unknown): unknown {
  if (text === undefined) return undefined;
  if (typeof text !== 'string') throw new Error('$parse: the argument must be a string');
  return JSON.parse(text);
}
