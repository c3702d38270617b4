/** `npm run bench [-- NAME] [--json]`: runs the benchmarks that exist. Exit codes: 0 every target is met, 1 one is missed, 2 unknown name. */
import { parseArgs } from 'node:util';
import { cost } from './cost.ts';
import type { Benchmark, Figure } from './figure.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = { cost };
const USAGE = `usage: npm run bench [-- NAME] [--json]\nbenchmarks: ${Object.keys(BENCHMARKS).join(', ')}`;

function readArguments(): { names: string[]; json: boolean } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
    const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
    if (unknown.length > 0) throw new Error(`no benchmark is called ${unknown.join(', ')}`);
    return { names: positionals.length > 0 ? positionals : Object.keys(BENCHMARKS), json: values.json };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
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

function verdict({ ok, reference, referenceValue }: Figure): string {
  if (ok === null) return reference === 'none' ? '' : reference;
  return `${ok ? 'ok' : 'MISSED'}: ${reference} is ${referenceValue}`;
}

const { names, json } = readArguments();
let met = true;
for (const name of names) {
  const benchmark = await BENCHMARKS[name]!();
  if (json) console.log(JSON.stringify(benchmark));
  else print(benchmark);
  met &&= benchmark.figures.every((figure) => figure.ok !== false);
}
process.exitCode = met ? 0 : 1;
