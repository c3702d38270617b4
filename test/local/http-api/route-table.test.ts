import { expect, test } from 'vitest';
import { RouteTable } from '../../../local/http-api/route-table.ts';

function table(...keys: string[]): RouteTable {
  const routes = new RouteTable();
  for (const key of keys) routes.add({ key, integrationId: key });
  return routes;
}

test.each([
  ['GET', '/pets/dog/1', 'GET /pets/dog/1'],
  ['GET', '/pets/dog/2', 'GET /pets/dog/{id}'],
  ['GET', '/pets/cat/1', 'GET /pets/{proxy+}'],
  ['POST', '/pets/dog/1', 'POST /{proxy+}'],
  ['PUT', '/pets/dog/1', 'ANY /{proxy+}'],
  ['HEAD', '/pets/dog/1', 'ANY /{proxy+}'],
  ['TRACE', '/', '$default'],
])('%s %s is answered by %s', (method, path, key) => {
  const routes = table('$default', 'ANY /{proxy+}', 'POST /{proxy+}', 'GET /pets/{proxy+}', 'GET /pets/dog/{id}', 'GET /pets/dog/1');
  expect(routes.match(method, path)?.route.key).toBe(key);
});

test('a method goes before ANY on the same path, and a fixed path before a variable one whatever the method', () => {
  const routes = table('ANY /a/{id}', 'GET /a/{id}', 'ANY /a/b');
  expect(routes.match('GET', '/a/c')?.route.key).toBe('GET /a/{id}');
  expect(routes.match('PUT', '/a/c')?.route.key).toBe('ANY /a/{id}');
  expect(routes.match('GET', '/a/b')?.route.key).toBe('ANY /a/b');
});

test('a trailing slash or an empty segment is another path', () => {
  const routes = table('GET /a/{id}', 'GET /b');
  expect(routes.match('GET', '/a/')).toBeUndefined();
  expect(routes.match('GET', '/b/')).toBeUndefined();
  expect(routes.match('GET', '//b')).toBeUndefined();
});

test('malformed route keys are refused', () => {
  expect(() => table('FETCH /a')).toThrow();
  expect(() => table('GET a')).toThrow();
  expect(() => table('GET /{proxy+}/a')).toThrow(/greedy/);
});
