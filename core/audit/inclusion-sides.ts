/** The way of an inclusion proof as RFC 9162 2.1.3.2 describes it, without any hashing: whoever checks it brings that, also in a browser. */

/**
 * On which side of the hash so far each of `length` siblings stands, lowest first; undefined when no line `index` of a tree of `size` lines has a proof of
 * that length. All three are attacker-controlled.
 */
export function inclusionSides(index: number, size: number, length: number): ('left' | 'right')[] | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  const sides: ('left' | 'right')[] = [];
  let position = index;
  let last = size - 1;
  while (sides.length < length) {
    if (last === 0) return undefined;
    if (position % 2 === 1 || position === last) {
      sides.push('left');
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      sides.push('right');
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? sides : undefined;
}
