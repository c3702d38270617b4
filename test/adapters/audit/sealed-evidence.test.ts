import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallSealer, sealedEvidence } from '../../../adapters/audit/sealed-evidence.ts';
import { seal } from '../../../adapters/audit/sealer.ts';
import { Events, type LogCloud, startLogCloud, storedLines } from './log-cloud.ts';

let cloud: LogCloud;
let calls: number;

beforeEach(async () => {
  cloud = await startLogCloud();
  calls = 0;
});
afterEach(() => cloud.dispose());

const evidence = (call: CallSealer, limitMs?: number) =>
  sealedEvidence(
    cloud.table,
    cloud.clock,
    async (signal) => {
      calls += 1;
      await call(signal);
    },
    limitMs,
  );
const sealAll: CallSealer = async () => void (await seal(cloud.parts, () => true));

describe('evidence of a request', () => {
  it('is there once the sealer has run, and every event of the request is in the log then', async () => {
    const events = new Events(cloud.table);
    const rows = [await events.write('PR-1'), await events.write('PR-2'), await events.write('PR-1')];
    await evidence(sealAll).seal({ id: 'PR-1', lastOutboxKey: rows[2]!.SK });
    expect(calls).toBe(1);
    expect(await storedLines(cloud.vault)).toEqual(expect.arrayContaining(rows.map((row) => row.line)));
  });

  it('needs no sealer when it is sealed already', async () => {
    await evidence(sealAll).seal({ id: 'PR-1', lastOutboxKey: 'gone' });
    expect(calls).toBe(0);
  });

  it('is asked for again when a call fails', async () => {
    const { SK } = await new Events(cloud.table).write('PR-1');
    const once: CallSealer = async (signal) => {
      if (calls === 1) throw new Error('throttled');
      await sealAll(signal);
    };
    await evidence(once).seal({ id: 'PR-1', lastOutboxKey: SK });
    expect(calls).toBe(2);
  });

  it('is refused in time, with the reason, while the log cannot be signed', async () => {
    const { SK } = await new Events(cloud.table).write('PR-1');
    const broken: CallSealer = async () => {
      throw new Error('KMS is away');
    };
    await expect(evidence(broken, 300).seal({ id: 'PR-1', lastOutboxKey: SK })).rejects.toMatchObject({
      name: 'AUDIT_UNAVAILABLE',
      retryable: true,
      hint: expect.stringContaining('nothing was changed'),
      cause: expect.objectContaining({ message: 'KMS is away' }),
    });
    expect(calls).toBeGreaterThan(1);
  });

  it('is refused for a head that does not say what its last event is', async () => {
    await expect(evidence(sealAll).seal({ id: 'PR-1' })).rejects.toMatchObject({ name: 'AUDIT_UNAVAILABLE' });
  });
});
