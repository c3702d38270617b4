/** Failed sign-ins on their way into the log: counted by many, recorded by one, sealed once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addFailure } from '../../../adapters/access/failure-counts.ts';
import { recordFailures } from '../../../adapters/audit/record-failures.ts';
import { seal } from '../../../adapters/audit/sealer.ts';
import { FAILURES, OUTBOX } from '../../../adapters/state/keys.ts';
import { FAILURE_KINDS, minuteOf } from '../../../core/access/failed-sign-ins.ts';
import { batchName, linesOf } from '../../../core/audit/layout.ts';
import { type LogCloud, startLogCloud } from './log-cloud.ts';

let cloud: LogCloud;
beforeEach(async () => {
  cloud = await startLogCloud();
});
afterEach(() => cloud.dispose());

const MINUTE = 60_000;
const record = () => recordFailures(cloud.table, cloud.clock);
const now = () => minuteOf(cloud.clock.now());
interface Line {
  rid: string;
  seq: number;
  prev: string;
  type: string;
  tenant: string;
  data: Record<string, unknown>;
}
/** What waits to be sealed, by kind and place in its chain: rows of one millisecond lie in no order. */
const pending = async () => {
  const lines = (await cloud.table.all({ pk: OUTBOX })).map(({ line }) => JSON.parse(line as string) as Line);
  const order = ({ rid, seq }: Line) => `${rid} ${seq}`;
  return lines.filter(({ type }) => type === 'signin.failures').sort((left, right) => order(left).localeCompare(order(right)));
};

describe('failures of a minute', () => {
  it('become one event for each kind, with how many they were and from how many addresses', async () => {
    const minute = now();
    for (let count = 0; count < 3; count++)
      for (const kind of FAILURE_KINDS) await addFailure(cloud.table, kind, `198.51.100.${count % 2}`, minute);
    await addFailure(cloud.table, 'link', '203.0.113.9', minute);
    expect(await record()).toEqual({ events: 0, unreadable: [] });
    cloud.clock.add(2 * MINUTE);
    expect(await record()).toEqual({ events: 4, unreadable: [] });
    const at = new Date(minute * MINUTE).toISOString();
    expect((await pending()).map(({ data }) => data)).toEqual([
      { kind: 'hook', minute: at, count: 3, sources: 2 },
      { kind: 'link', minute: at, count: 4, sources: 3 },
      { kind: 'signin', minute: at, count: 3, sources: 2 },
      { kind: 'token', minute: at, count: 3, sources: 2 },
    ]);
    expect(JSON.stringify(await pending())).not.toMatch(/198\.51|203\.0/);
    expect(await cloud.table.all({ pk: FAILURES })).toEqual([]);
    expect(await record()).toEqual({ events: 0, unreadable: [] });
  });

  it('share a limit where tokens and sign-ins come from one address, and are told apart in the log', async () => {
    const minute = now();
    expect(await addFailure(cloud.table, 'signin', '198.51.100.1', minute)).toBe(1);
    expect(await addFailure(cloud.table, 'token', '198.51.100.1', minute)).toBe(2);
    expect(await addFailure(cloud.table, 'link', '198.51.100.1', minute)).toBe(1);
  });

  it('cost few writes under attack: a source that floods adds to the count in steps of 64', async () => {
    const minute = now();
    for (let count = 0; count < 60 + 2 * 64 + 5; count++) await addFailure(cloud.table, 'signin', '198.51.100.1', minute);
    expect(await cloud.table.all({ pk: FAILURES })).toEqual([expect.objectContaining({ failures: 60 + 2 * 64, sources: 1 })]);
  });

  it('are chained by kind, and sealed once however many jobs run at once', async () => {
    for (let round = 0; round < 3; round++) {
      await addFailure(cloud.table, 'signin', '198.51.100.1', now());
      cloud.clock.add(2 * MINUTE);
      await Promise.all([record(), record(), record(), record()]);
    }
    await seal(cloud.parts, () => true);
    const lines = linesOf((await cloud.vault.read(batchName(0)))!)!.map((line) => JSON.parse(line.toString()) as Line);
    const events = lines.filter(({ rid }) => rid === 'sys:failures:signin');
    expect(events.map(({ seq, data }) => [seq, data['count']])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(new Set(events.map(({ prev }) => prev)).size).toBe(3);
    expect(events.every(({ tenant }) => tenant === '')).toBe(true);
  });

  it('that are counted while they are being recorded stay for the next run, and so do those that come late', async () => {
    const minute = now();
    await addFailure(cloud.table, 'signin', '198.51.100.1', minute);
    cloud.clock.add(2 * MINUTE);
    const { table } = cloud;
    const interrupted = {
      ...table,
      transact: async (writes: Parameters<typeof table.transact>[0]) => {
        await addFailure(table, 'signin', '198.51.100.2', minute);
        return table.transact(writes);
      },
    };
    expect(await recordFailures(interrupted, cloud.clock)).toEqual({ events: 0, unreadable: [] });
    expect(await pending()).toEqual([]);
    expect(await record()).toEqual({ events: 1, unreadable: [] });
    await addFailure(table, 'signin', '198.51.100.3', minute);
    expect(await record()).toEqual({ events: 1, unreadable: [] });
    expect((await pending()).map(({ seq, data }) => [seq, data['count']])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it('that no function of ours has written are taken away and told of', async () => {
    await cloud.table.put({ PK: FAILURES, SK: '0029540000#root', failures: 1, sources: 1 });
    await cloud.table.put({ PK: FAILURES, SK: '0029540000#link', failures: '<script>', sources: 1 });
    expect(await record()).toEqual({ events: 0, unreadable: ['0029540000#link', '0029540000#root'] });
    expect(await cloud.table.all({ pk: FAILURES })).toEqual([]);
  });

  it('stay where they are while the table answers nothing', async () => {
    await addFailure(cloud.table, 'signin', '198.51.100.1', now());
    cloud.clock.add(2 * MINUTE);
    const away = { ...cloud.table, transact: () => Promise.reject(new Error('away')) };
    await expect(recordFailures(away, cloud.clock)).rejects.toThrow('away');
    expect(await record()).toEqual({ events: 1, unreadable: [] });
  });
});
