import { describe, expect, it } from 'vitest';
import { eventId } from '../../../core/audit/line.ts';
import { nextBatch, type PendingEvent, readPending } from '../../../core/audit/next-batch.ts';

const event = (key: string, rid: string, seq: number): PendingEvent => ({ key, rid, seq, line: `${rid} ${seq}` });
const choose = (pending: PendingEvent[], seen = pending.map((row) => row.key)) => nextBatch(new Set(seen), pending);

describe('the next batch', () => {
  it('takes the oldest 99 in the order of their keys', () => {
    const pending = Array.from({ length: 120 }, (_, index) => event(String(index).padStart(3, '0'), `r${index}`, 1));
    expect(choose(pending).batch).toEqual(pending.slice(0, 99));
  });

  it('holds an event back while an earlier one of its request is pending behind it, and all that follow it', () => {
    const pending = [event('a', 'r', 2), event('b', 'r', 3), event('c', 's', 1), event('d', 'r', 1)];
    const { batch, held } = choose(pending);
    expect(batch.map((row) => row.key)).toEqual(['c', 'd']);
    expect(held).toBe(2);
    expect(choose(pending.slice(0, 2)).batch.map((row) => row.key)).toEqual(['a', 'b']);
  });

  it('does not let an event pass whose predecessor did not fit', () => {
    const pending = [
      ...Array.from({ length: 99 }, (_, index) => event(`a${index}`, `r${index}`, 1)),
      event('b', 's', 1),
      event('c', 's', 2),
    ];
    expect(choose(pending).batch.some((row) => row.rid === 's')).toBe(false);
  });

  it('takes nothing that only the second reading shows: its predecessor may have been written behind the first', () => {
    expect(choose([event('b', 'r', 2)], []).batch).toEqual([]);
    expect(choose([event('a', 'r', 1), event('b', 'r', 2)], ['b']).batch).toEqual([]);
  });

  it('takes one of two rows with the same event for poison, and lets neither pass', () => {
    const { batch, poisoned } = choose([event('a', 'r', 1), event('b', 'r', 1), event('c', 's', 1)]);
    expect(batch.map((row) => row.key)).toEqual(['c']);
    expect(poisoned).toEqual([{ key: 'b', rid: 'r', reason: 'another row holds the same event' }]);
  });
});

describe('a row', () => {
  const line = (change: object = {}) => JSON.stringify({ id: eventId('r', 1), rid: 'r', seq: 1, ...change });
  const good = { SK: 'k', id: eventId('r', 1), rid: 'r', seq: 1, line: line() };

  it('that agrees with its line is an event', () => {
    expect(readPending(good)).toEqual({ key: 'k', rid: 'r', seq: 1, line: line() });
  });

  it.each([
    ['without a line', { line: undefined }],
    ['with a line that is not text', { line: 7 }],
    ['with two lines', { line: `${line()}\n${line()}` }],
    ['with a line that is too long', { line: line({ data: 'x'.repeat(33_000) }) }],
    ['with a line that is not JSON', { line: '{' }],
    ['with null for a line', { line: 'null' }],
    ['of another request than its line', { line: line({ rid: 's' }) }],
    ['of another sequence than its line', { seq: 2 }],
    ['with an id that is not its own', { id: 'x', line: line({ id: 'x' }) }],
    ['without a request', { rid: undefined }],
    ['with a sequence that is no number', { seq: '1' }],
  ])('%s is poison', (_, change) => {
    expect(readPending({ ...good, ...change })).toMatchObject({ key: 'k', reason: expect.any(String) });
  });
});
