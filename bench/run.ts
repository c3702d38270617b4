/**
 * `npm run bench [-- NAME] [--json]`: runs the benchmarks that exist. `--clients` and `--promotions` make the load of `approvals` smaller,
 * `--rounds`, `--layer-mib` and `--tiny` that of `copy`, `--ways` that of `rollback`, `--events` the log of `audit`, `--manifests` the columns of
 * `retention`.
 * Exit codes: 0 every target is met, 1 one is missed, 2 unknown name or option.
 */
import { parseArgs } from 'node:util';
import { approvals, LOAD } from './approvals.ts';
import { audit, LOG, type LogSize } from './audit.ts';
import { COPY, type CopySize, copy } from './copy.ts';
import { cost } from './cost.ts';
import type { Benchmark, Figure } from './figure.ts';
import type { LoadSize } from './load-run.ts';
import { RETENTION, type RetentionSize, retention } from './retention.ts';
import { ROLLBACK, type RollbackSize, rollback } from './rollback.ts';

type Sizes = LoadSize & CopySize & RollbackSize & LogSize & RetentionSize;

const BENCHMARKS: Readonly<Record<string, (load: Sizes) => Promise<Benchmark>>> = {
  cost,
  approvals,
  copy,
  rollback,
  audit,
  retention,
};
const USAGE = `usage: npm run bench [-- NAME] [--json] [--clients ${LOAD.clients}] [--promotions ${LOAD.promotions}] [--rounds ${COPY.rounds}] [--layer-mib ${COPY.layerMiB}] [--tiny ${COPY.tiny}] [--ways ${ROLLBACK.ways}] [--events ${LOG.events}] [--manifests ${RETENTION.manifests}]\nbenchmarks: ${Object.keys(BENCHMARKS).join(', ')}`;

const SIZES = {
  clients: { type: 'string' },
  promotions: { type: 'string' },
  rounds: { type: 'string' },
  'layer-mib': { type: 'string' },
  tiny: { type: 'string' },
  ways: { type: 'string' },
  events: { type: 'string' },
  manifests: { type: 'string' },
} as const;

function readArguments(): { names: string[]; json: boolean; load: Sizes } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, ...SIZES },
    });
    const load = {
      clients: count(values.clients, LOAD.clients),
      promotions: count(values.promotions, LOAD.promotions),
      rounds: count(values.rounds, COPY.rounds),
      layerMiB: count(values['layer-mib'], COPY.layerMiB),
      tiny: count(values.tiny, COPY.tiny),
      ways: count(values.ways, ROLLBACK.ways),
      events: count(values.events, LOG.events),
      manifests: count(values.manifests, RETENTION.manifests),
    };
    const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
    if (unknown.length > 0) throw new Error(`no benchmark is called ${unknown.join(', ')}`);
    return { names: positionals.length > 0 ? positionals : Object.keys(BENCHMARKS), json: values.json, load };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

function count(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${text}: give a number from 1 to 999999`);
  return Number(text);
}

function print({ name, figures }: Benchmark): void {
  console.log(name);
  const width = Math.max(...figures.map((figure) => figure.metric.length));
  for (const figure of figures)
    console.log(`  ${figure.metric.padEnd(width)}  ${amount(figure).padStart(12)}  ${verdict(figure)}`.trimEnd());
}

function amount({ value, unit }: Figure): string {
  return unit === 'USD' ? `$${value.toFixed(6)}` : String(value);
}

function verdict({ ok, reference, referenceValue, ratio, target }: Figure): string {
  if (ok === null) return reference === 'none' ? '' : reference;
  const share = target === 1 || ratio === null ? '' : `; ${ratio} of it, at most ${target}`;
  return `${ok ? 'ok' : 'MISSED'}: ${reference} is ${referenceValue}${share}`;
}

const { names, json, load } = readArguments();
let met = true;
for (const name of names) {
  const benchmark = await BENCHMARKS[name]!(load);
  if (json) console.log(JSON.stringify(benchmark));
  else print(benchmark);
  met &&= benchmark.figures.every((figure) => figure.ok !== false);
}
process.exitCode = met ? 0 : 1;
