import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FUNCTIONS, type FunctionName } from '../../lib/functions.ts';
import { type BuiltCopy, buildCopy } from './build-copy.ts';
import { filesBelow } from './sources.ts';

/** Bytes of a handler's own chunk, and of all that Node loads with it before the first event: what a cold start costs. */
const BUDGET = { entry: 150_000, loaded: 500_000 };
/** The S3 client is the largest of those in use. */
const BUDGET_WITH_S3 = { entry: 250_000, loaded: 600_000 };
const WITH_S3: ReadonlySet<FunctionName> = new Set(['seal', 'audit', 'guard']);
/**
 * Functions whose entry holds more than the one client that the budget of 150 kB is for: zod, middy and the token verifier come to 140 kB, each further
 * client to 15 to 85 kB. The numbers may only fall; one that has become needless fails too.
 */
const MORE_ENTRY: Partial<Record<FunctionName, number>> = {
  read: 315_000,
  request: 460_000,
  hooks: 340_000,
};
const MORE_LOADED: Partial<Record<FunctionName, number>> = { request: 650_000 };

interface Bundle {
  name: FunctionName;
  entry: number;
  /** The entry and every chunk that it imports statically. Credential providers that Lambda never asks lie in chunks of their own. */
  loaded: number;
  all: number;
  files: string[];
  inputs: string[];
}

interface Meta {
  inputs: Record<string, unknown>;
  outputs: Record<string, { bytes: number; imports: { path: string; kind: string }[] }>;
}

let copy: BuiltCopy;
let bundles: Bundle[];

beforeAll(async () => {
  copy = await buildCopy();
  bundles = (Object.keys(FUNCTIONS) as FunctionName[]).map((name) => {
    const files = filesBelow(join(copy.dist, 'functions', name));
    const scripts = files.filter((file) => file.endsWith('.mjs'));
    const meta = JSON.parse(readFileSync(join(copy.dist, 'meta', `${name}.json`), 'utf8')) as Meta;
    return {
      name,
      entry: statSync(join(copy.dist, 'functions', name, 'index.mjs')).size,
      loaded: bytesLoaded(meta),
      all: scripts.reduce((sum, file) => sum + statSync(file).size, 0),
      files,
      inputs: Object.keys(meta.inputs),
    };
  });
  const rows = bundles.map(({ name, entry, loaded, all }) =>
    [name.padEnd(10), ...[entry, loaded, all].map((bytes) => String(bytes).padStart(8))].join(' '),
  );
  console.log(['function      entry   loaded      all', ...rows].join('\n'));
});
afterAll(() => copy?.dispose());

it('every function has its bundle, its configuration, and nothing that is not loaded', () => {
  expect(bundles.map(({ name }) => name).sort()).toEqual(Object.keys(FUNCTIONS).sort());
  for (const { name, files } of bundles) {
    const surplus = files.filter(
      (file) => !/\.mjs$|greenlight\.json$|openapi\.json$|public\/console\/(page\.html|assets\/[\w.-]+\.gz)$/.test(file),
    );
    expect(surplus, name).toEqual([]);
    expect(
      files.some((file) => file.endsWith('greenlight.json')),
      name,
    ).toBe(true);
  }
});

it('bundles stay within their budgets, and no exception is kept that is not needed', () => {
  const wrong = bundles.flatMap(({ name, entry, loaded }) => {
    const budget = WITH_S3.has(name) ? BUDGET_WITH_S3 : BUDGET;
    return [
      ...verdict(`${name} entry`, entry, budget.entry, MORE_ENTRY[name]),
      ...verdict(`${name} loaded`, loaded, budget.loaded, MORE_LOADED[name]),
    ];
  });
  expect(wrong).toEqual([]);
});

function verdict(what: string, value: number, budget: number, exception: number | undefined): string[] {
  if (exception !== undefined && value <= budget) return [`${what}: ${value} is within ${budget}, remove its exception`];
  return value <= (exception ?? budget) ? [] : [`${what}: ${value} is above ${exception ?? budget}`];
}

function bytesLoaded({ outputs }: Meta): number {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path) || !outputs[path]) return;
    seen.add(path);
    for (const each of outputs[path].imports) if (each.kind === 'import-statement') visit(each.path);
  };
  visit(Object.keys(outputs).find((path) => path.endsWith('/index.mjs'))!);
  return [...seen].reduce((sum, path) => sum + outputs[path]!.bytes, 0);
}

it('no bundle holds the stacks, the local cloud or a test', () => {
  const foreign = bundles.flatMap(({ name, inputs }) =>
    inputs
      .filter((input) =>
        /(^|\/)(aws-cdk-lib|constructs|cdk-nag|vitest|dynalite)\/|(^|\/)(local|test|lib|cli|console|bench)\/[^/]/.test(
          input.replace(/^.*node_modules\//, ''),
        ),
      )
      .filter((input) => !input.includes('node_modules') || /aws-cdk-lib|constructs|cdk-nag|vitest|dynalite/.test(input))
      .map((input) => `${name}: ${input}`),
  );
  expect(foreign).toEqual([]);
});

/** Scripts and style as they travel. */
const CONSOLE_BYTES = 60_000;

it('the console comes in 60 kB of script and style, each under a name that holds its hash', () => {
  const assets = filesBelow(join(copy.dist, 'functions/public/console/assets'));
  const sizes = assets.filter((file) => !file.endsWith('.svg.gz')).map((file) => statSync(file).size);
  console.log(`console    ${sizes.reduce((sum, size) => sum + size, 0)} bytes in ${sizes.length} files`);
  expect(sizes.length).toBeGreaterThan(1);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(CONSOLE_BYTES);
  expect(assets.filter((file) => !/\/[a-z-]+-[A-Za-z0-9]{8}\.(js|css|svg)\.gz$/.test(file))).toEqual([]);
});

it('only the functions that need a client carry it', () => {
  const carriers = (client: string) =>
    bundles.filter(({ inputs }) => inputs.some((input) => input.includes(`@aws-sdk/${client}/`))).map(({ name }) => name);
  expect(carriers('client-s3')).toEqual(['audit', 'attest', 'seal', 'guard']);
  expect(carriers('client-sfn')).toEqual(['wake']);
});
