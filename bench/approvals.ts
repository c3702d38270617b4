/**
 * `npm run bench -- approvals`: promotions that are asked for and approved by a quorum of two. First many clients at once over the whole stack, with
 * wrong and repeated operations, and what became of them; then the processor time of the two functions beside the FastAPI peer of seed 003.
 */
import { Dice } from './dice.ts';
import { measurePeer } from './fastapi-peer.ts';
import { type Benchmark, compared, type Figure, informing, never } from './figure.ts';
import { type FunctionCpu, measureFunctions } from './function-cpu.ts';
import { startLoadCloud } from './load-cloud.ts';
import { type LoadProof, prove } from './load-proof.ts';
import { type LoadRun, type LoadSize, percentile, runLoad } from './load-run.ts';

export const LOAD: LoadSize = { clients: 512, promotions: 2_500 };
/** At most this share of the peer's processor time. */
const CPU_TARGET = 0.5;
const PEER = 'the FastAPI peer of seed 003';
/** Portions of a hundred calls of each function; half of them until the engine of JavaScript has compiled what runs often. */
const PORTIONS = 12;
/** Complaints that are shown of each kind. */
const MOST_SHOWN = 10;

export async function approvals(load: LoadSize): Promise<Benchmark> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const dice = new Dice('BENCH_SEED');
  say(`${load.clients} clients, ${load.promotions} promotions, ${dice}`);
  const cloud = await startLoadCloud(new AbortController().signal);
  try {
    const run = await runLoad(cloud, load, dice, say);
    const proof = await prove(cloud, run.journal, say);
    for (const [what, complaints] of Object.entries({ '5xx': run.failures, wrong: run.wrong, lost: proof.lost, twice: proof.twice })) {
      for (const complaint of complaints.slice(0, MOST_SHOWN)) say(`${what}: ${complaint}`);
    }
    say('measuring the functions alone');
    const functions = await measureFunctions(cloud, Math.min(PORTIONS, Math.max(2, Math.ceil(load.promotions / 100))));
    say('measuring the peer');
    return { name: 'approvals', figures: [...loadFigures(load, run, proof), ...cpuFigures(functions, await measurePeer())] };
  } finally {
    await cloud.stop();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  }
}

/** Ends in order: what was started ends with the process. */
function interrupt(): never {
  process.exit(130);
}

function loadFigures({ promotions }: LoadSize, run: LoadRun, proof: LoadProof): Figure[] {
  const { valid, duplicate, invalid, reads } = run.operations;
  const timesOf = (kind: string) => run.took.get(kind) ?? [];
  const unfinished = promotions - run.journal.filter(({ approvedBy }) => approvedBy.length === 2).length;
  return [
    never('acknowledged and lost', proof.lost.length, 'facts'),
    never('done twice: requests, decisions, events', proof.twice.length, 'facts'),
    never('answers of 5xx', run.failures.length, 'answers'),
    never('answers that are not exactly right', run.wrong.length, 'answers'),
    never('promotions that were not approved by two', unfinished, 'promotions'),
    informing('operations: valid', valid, 'operations'),
    informing('operations: sent again', duplicate, 'operations'),
    informing('operations: invalid', invalid, 'operations'),
    informing('time of the load', Math.round(run.seconds), 's'),
    informing('requests per second', round((valid + duplicate + invalid + reads) / run.seconds), '1/s'),
    ...['create', 'approve'].map((kind) => informing(`p99 of ${kind} under load`, Math.round(percentile(timesOf(kind), 99)), 'ms')),
  ];
}

function cpuFigures(functions: FunctionCpu, peer: { create: number; approve: number } | undefined): Figure[] {
  return (['create', 'approve'] as const).flatMap((kind) => {
    const locally = functions[`${kind}Locally`];
    return [
      compared(`CPU of ${kind} through the function`, round(functions[kind]), 'ms', PEER, peer?.[kind], CPU_TARGET),
      ...(locally === undefined ? [] : [informing(`CPU of the local stand-ins on top of ${kind}`, round(locally - functions[kind]), 'ms')]),
    ];
  });
}

function say(line: string): void {
  process.stderr.write(`approvals: ${line}\n`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
