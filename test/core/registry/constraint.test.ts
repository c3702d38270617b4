import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import { readConstraint, satisfies, stepBetween } from '../../../core/registry/constraint.ts';
import { updatesOf, versionsOf } from '../../../core/registry/known-version.ts';
import { compareVersions, versionName } from '../../../core/registry/version-name.ts';

const PATH = ['dev', 'staging', 'prod'];
const takes = (constraint: string, version: string) => satisfies(readConstraint(constraint), versionName(version, PATH));

describe('REQ-333: pins and constraints', () => {
  it.each([
    ['v1.2.3', 'v1.2.3', true],
    ['v1.2.3', '1.2.3', true],
    ['1.2.3', 'v1.2.3-prod', true],
    ['v1.2.3', 'v1.2.4', false],
    ['v1.2.*', 'v1.2.0', true],
    ['v1.2.*', 'v1.2.10', true],
    ['v1.2.*', 'v1.3.0', false],
    ['v1.*.*', 'v1.9.9', true],
    ['v1.*.*', 'v2.0.0', false],
    ['>=v1.0.0,<v2.0.0', 'v1.99.0', true],
    ['>=v1.0.0,<v2.0.0', 'v2.0.0', false],
    ['>=1.0.0 <2.0.0', '1.0.0', true],
    ['~1.2', '1.2.7', true],
    ['^1.2.3', '1.9.0', true],
    ['latest', 'v9.0.0', true],
    ['latest', 'v9.0.0-rc1', false],
    ['latest', 'build-812', true],
    ['v1.2.3-rc1', 'v1.2.3-rc1', true],
    ['v1.2.3-rc1', 'v1.2.3', false],
    ['v1.2.*', 'v1.2.4-rc1', false],
    ['>=1.2.3-rc1,<1.3.0', '1.2.3-rc2', true],
    ['v1.2.*', 'build-812', false],
  ])('%s takes %s: %s', (constraint, version, expected) => {
    expect(takes(constraint, version)).toBe(expected);
  });

  it('REST-21: what is no constraint is refused with what to write, and nothing is guessed', () => {
    for (const text of [
      '',
      '  ',
      ',',
      'v01.2.3',
      '1.2.3.4',
      'v1.2.3-',
      'v1.*.3',
      '1.2.*-rc1',
      'main',
      '>=',
      '1.2.3-01',
      '=>1.0.0',
      '>=1.0.0 || <1',
    ])
      expect(() => readConstraint(text), text).toThrow(/cannot be read/);
  });

  it('REST-20: long and hostile constraints are refused at once', () => {
    for (const text of [
      `>=1.0.0${' '.repeat(50_000)}<2`,
      '||'.repeat(10_000),
      '1.'.repeat(5_000),
      `v1.2.3-${'a.'.repeat(200)}`,
      '>1 '.repeat(40),
    ]) {
      const begun = performance.now();
      expect(() => readConstraint(text)).toThrow(/cannot be read/);
      // What explodes takes minutes; this is a millisecond, and a moment more on a busy machine.
      expect(performance.now() - begun).toBeLessThan(2_000);
    }
  });

  it('an artifact with an opaque scheme takes names and latest, no ranges', () => {
    expect(satisfies(readConstraint('build-812', 'opaque'), versionName('build-812'))).toBe(true);
    expect(readConstraint('latest', 'opaque').kind).toBe('latest');
    expect(() => readConstraint('>=1.0.0', 'opaque')).toThrow(/no numbers/);
  });

  it('agrees with the semver package on every range that it reads', () => {
    const number = fc.integer({ min: 0, max: 12 });
    const version = fc.tuple(number, number, number).map((parts) => parts.join('.'));
    const part = fc.tuple(fc.constantFrom('>=', '<', '>', '<=', '~', '^', ''), version).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 3 }), version, (parts, candidate) => {
        expect(takes(parts.join(','), candidate)).toBe(semver.satisfies(candidate, parts.join(' ')));
      }),
    );
  });
});

describe('versions in their order', () => {
  const dated = (text: string, at?: string) => ({ name: versionName(text, PATH), at });

  it('GC-08: numbers are compared as numbers, prereleases come before their release, other names by date', () => {
    const sorted = [
      dated('v1.10.0'),
      dated('v1.9.0'),
      dated('1.10.0-rc1'),
      dated('zeta', '2026-01-01'),
      dated('alpha-build', '2026-02-01'),
      dated('1.9.0+build7', '2026-03-01'),
    ].sort(compareVersions);
    expect(sorted.map(({ name }) => name.text)).toEqual(['zeta', 'alpha-build', 'v1.9.0', '1.9.0+build7', '1.10.0-rc1', 'v1.10.0']);
  });

  it('the suffix of an environment is never read as a prerelease', () => {
    expect(versionName('v1.2.3-prod', PATH)).toMatchObject({ text: 'v1.2.3', prerelease: false });
    expect(versionName('v1.2.3-rc1-prod', PATH)).toMatchObject({ text: 'v1.2.3-rc1', prerelease: true });
    expect(versionName('v1.2.3-prod', ['dev'])).toMatchObject({ prerelease: true });
    expect(versionName('x'.repeat(300))).toMatchObject({ prerelease: false });
  });

  it('lists each version once and leaves out what is none', () => {
    const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
    const images = [
      { digest: digest('a'), tags: ['v1.0.0-dev', 'v1.0.0', 'latest-dev'], pushedAt: '2026-01-01' },
      { digest: digest('b'), tags: ['1.1.0'], pushedAt: '2026-01-02' },
      { digest: digest('c'), tags: [`sha256-${'a'.repeat(64)}.sig`, 'nightly'] },
      { digest: digest('d'), tags: [] },
    ];
    expect(versionsOf(images, PATH, 'semver').map(({ name }) => name.text)).toEqual(['v1.0.0', '1.1.0']);
    expect(versionsOf(images, PATH, 'opaque').map(({ name }) => name.text)).toEqual(['nightly', 'v1.0.0', '1.1.0']);
  });

  it('updates are what the constraint takes and is newer, with the step that they are', () => {
    const images = ['1.2.3', '1.2.4', '1.2.5', '1.3.0', '2.0.0', '1.2.6-rc1'].map((tag, index) => ({
      digest: `sha256:${String(index).repeat(64)}`,
      tags: [tag],
    }));
    const versions = versionsOf(images, PATH, 'semver');
    const current = versions.find(({ name }) => name.text === '1.2.3');
    const found = (constraint: string) =>
      updatesOf(versions, readConstraint(constraint), current).map(({ name, step }) => `${name.text} ${step}`);
    expect(found('v1.2.*')).toEqual(['1.2.4 patch', '1.2.5 patch']);
    expect(found('latest')).toEqual(['1.2.4 patch', '1.2.5 patch', '1.3.0 minor', '2.0.0 major']);
    expect(updatesOf(versions, readConstraint('1.2.*'), undefined)).toHaveLength(3);
    expect(updatesOf(versions, readConstraint('1.2.*'), { name: versionName('1.2.4+x'), digest: '' }).map(({ name }) => name.text)).toEqual(
      ['1.2.5'],
    );
    expect(stepBetween(versionName('1.2.3'), versionName('1.2.4-rc1'))).toBe('prerelease');
    expect(stepBetween(versionName('1.2.3'), versionName('1.2.3+b'))).toBe('other');
    expect(stepBetween(versionName('nightly'), versionName('1.2.3'))).toBe('other');
  });
});
