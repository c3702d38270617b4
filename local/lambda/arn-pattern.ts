/** The `ArnLike` condition operator: each of the six parts of an ARN is matched on its own, `*` and `?` never cross a colon before the last. */

/** True when `arn` matches `pattern`. */
export function arnLike(pattern: string, arn: string): boolean {
  const expected = arnParts(pattern);
  const actual = arnParts(arn);
  return expected.length === actual.length && expected.every((part, index) => globMatches(part, actual[index]!));
}

/** The last part is the resource, which may hold colons itself. */
function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/** Linear in the text for each `*`: no regular expression that a long path (the client's choice) could make slow. */
function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
