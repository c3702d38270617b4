import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome, requestBody, runGates } from './requests.ts';
import { DIGEST, startWorld, type World } from './world.ts';

/** Roles that hold in some environments only: `{ role: cpi, environments: [staging] }`. */
const REASON = { reason: 'The rollback plan is not enough' };

let world: World;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const common = { name: 'x', tenants: ['tenant-finance'], teams: [], disabled: false };
    configuration.people.push(
      { ...common, subject: 'stager', email: 'stager@example.com', roles: ['cpi'], roleEnvironments: { cpi: ['staging'] } },
      // Reads everywhere, approves in staging.
      {
        ...{ ...common, subject: 'mixed', email: 'mixed@example.com', roles: ['viewer', 'approver'], teams: ['platform-leads'] },
        roleEnvironments: { approver: ['staging'] },
      },
      // In the team that production asks for, without a verb there.
      { ...common, subject: 'named', email: 'named@example.com', roles: ['viewer'], teams: ['platform-leads'] },
    );
    configuration.environments['staging']!.approvals = [
      {
        name: 'review',
        rules: [
          { role: 'cpi', min: 1 },
          { team: 'platform-leads', min: 1 },
        ],
      },
    ];
  });
  const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: new Date().toISOString() };
  await world.state.environments.adopt('staging', 'payment-api', 'tenant-finance', occupant);
});
afterAll(() => world.close());

/** Staging runs 1.1.0: it asks for the next one, and production for what staging has proven. */
const bodyTo = (to: string) => requestBody({ target: { version: to === 'staging' ? '1.2.0' : '1.1.0' } });

async function requested(to: string, as = 'dev'): Promise<string> {
  const answer = await world.call('POST', `/v1/requests/${to}`, { as, body: bodyTo(to) });
  if (answer.status !== 201) throw new Error(answer.text);
  await runGates(world, answer.json.metadata.id);
  return `/v1/requests/${to}/${answer.json.metadata.id}`;
}

const at = async (method: string, path: string, as: string, body?: object) =>
  outcome(await world.call(method, path, { as, ...(body ? { body } : {}) }));

describe('a role in one environment', () => {
  it('approves, rejects, creates, edits, cancels and reads there', async () => {
    const path = await requested('staging');
    expect(await at('GET', path, 'stager')).toBe('200');
    expect(await at('PATCH', await requested('staging'), 'stager', { request: { impactAssessment: 'medium' } })).toBe('200');
    expect(await at('POST', `${path}/approve`, 'stager', {})).toBe('200');
    expect(await at('POST', `${await requested('staging')}/reject`, 'stager', REASON)).toBe('200');
    expect(await at('POST', `${await requested('staging')}/cancel`, 'stager', {})).toBe('200');
    expect(await at('POST', '/v1/requests/staging', 'stager', bodyTo('staging'))).toBe('201');
  });

  it('AUTH-09 is nothing elsewhere: to see an approval is not to decide on what it lets into production', async () => {
    const path = await requested('prod');
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['GET', '/explain', undefined],
      ['POST', '/approve', {}],
      ['POST', '/reject', REASON],
      ['POST', '/cancel', {}],
      ['PATCH', '', { request: { impactAssessment: 'medium' } }],
    ] as const)
      expect(await at(method, `${path}${suffix}`, 'stager', body), `${method} ${suffix}`).toBe('403 FORBIDDEN');
    for (const suffix of ['', '/preview'])
      expect(await at('POST', `/v1/requests/prod${suffix}`, 'stager', requestBody())).toBe('403 FORBIDDEN');
    expect(await at('GET', '/v1/requests/prod', 'stager')).toBe('403 FORBIDDEN');
    // Whom the rule names, without the verb for the environment that would change.
    expect(await at('GET', path, 'mixed')).toBe('200');
    for (const as of ['mixed', 'named']) {
      expect(await at('POST', `${path}/approve`, as, {}), as).toBe('403 FORBIDDEN');
      expect(await at('POST', `${path}/reject`, as, REASON), as).toBe('403 FORBIDDEN');
    }
    const { status } = (await world.call('GET', path, { as: 'admin' })).json;
    expect(status.phase).toBe('pending_approval');
    expect(status.approvals.stages[0].rules.flatMap((rule: { eligible: string[] }) => rule.eligible)).not.toContain('mixed@example.com');
    expect(await at('POST', `${await requested('staging')}/approve`, 'mixed', {})).toBe('200');
  });

  it('shows in the inbox only what can be done there', async () => {
    const [staging, prod] = [await requested('staging'), await requested('prod')];
    const ids = async (as: string, view: string) =>
      (await world.call('GET', `/v1/inbox?view=${view}&limit=100`, { as })).json.items.map(
        ({ metadata }: { metadata: { id: string } }) => metadata.id,
      );
    const idOf = (path: string) => path.split('/').at(-1);
    for (const view of ['pending', 'all']) {
      expect(await ids('stager', view)).toContain(idOf(staging));
      expect(await ids('stager', view)).not.toContain(idOf(prod));
    }
    expect(await ids('mixed', 'all')).toContain(idOf(prod));
    expect(await ids('mixed', 'pending')).not.toContain(idOf(prod));
  });
});
