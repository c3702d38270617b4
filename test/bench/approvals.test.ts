import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dice } from '../../bench/dice.ts';
import { readPeer } from '../../bench/fastapi-peer.ts';
import { compared, never } from '../../bench/figure.ts';
import { measureFunctions } from '../../bench/function-cpu.ts';
import { INVALID_OPERATIONS } from '../../bench/invalid-operations.ts';
import { type LoadCloud, startLoadCloud } from '../../bench/load-cloud.ts';
import { prove } from '../../bench/load-proof.ts';
import { type LoadRun, percentile, runLoad } from '../../bench/load-run.ts';

const SIZE = { clients: 20, promotions: 24 };
const quiet = () => {};

describe('many clients at once', () => {
  let cloud: LoadCloud;
  let run: LoadRun;
  const dice = new Dice('BENCH_SEED');

  beforeAll(async () => {
    console.log(`[load] ${dice}`);
    cloud = await startLoadCloud(new AbortController().signal);
    run = await runLoad(cloud, SIZE, dice, quiet);
  });
  afterAll(() => cloud?.stop());

  it('get exactly the right answers, and none of 5xx', () => {
    expect(run.failures).toEqual([]);
    expect(run.wrong).toEqual([]);
    const { valid, duplicate, invalid } = run.operations;
    expect(valid).toBe(3 * SIZE.promotions);
    // A fifth and a tenth of all; so few throws scatter widely.
    expect(invalid / (valid + duplicate + invalid)).toBeGreaterThan(0.08);
    expect(duplicate).toBeGreaterThan(0);
    expect(run.journal.map(({ approvedBy }) => approvedBy.length)).toEqual(run.journal.map(() => 2));
  });

  it('lose nothing that was acknowledged, and nothing is done twice', async () => {
    expect(await prove(cloud, run.journal, quiet)).toEqual({ lost: [], twice: [] });
  });

  it('would be told of what is lost, and of what nobody asked for', async () => {
    const [first, second, third, fourth, ...rest] = run.journal;
    const late = (['cpi', 'cpi2', 'cpi3'] as const).find((person) => !second!.approvedBy.includes(person))!;
    const told = [
      { ...first!, path: first!.path.replace(/\d+$/, '999999') },
      { ...second!, approvedBy: [second!.approvedBy[0]!, late] },
      { ...third!, marker: fourth!.marker, selfApprovals: third!.selfApprovals + 1 },
      ...rest,
    ];
    const { lost, twice } = await prove(cloud, told, quiet);
    const idOf = (known: typeof first) => known!.path.split('/').at(-1)!;
    const of = (complaints: string[], id: string) => complaints.filter((complaint) => complaint.includes(id)).length;
    // In the list and by its address; the log has no line of it either.
    expect(of(lost, 'PR-2026-999999') + of(lost, '999999')).toBeGreaterThanOrEqual(2);
    expect(of(lost, idOf(second))).toBe(2);
    expect(of(lost, idOf(third))).toBe(2);
    expect([first, fourth].map((known) => of(twice, idOf(known)))).toEqual([1, 1]);
    expect(of(twice, idOf(second))).toBe(1);
    expect(rest.filter((known) => of([...lost, ...twice], idOf(known)) > 0)).toEqual([]);
  });

  it('cost processor time that is measured of the functions alone, and of everything', async () => {
    const {
      create,
      approve,
      createLocally = Number.POSITIVE_INFINITY,
      approveLocally = Number.POSITIVE_INFINITY,
    } = await measureFunctions(cloud, 2, 10);
    expect(create).toBeGreaterThan(0);
    expect(approve).toBeGreaterThan(0);
    expect(createLocally).toBeGreaterThan(0);
    expect(approveLocally).toBeGreaterThan(0);
  });
});

describe('the plan of the load', () => {
  it('depends on the seed alone, whoever is faster', () => {
    const rolls = (dice: Dice) => Array.from({ length: 5 }, () => dice.next());
    const [one, same, other] = [new Dice('X', 7), new Dice('X', 7), new Dice('X', 8)];
    one.next();
    expect(rolls(one.fork(3))).toEqual(rolls(same.fork(3)));
    expect(rolls(one.fork(3))).not.toEqual(rolls(one.fork(4)));
    expect(rolls(other.fork(3))).not.toEqual(rolls(same.fork(3)));
    expect(new Set(one.draw([1, 2, 3, 4], 4)).size).toBe(4);
    expect(String(one)).toBe('seed 7 (X=7 repeats it)');
  });

  it('has wrong operations of every family of answers, for every stage', () => {
    const statuses = new Set(INVALID_OPERATIONS.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([400, 401, 403, 404, 405, 409, 413, 415, 422]);
    for (const stage of ['new', 'pending', 'half', 'approved'] as const)
      expect(INVALID_OPERATIONS.filter(({ when }) => when.includes(stage)).length).toBeGreaterThan(15);
  });
});

describe('the figures', () => {
  it('are held against the peer, or say that it is not installed', () => {
    expect(compared('CPU', 1, 'ms', 'peer', 4, 0.5)).toMatchObject({ ratio: 0.25, target: 0.5, ok: true });
    expect(compared('CPU', 3, 'ms', 'peer', 4, 0.5)).toMatchObject({ ratio: 0.75, ok: false });
    expect(compared('CPU', 3, 'ms', 'peer', undefined, 0.5)).toMatchObject({ reference: 'not installed', ratio: null, ok: null });
    expect([never('lost', 0, 'x').ok, never('lost', 1, 'x').ok]).toEqual([true, false]);
  });

  it('read what the peer says of itself, and nothing when it was not reached', () => {
    const line = (name: string, n: number, cpu: string) =>
      `${name} c=1 req/s 290  p50 3.39 ms  p99 5.38 ms  max 12.6 ms  non-2xx 0  n ${n}  cpu-ms/req ${cpu}  VmHWM: 54872 kB`;
    expect(readPeer([line('create', 900, '3.433'), line('approve', 646, '4.628'), line('list100', 604, '5.0')].join('\n'))).toEqual({
      create: 3.433,
      approve: 4.628,
    });
    expect(readPeer(`run.sh: wrk: command not found\n${line('create', 0, '0.000')}`)).toBeUndefined();
    expect(readPeer('')).toBeUndefined();
  });

  it('of times are what so many of a hundred did not exceed', () => {
    const times = Array.from({ length: 200 }, (_, index) => index + 1);
    expect([percentile(times, 50), percentile(times, 99), percentile(times, 100), percentile([], 99)]).toEqual([100, 198, 200, 0]);
  });
});
