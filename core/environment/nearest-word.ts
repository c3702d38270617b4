/** The known word that a misspelt one most likely means. */

/** Undefined when nothing is near: a third of the letters may differ. Case and separators do not count. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const wanted = plain(word.slice(0, 64));
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate));
    if (!best || distance < best.distance) best = { word: candidate, distance };
  }
  return best && best.distance <= Math.max(1, Math.floor(wanted.length / 3)) ? best.word : undefined;
}

/** Levenshtein distance. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...right].entries()) next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[right.length]!;
}

/** The same as a question; undefined where nothing known is near. */
export function nearestHint(word: string, known: readonly string[]): string | undefined {
  const suggestion = nearest(word, known);
  return suggestion ? `did you mean "${suggestion}"?` : undefined;
}
