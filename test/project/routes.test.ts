import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { VARIABLES } from '../../core/environment/variables.ts';
import { type FunctionGroup, ROUTES } from '../../functions/routes.ts';
import { FUNCTIONS } from '../../lib/functions.ts';
import { ROOT } from './sources.ts';

const GROUPS = [...new Set(ROUTES.map(({ group }) => group))];

beforeAll(() => {
  process.env['AWS_REGION'] = 'eu-central-1';
  for (const name of Object.keys(VARIABLES))
    process.env[name] ??=
      name.endsWith('S') || name.startsWith('LINK_KEYS') ? '{}' : `https://${name.toLowerCase().replaceAll('_', '-')}.example.com`;
});

describe('the route table', () => {
  it('names each operation and each method with path once', () => {
    expect(new Set(ROUTES.map(({ operation }) => operation)).size).toBe(ROUTES.length);
    expect(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size).toBe(ROUTES.length);
  });

  it.each(GROUPS)(
    'is served completely by the group %s, which does not load otherwise',
    async (group: FunctionGroup) => {
      const { handler } = (await import(`../../functions/${group}.group.ts`)) as { handler: unknown };
      expect(handler).toBeTypeOf('function');
    },
    60_000,
  );

  it('demands who it is of every route but the public ones, the link, and the signed hooks', () => {
    const open = ROUTES.filter(({ auth }) => auth !== 'bearer').map(({ method, path }) => `${method} ${path}`);
    expect(
      open.filter(
        (route) =>
          !/ \/(console|$|health|openapi\.json|docs|v1\/login|v1\/logout|v1\/approvals\/link|v1\/(hooks|slack|webhooks)\/)/.test(route),
      ),
    ).toEqual([]);
    expect(
      ROUTES.filter(({ auth, verb, signedIn }) => auth === 'bearer' && (verb === undefined) !== (signedIn === true)).map(
        ({ operation }) => operation,
      ),
    ).toEqual([]);
  });

  it('never changes anything on GET, and reads a body only with a schema', () => {
    expect(ROUTES.filter(({ method, body, form }) => method === 'GET' && (body || form)).map(({ operation }) => operation)).toEqual([]);
    const loose = ROUTES.filter(({ method, auth, body, form }) => method !== 'GET' && auth === 'bearer' && !body && !form);
    expect(loose.map(({ operation }) => operation)).toEqual([]);
  });
});

it('every function of the stacks has its file', () => {
  expect(
    Object.values(FUNCTIONS)
      .filter(({ entry }) => !existsSync(join(ROOT, entry)))
      .map(({ entry }) => entry),
  ).toEqual([]);
});
