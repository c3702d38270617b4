import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../functions/routes.ts';
import { renderMatrix, renderRoles } from '../functions/access-matrix.ts';
import { ROOT } from './sources.ts';

const FILE = join(ROOT, 'docs', 'access.md');

/** The part of the page between two marks; with UPDATE_ACCESS it is written anew. */
function part(name: string, generated: string): string {
  const page = readFileSync(FILE, 'utf8');
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->`];
  const [start, stop] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (process.env['UPDATE_ACCESS'] === undefined) return page.slice(start, stop).trim();
  writeFileSync(FILE, `${page.slice(0, start)}\n${generated}\n\n${page.slice(stop)}`);
  return generated;
}

describe('docs/access.md', () => {
  it('has one row for each route, as the route table and the roles have it', () => {
    const matrix = renderMatrix();
    expect(part('matrix', matrix)).toBe(matrix);
    const rows = matrix.split('\n').slice(2);
    expect(rows).toHaveLength(ROUTES.length);
    for (const { method, path } of ROUTES) expect(rows.filter((row) => row.startsWith(`| \`${method} ${path}\` |`))).toHaveLength(1);
  });

  it('names the roles with their verbs', () => {
    const roles = renderRoles();
    expect(part('roles', roles)).toBe(roles);
  });
});
