/** Which versions a consumer takes: exact, `v1.2.*`, `v1.*.*`, a range, or `latest`. What is written comes from outside and is bounded before it is read. */
import { Refusal } from '../errors.ts';
import semver from './semantic-version.ts';
import { TAG_GRAMMAR } from './version.ts';
import { type VersionName, versionName } from './version-name.ts';

/** Longer is no constraint that anybody wrote by hand; reading stays linear in it. */
const LONGEST = 256;
const MOST_PARTS = 16;
/** One part of a range: an operator and a version whose last numbers may be `*`. Leading zeros are no numbers of a version. */
const PART =
  /^(?<operator>>=|<=|>|<|=|~|\^)?v?(?<numbers>(?:0|[1-9][0-9]{0,15})(?:\.(?:0|[1-9][0-9]{0,15}|\*)){0,2})(?<rest>[-+][0-9A-Za-z.+-]+)?$/;

export type Constraint =
  | { kind: 'latest'; text: string }
  /** Names one version, whatever its scheme. */
  | { kind: 'exact'; text: string }
  | { kind: 'range'; text: string; range: string };

/** Versions of an artifact are semantic versions, or names in the order of their dates. */
export type VersionScheme = 'semver' | 'opaque';

/** Refusal INVALID_REQUEST. */
export function readConstraint(text: string, scheme: VersionScheme = 'semver'): Constraint {
  if (text.length > LONGEST) throw invalid(`a constraint has at most ${LONGEST} characters`);
  const written = text.trim();
  if (written === 'latest' || written === '*') return { kind: 'latest', text: written };
  if (scheme === 'opaque') {
    if (TAG_GRAMMAR.test(written)) return { kind: 'exact', text: written };
    throw invalid('versions of this artifact have no numbers that a range could speak of');
  }
  const parts = written.split(/[\s,]+/).filter((part) => part !== '');
  if (parts.length === 0) throw invalid('a constraint is empty');
  if (parts.length > MOST_PARTS) throw invalid(`a constraint has at most ${MOST_PARTS} parts`);
  const read = parts.map(readPart);
  const only = read.length === 1 ? read[0]! : undefined;
  if (only && only.operator === '' && !only.open) return { kind: 'exact', text: written };
  const range = read.map(({ spelled }) => spelled).join(' ');
  if (semver.validRange(range) === null) throw invalid(`"${written}" is no range of versions`);
  return { kind: 'range', text: written, range };
}

function readPart(part: string): { operator: string; open: boolean; spelled: string } {
  const match = PART.exec(part);
  if (!match) throw invalid(`"${part.slice(0, 40)}" is no version and no part of a range`);
  const { operator = '', numbers = '', rest = '' } = match.groups!;
  const places = numbers.split('.');
  const open = places.length < 3 || places.includes('*');
  if (open && rest !== '') throw invalid(`"${part.slice(0, 40)}" has a prerelease but not all three numbers`);
  if (/\*\.[0-9]/.test(numbers)) throw invalid(`"${part.slice(0, 40)}" has a number after *`);
  if (rest !== '' && semver.valid(`${numbers}${rest}`) === null) throw invalid(`"${part.slice(0, 40)}" is no version`);
  return { operator, open, spelled: `${operator}${numbers}${rest}` };
}

/** Versions of which nothing but their name is known are taken by their exact name only; a prerelease only where the constraint names one. */
export function satisfies(constraint: Constraint, version: VersionName): boolean {
  if (constraint.kind === 'latest') return version.semver === undefined || version.prerelease === false;
  if (constraint.kind === 'exact') {
    const named = versionName(constraint.text);
    if (named.semver !== undefined && version.semver !== undefined) return named.plain === version.plain;
    return version.text === constraint.text;
  }
  return version.semver !== undefined && semver.satisfies(version.semver, constraint.range);
}

/** How far a step is: what semver promises of it. Of other schemes nothing is promised. */
export function stepBetween(from: VersionName | undefined, to: VersionName): 'major' | 'minor' | 'patch' | 'prerelease' | 'other' {
  if (from?.semver === undefined || to.semver === undefined) return 'other';
  const difference = semver.diff(from.semver, to.semver);
  if (difference === 'major' || difference === 'minor' || difference === 'patch') return difference;
  return difference === null ? 'other' : 'prerelease';
}

function invalid(why: string): Refusal {
  return new Refusal('INVALID_REQUEST', `this constraint cannot be read: ${why}`, {
    hint: 'write v1.2.3, v1.2.*, v1.*.*, latest, or a range such as >=v1.0.0,<v2.0.0',
    errors: [{ path: '?constraint', message: why }],
  });
}
