import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Import, importsOf, LAYERS, type Layer, ROOT, type SourceFile, sourceFiles, withoutComments } from './sources.ts';

const AWS_CDK = /^(aws-cdk-lib|constructs|cdk-nag)$/;
/** Small and pure: no clock, no network. */
const PURE = new Set(['zod', 'semver', 'rrule', 'yaml', 'node:crypto']);

type Rule = (imported: Import, source: SourceFile) => boolean;
const inside =
  (...folders: string[]): Rule =>
  ({ file }) =>
    file !== undefined && folders.some((folder) => file === folder || file.startsWith(`${folder}/`));
const packages: Rule = ({ package: name }) => name !== undefined && !AWS_CDK.test(name);
const either =
  (...rules: Rule[]): Rule =>
  (imported, source) =>
    rules.some((rule) => rule(imported, source));

/** What each layer may import. */
const ARROWS: Readonly<Record<Exclude<Layer, 'test'>, Rule>> = {
  core: either(inside('core'), ({ package: name }) => name !== undefined && PURE.has(name)),
  adapters: either(inside('core', 'adapters'), packages),
  functions: either(inside('core', 'adapters', 'functions'), packages),
  // Rules and stacks: of core only what is type or pure data.
  lib: either(
    inside('lib', 'functions/routes.ts', 'core/environment/variables.ts'),
    (imported, source) => imported.typeOnly && inside('core')(imported, source),
    ({ package: name }) => name !== undefined && (AWS_CDK.test(name) || name.startsWith('node:')),
  ),
  cli: either(inside('cli', 'core', 'adapters', 'functions/routes.ts'), (imported) => packages(imported, {} as SourceFile)),
  // In a browser: of the table types only, of the rules what is pure and runs there.
  console: either(
    inside('console', 'core'),
    (imported, source) => imported.typeOnly && inside('functions/routes.ts', 'functions/answers.ts')(imported, source),
    ({ package: name, typeOnly }) => name !== undefined && (/^(preact|marked)$/.test(name) || (typeOnly && name === 'zod')),
  ),
  local: either(inside('local'), packages),
  bin: either(inside('cli', 'lib', 'core'), packages, ({ package: name }) => name !== undefined && AWS_CDK.test(name)),
  scripts: either(inside('scripts', 'core', 'lib', 'functions'), packages),
  // What is measured is built as what is deployed.
  bench: either(inside('bench', 'local', 'core', 'adapters', 'scripts/bundle-settings.ts'), packages),
};

describe('arrows', () => {
  it.each(Object.keys(ARROWS) as (keyof typeof ARROWS)[])('%s imports only what it may', (layer) => {
    const wrong = sourceFiles(layer).flatMap((source) =>
      importsOf(source)
        .filter((imported) => !ARROWS[layer](imported, source))
        .map((imported) => `${source.path} imports ${imported.specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('sees the imports it judges', () => {
    const read = (text: string) => importsOf({ path: 'core/gate/x.ts', layer: 'core', text }).map((each) => each.file ?? each.package);
    expect(read("import type { A } from '../errors.ts';\nimport {\n  b,\n} from '@aws-sdk/client-s3/x';\nimport 'yaml';")).toEqual([
      'core/errors.ts',
      '@aws-sdk/client-s3',
      'yaml',
    ]);
    expect(read("export * from './y.ts';\nconst z = await import('semver');\n// import c from 'no'\n/* import d from 'no' */")).toEqual([
      'core/gate/y.ts',
      'semver',
    ]);
  });

  it('keeps the command line on HTTP: of the adapters it uses only clients of registries and of the log', () => {
    const wrong = sourceFiles('cli').flatMap((source) =>
      importsOf(source)
        .filter(
          ({ file, package: name }) => (file?.startsWith('adapters/') && !CLIENT_ADAPTERS.test(file)) || name?.startsWith('@aws-sdk/'),
        )
        .map((imported) => `${source.path} imports ${imported.specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has one way out to what is not AWS', () => {
    const wrong = sourceFiles('core', 'adapters', 'functions', 'cli', 'console', 'lib').filter(
      (source) =>
        !Object.hasOwn(NETWORK, source.path) &&
        (importsOf(source).some(({ package: name, typeOnly }) => !typeOnly && name !== undefined && NETWORK_PACKAGES.test(name)) ||
          /(?<![.\w])fetch\(/.test(withoutComments(source.text))),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('imports zod as a namespace only: named imports bundle five times as much', () => {
    const wrong = sourceFiles().filter(({ text }) => /^import\s+(?!type)(?:\{[^}]*\}|\w+)\s*(?:,.*)?from\s*'zod'/m.test(text));
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('takes the names of environment variables from one file', () => {
    const declared = readFileSync(join(ROOT, 'core/environment/variables.ts'), 'utf8');
    const wrong = sourceFiles('core', 'adapters', 'functions').flatMap((source) =>
      [...withoutComments(source.text).matchAll(/(?:process\.env(?:\.|\[\s*['"])|requiredVariable\(\s*['"])(\w+)/g)]
        .map(([, name]) => name!)
        .filter((name) => !AWS_VARIABLES.has(name) && !new RegExp(`^ {2}${name}:`, 'm').test(declared))
        .map((name) => `${source.path} reads ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** Parts of adapters that are plain clients: of registries, and of the log's bucket, which auditors read with rights of their own. */
const CLIENT_ADAPTERS = /^adapters\/(registry\/|egress|audit\/(log-reader|bucket-log|folder-log|operations))/;
const NETWORK_PACKAGES = /^(node:(http|https|http2|net|tls|dgram)|undici|axios|got|ws)$/;
/** Files that may open connections, each with its reason. */
const NETWORK: Readonly<Record<string, string>> = {
  'adapters/egress.ts': 'the one guarded way out',
  'adapters/egress-address.ts': 'checks addresses for it; opens nothing',
  'adapters/rollout/api-call.ts': 'Kubernetes: the authority is pinned by DescribeCluster, not by the public web',
  'cli/client.ts': 'the API, from the machine of the person who asks',
  'console/kit/client.ts': 'the API, from the browser of the person who looks',
  'cli/sign-in.ts': 'the issuer, from the machine of the person who signs in',
};
/** Set by Lambda itself. */
const AWS_VARIABLES = new Set(['LAMBDA_TASK_ROOT', 'AWS_REGION', 'AWS_LAMBDA_FUNCTION_NAME']);

const FEATURES = new Set(
  'access approval audit environment gate lifecycle notification policy promotion registry retention rollout status'.split(' '),
);
/** Folders beside the features. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  adapters: ['state'],
  functions: ['kit'],
  console: ['kit', 'style'],
  core: [],
};
const WORDS_WITHOUT_MEANING = new Set(['utils', 'util', 'common', 'helpers', 'helper', 'misc', 'types', 'index', 'shared', 'stuff']);

describe('names', () => {
  it('are kebab-case, with the suffix that says who runs the file', () => {
    const wrong = sourceFiles().filter(
      ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(http|task|job|event|group|test|d))?\.(tsx?|mjs)$/.test(basename(path)),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('never say utils, common or types, neither files nor folders', () => {
    const words = (path: string) => path.replace(/\.(d\.)?(tsx?|mjs)$/, '').split('/');
    const wrong = sourceFiles().filter(({ path }) => words(path).some((word) => WORDS_WITHOUT_MEANING.has(word)));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it.each(Object.keys(BESIDE))('of folders in %s are features', (layer) => {
    const folders = readdirSync(join(ROOT, layer), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const wrong = folders.filter(({ name }) => !FEATURES.has(name) && !BESIDE[layer]!.includes(name));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('of handlers stand in functions, and every file with such a suffix exports what it runs', () => {
    const suffixed = sourceFiles('core', 'adapters', 'lib', 'cli', 'local').filter(({ path }) =>
      /\.(http|task|job|event|group)\.ts$/.test(path),
    );
    expect(suffixed.map(({ path }) => path)).toEqual([]);
    const handlers = sourceFiles('functions').filter(({ path }) => /\.(http|task|job|event|group)\.ts$/.test(path));
    expect(handlers.length).toBeGreaterThan(10);
    expect(handlers.filter(({ text }) => !/^export (const|async function|function) /m.test(text)).map(({ path }) => path)).toEqual([]);
    const entries = handlers.filter(({ path }) => /\.(job|event|group)\.ts$/.test(path));
    expect(entries.filter(({ text }) => !/^export (const|async function) handler\b/m.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('of files are not barrels: nothing re-exports a whole file', () => {
    const wrong = sourceFiles().filter(({ text }) => /^export \* from/m.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('of test folders are those of what they test', () => {
    const layers = new Set<string>([...LAYERS, 'project', 'browser', 'conformance', 'crash', 'flows']);
    const folders = readdirSync(join(ROOT, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.filter(({ name }) => !layers.has(name)).map(({ name }) => name)).toEqual([]);
  });

  it('of stacks and constructs are those of their class', () => {
    const wrong = sourceFiles('lib').filter(({ path, text }) => {
      const classes = [...text.matchAll(/^export class (\w+)/gm)].map(([, name]) => name!);
      const expected = basename(path, '.ts').replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
      return classes.length > 0 && !(classes.length === 1 && classes[0] === expected);
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});
