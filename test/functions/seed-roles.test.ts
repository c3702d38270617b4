import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome, requestBody, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

/** Seed 000's table of roles and permissions, cell by cell, over HTTP. `retail-web` is the artifact of another tenant. */
const STAGING = '/v1/requests/staging';
const OWN = requestBody();
const ELSEWHERE = requestBody({ target: { name: 'retail-web', type: 'application' } });
const REASON = { reason: 'The rollback plan is not enough' };

let world: World;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const rules = [{ role: 'cpi' }, { role: 'cpi-admin' }].map((rule) => ({ ...rule, min: 1 }));
    configuration.environments['staging']!.approvals = [{ name: 'review', rules }];
  });
});
afterAll(() => world.close());

/** A request whose approval is open. */
async function requested(as: string, body: object = OWN): Promise<string> {
  const answer = await world.call('POST', STAGING, { as, body });
  expect(answer.status, answer.text).toBe(201);
  await runGates(world, answer.json.metadata.id);
  return answer.json.metadata.id;
}

type Action = (as: string) => Promise<string>;
const creates =
  (body: object): Action =>
  async (as) =>
    outcome(await world.call('POST', STAGING, { as, body }));
const says =
  (verb: 'approve' | 'reject', by: string, body: object = OWN): Action =>
  async (as) => {
    const id = await requested(by === 'self' ? as : by, body);
    return outcome(await world.call('POST', `${STAGING}/${id}/${verb}`, { as, body: verb === 'reject' ? REASON : {} }));
  };
const sees =
  (by: string, body: object = OWN): Action =>
  async (as) =>
    outcome(await world.call('GET', `${STAGING}/${await requested(by === 'self' ? as : by, body)}`, { as }));

describe("seed 000's roles", () => {
  it.each<[string, string, string, Action, string]>([
    ['S000-RBAC-1', 'DevOps creates in the own tenant', 'dev', creates(OWN), '201'],
    ['S000-RBAC-1', 'DevOps does not create elsewhere', 'dev', creates(ELSEWHERE), '404 NOT_FOUND'],
    ['S000-RBAC-2', 'DevOps approves nothing of others', 'dev', says('approve', 'cpi2'), '403 FORBIDDEN'],
    ['S000-RBAC-2', 'DevOps approves nothing of its own', 'dev', says('approve', 'self'), '403 SELF_APPROVAL'],
    ['S000-RBAC-3', 'DevOps rejects nothing', 'dev', says('reject', 'cpi2'), '403 FORBIDDEN'],
    ['S000-RBAC-4', 'DevOps sees own requests', 'dev', sees('self'), '200'],
    ['S000-RBAC-4', 'DevOps does not see those of others', 'dev', sees('cpi2'), '403 FORBIDDEN'],
    ['S000-RBAC-5', 'CPI creates in the own tenant', 'cpi', creates(OWN), '201'],
    ['S000-RBAC-5', 'CPI does not create elsewhere', 'cpi', creates(ELSEWHERE), '404 NOT_FOUND'],
    ['S000-RBAC-6', 'CPI approves in the own tenant', 'cpi', says('approve', 'dev'), '200'],
    ['S000-RBAC-6', 'CPI does not approve own requests', 'cpi', says('approve', 'self'), '403 SELF_APPROVAL'],
    ['S000-RBAC-6', 'CPI does not approve elsewhere', 'cpi', says('approve', 'outsider', ELSEWHERE), '404 NOT_FOUND'],
    ['S000-RBAC-7', 'CPI rejects in the own tenant', 'cpi', says('reject', 'dev'), '200'],
    ['S000-RBAC-7', 'CPI does not reject elsewhere', 'cpi', says('reject', 'outsider', ELSEWHERE), '404 NOT_FOUND'],
    ['S000-RBAC-8', 'CPI sees the own tenant', 'cpi', sees('dev'), '200'],
    ['S000-RBAC-8', 'CPI does not see others', 'cpi', sees('outsider', ELSEWHERE), '404 NOT_FOUND'],
    ['S000-RBAC-9', 'CPI Admin creates in one tenant', 'admin', creates(OWN), '201'],
    ['S000-RBAC-9', 'CPI Admin creates in another', 'admin', creates(ELSEWHERE), '201'],
    ['S000-RBAC-10', 'CPI Admin approves in one tenant', 'admin', says('approve', 'dev'), '200'],
    ['S000-RBAC-10', 'CPI Admin approves in another', 'admin', says('approve', 'outsider', ELSEWHERE), '200'],
    ['S000-RBAC-10', 'CPI Admin does not approve own requests', 'admin', says('approve', 'self'), '403 SELF_APPROVAL'],
    ['S000-RBAC-11', 'CPI Admin rejects in one tenant', 'admin', says('reject', 'dev'), '200'],
    ['S000-RBAC-11', 'CPI Admin rejects in another', 'admin', says('reject', 'outsider', ELSEWHERE), '200'],
    ['S000-RBAC-12', 'CPI Admin sees one tenant', 'admin', sees('dev'), '200'],
    ['S000-RBAC-12', 'CPI Admin sees another', 'admin', sees('outsider', ELSEWHERE), '200'],
    ['S000-RBAC-13', 'Viewer creates nothing', 'viewer', creates(OWN), '403 FORBIDDEN'],
    ['S000-RBAC-14', 'Viewer approves nothing', 'viewer', says('approve', 'dev'), '403 FORBIDDEN'],
    ['S000-RBAC-15', 'Viewer rejects nothing', 'viewer', says('reject', 'dev'), '403 FORBIDDEN'],
    ['S000-RBAC-16', 'Viewer sees the own tenant', 'viewer', sees('dev'), '200'],
    ['S000-RBAC-16', 'Viewer does not see others', 'viewer', sees('outsider', ELSEWHERE), '404 NOT_FOUND'],
  ])('%s: %s', async (_id, _what, as, act, expected) => {
    expect(await act(as)).toBe(expected);
  });

  it('S000-RBAC-4, 8, 12 and 16 decide what lists hold', async () => {
    await requested('dev');
    await requested('cpi2');
    await requested('outsider', ELSEWHERE);
    const whose = async (as: string) =>
      new Set(
        (await world.call('GET', `${STAGING}?limit=100`, { as })).json.items.map(
          ({ metadata }: { metadata: { createdBy: string; tenant: string } }) => metadata,
        ) as { createdBy: string; tenant: string }[],
      );
    const dev = [...(await whose('dev'))];
    expect(new Set(dev.map(({ createdBy }) => createdBy))).toEqual(new Set(['dev@example.com']));
    for (const as of ['cpi', 'viewer']) {
      const seen = [...(await whose(as))];
      expect(new Set(seen.map(({ tenant }) => tenant)), as).toEqual(new Set(['tenant-finance']));
      expect(
        seen.map(({ createdBy }) => createdBy),
        as,
      ).toEqual(expect.arrayContaining(['dev@example.com', 'cpi2@example.com']));
    }
    expect(new Set([...(await whose('admin'))].map(({ tenant }) => tenant))).toEqual(new Set(['tenant-finance', 'tenant-retail']));
  });
});
