import { afterAll, beforeAll, expect, it } from 'vitest';
import { directory } from '../../../adapters/access/directory.ts';
import { type Identity, identityKey } from '../../../core/access/identity.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
beforeAll(async () => {
  served = await serveTable();
});
afterAll(() => served.stop());

const identity: Identity = { issuer: 'https://i', subject: 'dev', email: 'dev@example.com', name: 'Dana', kind: 'person', auth: 'oidc' };

it('a person has one random pseudonym from the first act on, also when two come at once', async () => {
  const people = directory(served.table);
  const actors = await Promise.all([1, 2, 3, 4].map(() => people.actorFor(identity)));
  expect(new Set(actors.map(({ id }) => id)).size).toBe(1);
  expect(actors[0]).toEqual({
    id: expect.stringMatching(/^p-[0-9a-f]{24}$/),
    key: identityKey(identity),
    kind: 'person',
    email: 'dev@example.com',
    name: 'Dana',
  });
  expect(await people.actorFor({ ...identity, email: 'new@example.com' })).toMatchObject({ id: actors[0]!.id, email: 'new@example.com' });
  expect((await people.actorFor({ ...identity, issuer: 'https://other' })).id).not.toBe(actors[0]!.id);
  const owner = { key: identityKey(identity), email: identity.email };
  const robot = { ...identity, subject: 'job', email: 'ci:job', kind: 'robot' as const, owner };
  const robots = await Promise.all([1, 2].map(() => people.actorFor(robot)));
  expect(robots).toEqual([{ ...robots[0]!, kind: 'robot', email: 'ci:job', owner }, robots[0]]);
  // Whoever answers for it today is named, not who did when it came.
  expect((await people.actorFor({ ...robot, owner: { key: 'k', email: 'new@example.com' } })).owner?.email).toBe('new@example.com');
  expect(actors[0]!.id).not.toContain(identityKey(identity).slice(0, 8));
});
