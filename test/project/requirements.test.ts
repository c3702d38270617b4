import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './sources.ts';

interface Row {
  id: string;
  text: string;
  feature: string;
  test: string;
}

/** The project's issues, by subject: whatever is not met names one of them. */
const ISSUES = new Set([
  'first light',
  'approvals and access',
  'the copy engine',
  'rollout and rollback',
  'proof',
  'day two',
  'the console',
]);

const document = readFileSync(join(ROOT, 'docs', 'requirements.md'), 'utf8');
/** Ids by document, as the five documents number them: the table may not lose one. */
const listed = Object.values(JSON.parse(readFileSync(join(ROOT, 'docs', 'requirements.json'), 'utf8')) as Record<string, string[]>).flat();
const rows = readRows(document);

function readRows(markdown: string): Row[] {
  return markdown
    .split('\n')
    .filter((line) => /^\| S\d/.test(line))
    .map((line) => {
      const cells = line.slice(2, -2).split(/(?<!\\) \| ?/);
      if (cells.length !== 4) throw new Error(`not four cells: ${line}`);
      const [id, text, feature, test] = cells.map((cell) => cell.trim());
      return { id: id!, text: text!, feature: feature!, test: test! };
    });
}

it('every requirement of the five documents has exactly one row', () => {
  expect(rows.length).toBeGreaterThan(400);
  expect(new Set(listed).size).toBe(listed.length);
  expect(rows.map(({ id }) => id)).toEqual(listed);
  for (let requirement = 326; requirement <= 340; requirement++) {
    expect(listed.filter((id) => id.startsWith(`S001-REQ-${requirement}-AC`)).length).toBeGreaterThanOrEqual(6);
  }
  expect(listed.filter((id) => /^S004-AC\d+$/.test(id))).toHaveLength(10);
});

it('every row says what is asked, and is met by a test, comes later by name, or is refused with a reason', () => {
  const wrong = rows.filter(({ text, feature, test }) => {
    if (text.length < 5) return true;
    const [, verdict, rest = ''] = /^(not yet|refused): (.*)$/.exec(test) ?? [];
    if (verdict === 'not yet') return !ISSUES.has(rest);
    if (verdict === 'refused') return rest.length < 30;
    return feature === '' || test === '';
  });
  expect(wrong).toEqual([]);
});

it('every named test exists and tests something', () => {
  const files = new Set(rows.filter(({ test }) => !/^(not yet|refused): /.test(test)).flatMap(({ test }) => test.split(', ')));
  const wrong = [...files].filter((file) => {
    const path = join(ROOT, file);
    return (
      !/^test\/.*\.test\.ts$/.test(file) || !existsSync(path) || !/\b(it|test)(\.each\([\s\S]*?\))?\(/.test(readFileSync(path, 'utf8'))
    );
  });
  expect(wrong).toEqual([]);
});

it('files that a row names as its feature exist', () => {
  const files = rows.flatMap(({ feature }) => [
    ...feature.matchAll(/\b(?:core|adapters|functions|lib|statemachines|docs|cli)\/[\w./-]+\.(?:ts|json|md)\b/g),
  ]);
  const wrong = new Set(files.map(([file]) => file).filter((file) => !existsSync(join(ROOT, file))));
  expect([...wrong]).toEqual([]);
});
