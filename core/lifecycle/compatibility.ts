/**
 * May a consumer move from one version to another without changing its own files? Images say so by labels: `greenlight.dev/schema` names the version
 * of the schema that the artifact reads (`2.1`), `greenlight.dev/schema-reads` the oldest that it still reads. Where none is declared, the step of the
 * version decides: semver promises that only a major one breaks.
 */
import type { VersionName } from '../registry/version-name.ts';

export const SCHEMA_LABEL = 'greenlight.dev/schema';
export const READS_LABEL = 'greenlight.dev/schema-reads';

const SCHEMA = /^(\d{1,6})(?:\.(\d{1,6}))?$/;

export interface Compatibility {
  status: 'compatible' | 'incompatible';
  /** By the labels, or by the numbers of the versions because nothing was declared. */
  by: 'schema' | 'version';
  why: string;
}

export interface CompatibilityFacts {
  from: { name: VersionName; labels: Readonly<Record<string, string>> };
  to: { name: VersionName; labels: Readonly<Record<string, string>> };
}

export function compatibilityOf({ from, to }: CompatibilityFacts): Compatibility {
  const [before, after] = [schemaOf(from.labels, SCHEMA_LABEL), schemaOf(to.labels, SCHEMA_LABEL)];
  if (before && after) {
    const oldest = schemaOf(to.labels, READS_LABEL) ?? [after[0], 0];
    const reads = compare(oldest, before) <= 0 && compare(before, after) <= 0;
    return reads
      ? { status: 'compatible', by: 'schema', why: `${to.name.text} reads schema ${spelled(before)} (its own is ${spelled(after)})` }
      : {
          status: 'incompatible',
          by: 'schema',
          why: `${to.name.text} reads schemas from ${spelled(oldest)} to ${spelled(after)}, ${from.name.text} uses ${spelled(before)}`,
        };
  }
  return byVersion(from.name, to.name);
}

function byVersion(from: VersionName, to: VersionName): Compatibility {
  if (from.semver === undefined || to.semver === undefined)
    return { status: 'incompatible', by: 'version', why: `neither ${from.text} nor ${to.text} says which schema it reads` };
  // Before 1.0.0 every minor step may break.
  const promise = (version: string) => (version.startsWith('0.') ? version.split('.').slice(0, 2).join('.') : version.split('.')[0]!);
  return promise(from.semver) === promise(to.semver)
    ? { status: 'compatible', by: 'version', why: `no breaking changes from ${from.text} to ${to.text} by their numbers` }
    : { status: 'incompatible', by: 'version', why: `${to.text} is a step that may break what ${from.text} reads` };
}

function schemaOf(labels: Readonly<Record<string, string>>, label: string): [number, number] | undefined {
  const match = Object.hasOwn(labels, label) ? SCHEMA.exec(labels[label]!) : null;
  return match ? [Number(match[1]), Number(match[2] ?? 0)] : undefined;
}

function compare([leftMajor, leftMinor]: readonly number[], [rightMajor, rightMinor]: readonly number[]): number {
  return leftMajor! - rightMajor! || leftMinor! - rightMinor!;
}

function spelled([major, minor]: readonly number[]): string {
  return `${major}.${minor}`;
}
