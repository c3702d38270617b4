/** What lies ahead of a version, and what to do about it: the report of seed 001. */
import type { Lifecycle } from './lifecycle.ts';

export interface Milestone {
  date: string;
  /** What begins then. */
  kind: 'deprecation' | 'eol';
  text: string;
}

/** What has not come yet, in its order. */
export function milestonesOf({ deprecationDate, eolDate }: Lifecycle, today: string): Milestone[] {
  const all: Milestone[] = [
    ...(deprecationDate === undefined
      ? []
      : [{ date: deprecationDate, kind: 'deprecation' as const, text: 'Deprecation date (warnings begin)' }]),
    ...(eolDate === undefined ? [] : [{ date: eolDate, kind: 'eol' as const, text: 'End-of-life (no longer supported)' }]),
  ];
  return all.filter(({ date }) => date > today).sort((left, right) => (left.date < right.date ? -1 : 1));
}

/** `newer` is the newest version that is supported and newer than this one; `inUse`: somebody runs it or builds on it. */
export function recommendationOf(lifecycle: Lifecycle, newer: string | undefined, inUse: boolean): string {
  const target = lifecycle.replacement ?? newer;
  if (!inUse) return lifecycle.status === 'active' ? 'None: nothing uses this version' : 'None: nothing uses this version any more';
  if (target === undefined)
    return lifecycle.status === 'active' ? 'None: there is no newer version' : 'Publish a version that replaces this one';
  if (lifecycle.status === 'eol') return `Upgrade to ${target} now: this version is not supported any more`;
  return lifecycle.eolDate === undefined ? `Plan upgrade to ${target}` : `Plan upgrade to ${target} before EOL`;
}
