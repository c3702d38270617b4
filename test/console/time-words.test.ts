import { describe, expect, it } from 'vitest';
import { absolute, fromNow, lengthOf } from '../../console/kit/time-words.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString();

describe('a time', () => {
  it.each([
    [0, 'just now'],
    [-9, 'just now'],
    [-40, '40 sec. ago'],
    [-200, '3 min. ago'],
    [-7_300, '2 hr. ago'],
    [-86_400, 'yesterday'],
    [3 * 86_400, 'in 3 days'],
    [-800 * 86_400, '2 yr. ago'],
  ])('%i seconds away is %s', (seconds, words) => {
    expect(fromNow(at(seconds), NOW)).toBe(words);
  });

  it('is given in full with its zone', () => {
    expect(absolute('2026-11-28T12:00:00Z', 'Europe/Berlin')).toBe('28 Nov 2026, 13:00 CET');
    expect(absolute('2026-11-28T12:00:00Z', 'UTC')).toBe('28 Nov 2026, 12:00 UTC');
  });
});

describe('a length', () => {
  it.each([
    [0, '0 s'],
    [45, '45 s'],
    [200, '3 min 20 s'],
    [7_200, '2 h'],
    [7_500, '2 h 5 min'],
    [356_400, '4 d 3 h'],
    [-5, '0 s'],
  ])('of %i seconds is %s', (seconds, words) => {
    expect(lengthOf(seconds)).toBe(words);
  });
});
