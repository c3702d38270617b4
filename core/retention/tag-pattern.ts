/** Patterns of tags as people write them: `v*`, `release-*`. Only `*` and `?` mean something, so that matching is linear in both. */

export const TAG_PATTERN = /^[A-Za-z0-9_*?][A-Za-z0-9._*?-]{0,127}$/;

/** Does the pattern match the whole tag? Greedy with one place to return to: a second `*` makes the first irrelevant. */
export function matchesTag(pattern: string, tag: string): boolean {
  let at = 0;
  let place = 0;
  let star = -1;
  let resumed = 0;
  while (place < tag.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++;
      resumed = place;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === tag[place])) {
      at++;
      place++;
    } else if (star >= 0) {
      at = star + 1;
      place = ++resumed;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** Versions as different as releases can be, in both spellings. */
const SAMPLES = [
  ['v0.1.0', 'v1.2.3', 'v10.20.30', 'v2.0.0-rc1'],
  ['0.1.0', '1.2.3', '10.20.30', '2.0.0-rc1'],
];

/** Does the pattern match every version that anybody publishes? Then nothing is ever deleted. */
export function matchesEveryVersion(pattern: string): boolean {
  return SAMPLES.some((spelling) => spelling.every((version) => matchesTag(pattern, version)));
}
