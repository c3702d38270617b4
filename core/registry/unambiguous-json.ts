/** Finds members that one JSON reader would take and another would not. */

/**
 * False when an object names a member twice, also in another case: Go's decoder matches names without case and takes the last, JavaScript's takes
 * the exact one. `text` must be valid JSON already.
 */
export function isUnambiguousJson(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  // Strings, and the characters that open, close or separate; everything else carries no structure.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const [token] = match;
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (isName(text, tokens.lastIndex)) {
      const names = open.at(-1);
      const name = (JSON.parse(token) as string).toLowerCase();
      if (names?.has(name)) return false;
      names?.add(name);
    }
  }
  return true;
}

/** A string is a member's name when a colon follows it. */
function isName(text: string, end: number): boolean {
  let next = end;
  while (' \t\r\n'.includes(text[next] ?? ':')) next++;
  return text[next] === ':';
}
