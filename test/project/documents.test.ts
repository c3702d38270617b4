import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../lib/functions.ts';
import { ROOT, sourceFiles } from './sources.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'local/README.md',
  'statemachines/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.replaceAll('\\', '/')}`),
];

/** Headings as they are linked to: lower case, words joined by hyphens. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(/\s+/g, '-'),
    ),
  );
}

describe('documents', () => {
  it.each(documents)('%s links only to what exists', (path) => {
    const broken = [...read(path).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
      .filter(([, file, anchor]) => {
        const target = file === '' ? path : join(dirname(path), file!);
        if (!existsSync(join(ROOT, target))) return true;
        return anchor !== undefined && !anchorsOf(read(target)).has(anchor);
      })
      .map(([link]) => link);
    expect(broken).toEqual([]);
  });

  it('keep the README to one page, with the two commands', () => {
    const readme = read('README.md');
    expect(readme.split('\n').length).toBeLessThanOrEqual(120);
    for (const command of ['npm ci && npm run demo', 'npm start']) expect(readme).toContain(command);
  });

  it('explain every parameter of the stacks in the README', () => {
    const declared = sourceFiles('lib').flatMap(({ text }) =>
      [...text.matchAll(/(?:parameter\(\s*|new CfnParameter\(this, )'(\w+)'/g)].map(([, name]) => name!),
    );
    expect(declared.length).toBeGreaterThan(5);
    const readme = read('README.md');
    expect(declared.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  it('speak of the project only', () => {
    const foreign = /\/(home|root|tmp|work)\/|https?:\/\/(registry|npm|pypi)\./;
    expect(documents.filter((path) => foreign.test(read(path)))).toEqual([]);
  });

  it('hold seed 004s approval workflow and rollback steps', () => {
    expect(read('CONTRIBUTING.md')).toMatch(/Approval workflow/);
    expect(read('CONTRIBUTING.md')).toContain('](docs/rollback.md)');
    const rollback = read('docs/rollback.md');
    expect([...anchorsOf(rollback)]).toEqual(expect.arrayContaining(['steps', 'policy', 'checklists']));
    for (const item of ['Migrations', 'error rate', '15 minutes of observation']) expect(rollback).toContain(item);
    expect(anchorsOf(read('docs/runbook.md'))).toContain('roll-back-by-hand');
    expect(read('docs/runbook.md')).toMatch(/kubectl rollout status/);
  });

  it('number the decisions once', () => {
    const numbers = readdirSync(join(ROOT, 'docs/decisions')).map((file) => file.slice(0, 4));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.every((number) => /^\d{4}$/.test(number))).toBe(true);
  });
});

describe('the runbook', () => {
  const sections = new Map(
    read('docs/runbook.md')
      .split(/^#{1,2} /m)
      .slice(1)
      .map((section) => [section.split('\n')[0]!, section] as const),
  );
  const alarms = read('lib/alarms.ts');
  const silent = /const SILENT[^=]*= \[([^\]]*)\]/.exec(alarms)![1]!.match(/\w+/g)!;
  const named = [...alarms.matchAll(/^\s+'([a-z]+(?:-[a-z]+)*)',\n\s+\);/gm)].map(([, anchor]) => anchor!);

  it('has a section for every alarm, with what it means, how to look, and what to do', () => {
    expect(silent.filter((name) => !(name in FUNCTIONS))).toEqual([]);
    expect(named.length).toBeGreaterThanOrEqual(3);
    for (const anchor of [...silent.map((name) => `function-${name}`), ...named]) {
      const section = sections.get(anchor);
      expect(section, anchor).toBeDefined();
      for (const part of ['Description', 'Investigation', 'Resolution']) expect(section, anchor).toContain(`**${part}.**`);
    }
  });
});
