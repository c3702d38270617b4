import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Columns, FLAG, judge, REASONS } from '../../../core/retention/columns.ts';
import type { RetentionConfiguration } from '../../../core/retention/configuration.ts';
import { planDueSince } from '../../../core/retention/due.ts';
import { type ArtifactInventory, inventoryOf, type StoredImage } from '../../../core/retention/inventory.ts';
import { planOf, retentionHash, staleUnits } from '../../../core/retention/plan.ts';
import { matchesEveryVersion, matchesTag, TAG_PATTERN } from '../../../core/retention/tag-pattern.ts';

const PATH = ['dev', 'staging', 'prod'];
const NOW = new Date('2026-06-15T12:00:00Z');
const POLICY: RetentionConfiguration = {
  keepLast: 2,
  keepDays: 90,
  protectedTags: [],
  keepRollbacks: 3,
  legalHolds: [],
  schedule: 'daily',
  graceSeconds: 86_400,
  maxDeletePercent: 60,
  pricePerGb: 0.09,
};
const OLD = '2026-01-01T00:00:00.000Z';
const digest = (name: string): string => `sha256:${Buffer.from(name).toString('hex').padStart(64, '0').slice(-64)}`;

const image = (name: string, more: Partial<StoredImage> = {}): StoredImage => ({
  digest: digest(name),
  tags: [name],
  pushedAt: OLD,
  children: [],
  blobs: [[`blob-${name}`, 1_000]],
  ...more,
});

const artifact = (images: StoredImage[], more: Partial<ArtifactInventory> = {}): ArtifactInventory => ({
  artifact: 'app',
  tenant: 't',
  scheme: 'semver',
  registries: [{ name: 'dev', images }],
  uses: new Map(),
  ...more,
});

function plan(artifacts: ArtifactInventory[], policy: Partial<RetentionConfiguration> = {}, now = NOW) {
  const rules = { ...POLICY, ...policy };
  const inventory = inventoryOf(artifacts, rules, PATH);
  return { ...planOf(inventory, rules, now), inventory, rules };
}

const going = (...args: Parameters<typeof plan>) => plan(...args).units.map(({ version, digests }) => version ?? digests[0]!);
const why = (...args: Parameters<typeof plan>) => Object.fromEntries(plan(...args).kept.map(({ reason, versions }) => [reason, versions]));
const versions = (...names: string[]) => names.map((name) => image(name));

describe('what retention keeps', () => {
  it('GC-01: in use, ways back, pending requests, legal holds, protected tags, the last N and what is young stay, each with its reason', () => {
    const images = [
      ...versions('1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0', '1.6.0', '1.7.0'),
      image('0.9.0', { pushedAt: '2026-06-01T00:00:00Z' }),
    ];
    const uses = new Map([
      [digest('1.0.0'), FLAG.inUse | FLAG.pending],
      [digest('1.1.0'), FLAG.rollback],
      [digest('1.2.0'), FLAG.pending],
    ]);
    const policy = { protectedTags: ['1.4.*'], legalHolds: [{ artifact: 'app', version: 'v1.3.0' }] };
    expect(going([artifact(images, { uses })], policy)).toEqual(['1.5.0']);
    expect(why([artifact(images, { uses })], policy)).toEqual({
      'in use': ['1.0.0'],
      rollback: ['1.1.0'],
      'pending request': ['1.2.0'],
      'legal hold': ['1.3.0'],
      protected: ['1.4.0'],
      'keep last': ['1.6.0', '1.7.0'],
      age: ['0.9.0'],
    });
    expect(REASONS[0]).toBe('delete');
  });

  it('GC-08: the last N are counted by number, prereleases beside them, other names by date', () => {
    const numbered = versions('v1.9.0', 'v1.10.0', 'v1.2.0', 'v1.10.0-rc1', 'v1.9.0-rc1', 'v1.11.0-rc1');
    expect(going([artifact(numbered)]).sort()).toEqual(['v1.2.0', 'v1.9.0-rc1']);
    const builds = ['zeta', 'alpha', 'mid', 'beta-build'].map((name, index) =>
      image(name, { pushedAt: `2026-01-0${index + 1}T00:00:00Z` }),
    );
    expect(going([artifact(builds)])).toEqual(['zeta', 'alpha']);
    // Numbered versions and others are counted apart.
    expect(going([artifact([...versions('1.0.0', '1.1.0'), ...builds.slice(0, 2)])])).toEqual([]);
    expect(going([artifact(versions('1.0.0', '1.1.0', '1.2.0'), { scheme: 'opaque' })])).toHaveLength(1);
  });

  it('GC-07: dates that are missing or in the future keep, and a plan that would delete nearly everything is stopped', () => {
    const images = [
      ...versions('1.0.0', '1.1.0', '1.2.0'),
      { ...image('0.1.0'), pushedAt: undefined } as unknown as StoredImage,
      image('0.2.0', { pushedAt: '2199-01-01T00:00:00Z' }),
    ];
    expect(why([artifact(images)])).toMatchObject({ unknown: ['0.1.0'], age: ['0.2.0'] });
    const far = new Date('2126-06-15T12:00:00Z');
    // In whatever order they are listed: the newest are kept, and no other.
    const mixed = ['1.0.0', '1.4.0', '1.2.0', '1.3.0', '1.6.0', '1.1.0', '1.7.0', '1.5.0'];
    expect(going([artifact(versions(...mixed))], { keepLast: 5 }).sort()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
    const all = plan([artifact(versions('1.0.0', '1.1.0', '1.2.0', '1.3.0'))], { keepLast: 0 }, far);
    expect([all.totals.delete, all.stop]).toEqual([4, expect.stringMatching(/4 of 4 artifacts \(100 %\)/)]);
    expect(plan([artifact(versions('1.0.0', '1.1.0', '1.2.0', '1.3.0'))], {}, far).stop).toBeUndefined();
    expect(plan([artifact([])]).stop).toBeUndefined();
  });

  it('GC-09 and GC-10: what is in use stays whatever its lifecycle, and what cannot be looked at stays whole', () => {
    expect(going([artifact(versions('1.0.0', '1.1.0', '1.2.0'), { unavailable: 'the cluster does not answer' })])).toEqual([]);
    expect(going([artifact([...versions('1.1.0', '1.2.0'), image('1.0.0', { unreadable: true })])])).toEqual([]);
  });

  it('what latest-<env> names is in use, and a digest that is young anywhere is young', () => {
    expect(why([artifact([image('1.0.0', { tags: ['1.0.0', 'latest-prod'] }), ...versions('1.1.0', '1.2.0')])])['in use']).toEqual([
      '1.0.0',
    ]);
    const registries = [
      { name: 'dev', images: [image('1.0.0'), ...versions('1.1.0', '1.2.0')] },
      { name: 'prod', images: [image('1.0.0', { pushedAt: '2026-06-10T00:00:00Z', tags: ['1.0.0-prod'] })] },
    ];
    for (const listed of [registries, registries.toReversed()])
      expect(why([artifact([], { registries: listed })])['age']).toEqual(['1.0.0']);
    const twice = [{ name: 'dev', images: [image('1.0.0', { tags: ['1.0.0', '1.0.0'] }), ...versions('1.1.0', '1.2.0')] }];
    expect(plan([artifact([], { registries: twice })]).units[0]!.tags).toEqual(['1.0.0']);
    const held = [{ digest: digest('1.0.0') }, { artifact: 'other', version: '1.0.0' }];
    expect(why([artifact(versions('1.0.0', '1.1.0', '1.2.0'))], { legalHolds: held })['legal hold']).toEqual(['1.0.0']);
  });
});

describe('what belongs together', () => {
  const index = (name: string, children: string[], more: Partial<StoredImage> = {}) =>
    image(name, { children: children.map(digest), ...more });
  const part = (name: string, more: Partial<StoredImage> = {}) => image(name, { tags: [], ...more });
  const kept = versions('2.0.0', '2.1.0');

  it('an index goes with its images, signatures and SBOMs, and they are counted as one', () => {
    const images = [...kept, part('arm'), index('1.0.0', ['arm', 'amd']), part('amd'), part('sig', { subject: digest('1.0.0') })];
    const cosign = image('cosign', { tags: [`sha256-${digest('1.0.0').slice(7)}.sig`] });
    const { units, totals } = plan([artifact([...images, cosign])]);
    expect(units).toHaveLength(1);
    expect(units[0]!.digests[0]).toBe(digest('1.0.0'));
    expect([...units[0]!.digests].sort()).toEqual(['1.0.0', 'arm', 'amd', 'sig', 'cosign'].map(digest).sort());
    expect(totals).toMatchObject({ artifacts: 3, delete: 1, keep: 2, bytesFreed: 5_000 });
  });

  it('children of an index that stays and signatures of a subject that stays are never deleted, however old', () => {
    const images = [index('2.0.0', ['arm']), part('arm'), part('sig', { subject: digest('2.0.0') }), ...versions('2.1.0')];
    expect(going([artifact(images)])).toEqual([]);
    // What stays weighs what belongs to it: an index itself is next to nothing.
    const tree = [index('2.0.0', ['arm'], { blobs: [] }), part('arm'), part('sig', { subject: digest('arm') }), ...versions('2.1.0')];
    expect(plan([artifact(tree)]).kept.map(({ reason, count, bytes }) => [reason, count, bytes])).toEqual([['keep last', 2, 3_000]]);
  });

  it('an index stays for an image that is in use, and a subject for a referrer that is', () => {
    const images = [
      ...kept,
      index('1.0.0', ['arm', 'amd']),
      part('arm'),
      part('amd'),
      image('1.1.0'),
      part('sbom', { subject: digest('1.1.0') }),
    ];
    const uses = new Map([
      [digest('arm'), FLAG.inUse],
      [digest('sbom'), FLAG.pending],
    ]);
    expect(going([artifact(images, { uses })])).toEqual([]);
    expect(going([artifact(images)])).toEqual(['1.0.0', '1.1.0']);
  });

  it('an image that two indexes share goes with the last of them; blobs that stay elsewhere free nothing', () => {
    const images = [
      ...kept,
      index('1.0.0', ['arm']),
      index('1.1.0', ['arm']),
      part('arm', {
        blobs: [
          ['blob-2.0.0', 1_000],
          ['own', 500],
        ],
      }),
    ];
    const { units, totals } = plan([artifact(images)]);
    expect(units.map(({ digests }) => digests.length)).toEqual([1, 2]);
    expect(totals.bytesFreed).toBe(2_500);
    expect(going([artifact([...kept, index('1.0.0', ['arm']), index('2.2.0', ['arm']), part('arm')])], { keepLast: 3 })).toEqual(['1.0.0']);
  });

  it('goes in portions where there is very much of it', () => {
    const names = Array.from({ length: 10_001 }, (_, number) => `0.0.${number}`);
    const { units, warnings } = plan([artifact([...kept, ...versions(...names)]), artifact([], { artifact: 'none' })]);
    expect([units.length, warnings]).toEqual([10_000, ['only 10000 of 10001 artifacts go at once; the rest is planned again']]);
  });

  it('is told by its digest where it has no version, and by nothing of what a registry does not say', () => {
    const undated = ['x', 'y'].map((name) => ({ ...image(name, { tags: [] }), pushedAt: undefined }) as unknown as StoredImage);
    const {
      units,
      kept: stays,
      warnings,
    } = plan([
      artifact([...kept, part('old'), ...undated, part('lost', { subject: digest('nowhere') })]),
      artifact(
        [
          part('big', { children: Array.from({ length: 97 }, (_, number) => digest(`p${number}`)) }),
          ...Array.from({ length: 97 }, (_, number) => part(`p${number}`)),
        ],
        { artifact: 'big' },
      ),
    ]);
    expect(units.map(({ version, digests }) => [version, ...digests])).toEqual([
      [undefined, digest('old')],
      [undefined, digest('lost')],
    ]);
    expect(stays.find(({ reason }) => reason === 'unknown')!.versions).toEqual(undated.map((each) => each.digest.slice(0, 19)));
    expect(warnings[0]).toContain(digest('big'));
  });

  it('GC-04: the same digest of another artifact is another thing', () => {
    const other = artifact(versions('1.0.0'), { artifact: 'other', uses: new Map([[digest('1.0.0'), FLAG.inUse]]) });
    const { units } = plan([artifact([...kept, image('1.0.0')]), other]);
    expect(units.map((unit) => unit.artifact)).toEqual(['app']);
  });

  it('manifests that name each other in a circle stay, and so does what has too many parts', () => {
    const circle = [part('a', { subject: digest('b') }), part('b', { subject: digest('a') }), part('self', { subject: digest('self') })];
    expect(going([artifact([...kept, ...circle])])).toEqual([digest('self')]);
    const parts = Array.from({ length: 100 }, (_, number) => `part${number}`);
    const { units, warnings } = plan([artifact([...kept, index('1.0.0', parts), ...parts.map((name) => part(name))])]);
    expect(units).toEqual([]);
    expect(warnings[0]).toMatch(/1\.0\.0 stays: it has 101 manifests/);
  });

  it('GC-02: the hash is of what goes and of the rules; what must stay now makes a plan stale, what is gone does not', () => {
    const { units, rules } = plan([artifact([...kept, ...versions('1.0.0', '1.1.0')])]);
    const hash = retentionHash(units, rules);
    expect(retentionHash([...units].reverse(), rules)).toBe(hash);
    expect(retentionHash(units.slice(1), rules)).not.toBe(hash);
    expect(retentionHash(units, { ...rules, keepLast: 9 })).not.toBe(hash);
    const again = (images: StoredImage[], uses = new Map<string, number>()) =>
      staleUnits(units, inventoryOf([artifact(images, { uses })], rules, PATH), new Set(['app']), rules, NOW).map(({ version }) => version);
    expect(again([...kept, ...versions('1.0.0', '1.1.0', '2.2.0')])).toEqual([]);
    expect(again([...kept, ...versions('1.1.0')])).toEqual([]);
    expect(again([...kept, ...versions('1.0.0', '1.1.0')], new Map([[digest('1.1.0'), FLAG.pending]]))).toEqual(['1.1.0']);
    // An artifact that could not be looked at is not one that is gone.
    expect(staleUnits(units, inventoryOf([], rules, PATH), new Set(), rules, NOW)).toHaveLength(2);
  });
});

describe('judging columns', () => {
  /** The same rules, said slowly. */
  function slowly(columns: Columns, keepLast: number, keepSince: number): boolean[] {
    const rows = [...columns.flags.keys()];
    const hard = rows.map((row) => (columns.flags[row]! & 63) !== 0);
    const keep = rows.map((row) => {
      if (hard[row]) return true;
      if (columns.flags[row]! & FLAG.follower) return false;
      const mates = rows.filter((other) => columns.group[other] === columns.group[row] && columns.flags[other]! & FLAG.release);
      const oldest = mates.map((other) => columns.order[other]!).sort((left, right) => right - left)[keepLast - 1];
      const isVersion = (columns.flags[row]! & (FLAG.release | FLAG.prerelease)) !== 0;
      if (isVersion && keepLast > 0 && (mates.length <= keepLast || columns.order[row]! >= oldest!)) return true;
      if (Number.isNaN(columns.pushedAt[row])) {
        hard[row] = true;
        return true;
      }
      return columns.pushedAt[row]! >= keepSince;
    });
    for (let round = 0; round < rows.length + 1; round++)
      for (const [link, from] of columns.follower.entries()) {
        const to = columns.followed[link]!;
        if (hard[from] && !hard[to]) hard[to] = keep[to] = true;
        if (keep[to]) keep[from] = true;
      }
    return keep;
  }

  it('keeps and deletes what the rules say, said slowly, whatever the columns', () => {
    const row = fc.record({
      group: fc.nat(2),
      pushedAt: fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 0, max: 100 })),
      order: fc.nat(50),
      bits: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(63) }),
      kind: fc.constantFrom(0, FLAG.release, FLAG.prerelease),
      follows: fc.array(fc.nat(30), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 31 }), fc.nat(4), fc.nat(100), (rows, keepLast, keepSince) => {
        const links = rows.flatMap(({ follows }, index) =>
          follows.filter((to) => to < rows.length && to !== index).map((to) => [index, to] as const),
        );
        const followers = new Set(links.map(([from]) => from));
        const columns: Columns = {
          group: Uint32Array.from(rows, (each) => each.group),
          groups: 3,
          pushedAt: Float64Array.from(rows, (each) => each.pushedAt),
          order: Float64Array.from(rows, (each) => each.order),
          flags: Uint16Array.from(rows, (each, index) => each.bits | each.kind | (followers.has(index) ? FLAG.follower : 0)),
          follower: Int32Array.from(links, ([from]) => from),
          followed: Int32Array.from(links, ([, to]) => to),
        };
        const reasons = judge(columns, { keepLast, keepSince });
        expect([...reasons].map((reason) => reason !== 0)).toEqual(slowly(columns, keepLast, keepSince));
        // Whatever else: what has a reason of its own stays, for the first of its reasons.
        for (const [index, { bits }] of rows.entries()) if (bits & 31) expect(reasons[index]).toBe(1 + Math.log2(bits & 31 & -(bits & 31)));
      }),
      { numRuns: 400 },
    );
  });
});

describe('patterns of tags and the schedule', () => {
  it('match whole tags in time that is linear in both', () => {
    for (const [pattern, tag, expected] of [
      ['v*', 'v1.2.3', true],
      ['v*', '1.2.3', false],
      ['release-*', 'release-2026', true],
      ['*-rc?', 'v1.0.0-rc1', true],
      ['*-rc?', 'v1.0.0-rc10', false],
      ['a*b*c', 'axxbyyc', true],
      ['a*b*c', 'axxbyyd', false],
      ['', '', true],
      ['*', 'anything', true],
      ['v*', 'v', true],
      ['ab', 'abc', false],
    ] as const)
      expect(matchesTag(pattern, tag), `${pattern} ${tag}`).toBe(expected);
    const begun = performance.now();
    expect(matchesTag(`${'*a'.repeat(60)}b`, 'a'.repeat(128))).toBe(false);
    // What is not linear takes years; this is a millisecond, and a moment more on a busy machine.
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(TAG_PATTERN.test('(a+)+$')).toBe(false);
    expect(['v*', '*', '?*', 'v?*', 'release-*', 'v1.*'].map(matchesEveryVersion)).toEqual([true, true, true, true, false, false]);
  });

  it('a plan is due at two in the morning', () => {
    expect(planDueSince('never', NOW)).toBeUndefined();
    expect(planDueSince('daily', NOW)).toBe('2026-06-15T02:00:00.000Z');
    expect(planDueSince('daily', new Date('2026-06-15T01:59:59Z'))).toBe('2026-06-14T02:00:00.000Z');
    expect(planDueSince('weekly', NOW)).toBe('2026-06-14T02:00:00.000Z');
  });
});
