import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventId } from '../../../core/audit/line.ts';
import { faultOfProof } from '../../../core/audit/proof-file.ts';
import { proveLine } from '../../../core/audit/prove-line.ts';
import { reconcile } from '../../../core/audit/reconcile.ts';
import { RequestChains } from '../../../core/audit/request-chains.ts';
import { filesOf, keyPair, makeLines, makeLog } from './log-fixture.ts';

const keys = keyPair();
const options = { key: keys.publicKey, now: new Date('2026-03-01T10:30:00Z') };

describe('a proof out of the objects alone', () => {
  it('AUD-12 is made for any line of logs of any size, and holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 320 }), fc.nat(), async (count, some) => {
        const lines = makeLines(count);
        const index = some % count;
        const { id } = JSON.parse(lines[index]!) as { id: string };
        const { verdict, proof } = await proveLine(filesOf(makeLog(lines, keys)), id, options);
        expect(verdict).toMatchObject({ valid: true, size: count });
        expect(proof).toMatchObject({ index, line: lines[index] });
        expect(faultOfProof(proof!, [keys.publicKey])).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });

  it('is not made of what stands in the data of another line, nor of what is not there', async () => {
    const rid = 'r1';
    const other = eventId('x', 1);
    const line = JSON.stringify({
      v: 1,
      id: eventId(rid, 1),
      rid,
      seq: 1,
      prev: '',
      type: 't',
      ts: '2026-03-01T10:00:00Z',
      data: { id: other },
    });
    expect((await proveLine(filesOf(makeLog([line], keys)), other, options)).proof).toBeUndefined();
    expect((await proveLine(filesOf(makeLog([line], keys)), 'nobody', options)).proof).toBeUndefined();
  });

  it('is not made of a log that is not whole', async () => {
    const objects = makeLog(makeLines(120), keys);
    objects.delete('batch/0000000000000099');
    const { id } = JSON.parse(makeLines(1)[0]!) as { id: string };
    const { verdict, proof } = await proveLine(filesOf(objects), id, options);
    expect([verdict.valid, proof]).toEqual([false, undefined]);
  });
});

describe('AUD-07: the log against the table', () => {
  const lines = makeLines(100, 3);
  const chains = new RequestChains();
  for (const [index, line] of lines.entries()) chains.take(Buffer.from(line), index);
  const head = (rid: string, more = 0, lastLine = chains.lastOf(rid)!.hash) => ({ rid, seq: chains.lastOf(rid)!.seq + more, lastLine });
  const heads = ['r0', 'r1', 'r2'].map((rid) => head(rid));
  const facts = { heads, pending: [], sealed: (rid: string) => chains.lastOf(rid), rids: () => chains.rids() };
  const lastOf = (rid: string) => chains.lastOf(rid)!.seq;

  it('agrees where every last event is sealed or pending', () => {
    expect(reconcile(facts)).toEqual([]);
    const pending = [1, 2].map((more) => ({ rid: 'r1', seq: lastOf('r1') + more }));
    expect(reconcile({ ...facts, heads: [head('r0'), head('r1', 2, 'x'), head('r2')], pending })).toEqual([]);
  });

  it('names the request whose last event was removed before it was sealed', () => {
    const [seq] = [lastOf('r1')];
    const pending = [{ rid: 'r1', seq: seq + 2 }];
    expect(reconcile({ ...facts, heads: [head('r0'), head('r1', 3), head('r2')], pending })).toEqual([
      { rid: 'r1', kind: 'missing', detail: `events ${seq + 1}, ${seq + 3} were recorded and are neither sealed nor pending` },
    ]);
    expect(reconcile({ ...facts, heads: [...heads, { rid: 'PR-new', seq: 1, lastLine: 'x' }] })).toMatchObject([
      { rid: 'PR-new', kind: 'missing' },
    ]);
  });

  it('names a request whose head went back, is another one, or is gone; events of the log itself have none', () => {
    expect(reconcile({ ...facts, heads: [head('r0', -1), head('r1', 0, 'x')] })).toMatchObject([
      { rid: 'r0', kind: 'ahead' },
      { rid: 'r1', kind: 'other' },
      { rid: 'r2', kind: 'ahead', detail: 'the table does not know this request' },
    ]);
  });
});
