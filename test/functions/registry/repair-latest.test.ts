import { expect, it, vi } from 'vitest';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import { Fault } from '../../../core/errors.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { type RepairWorld, repairLatest } from '../../../functions/registry/repair-latest.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const configuration = {
  environments: { prod: { name: 'prod', registries: ['near', 'far'] } },
  registries: { near: { name: 'near' }, far: { name: 'far' } },
  artifacts: { api: { name: 'api', tenant: 't' }, '*': { name: '*', tenant: 't' } },
} as unknown as Configuration;

const row = (more: Partial<EnvironmentRecord> = {}): EnvironmentRecord => ({
  environment: 'prod',
  artifact: 'api',
  tenant: 't',
  current: { version: '1.0.0', digest, requestId: 'PR-2026-0001', at: '' },
  health: 'healthy',
  fence: 1,
  revision: 1,
  ...more,
});

function worldOf(rows: Record<string, EnvironmentRecord>, moveTag: RepairWorld['writer']['moveTag']) {
  const alert = vi.fn(async () => undefined);
  const world: RepairWorld = {
    configuration: async () => configuration,
    environments: { get: async (_environment, artifact) => rows[artifact] },
    promotions: { list: async () => ({ items: [{ artifact: 'batch' } as Promotion] }) },
    writer: { moveTag },
    alert,
  };
  return { world, alert };
}

it('moves the tag in every registry where it does not name what runs, also of what falls under "*", and tells it once each', async () => {
  const moveTag = vi.fn(async (registry: { name: string }) => registry.name === 'far');
  const { world, alert } = worldOf({ api: row(), batch: row({ artifact: 'batch' }) }, moveTag as never);
  expect(await repairLatest(world)).toEqual({ moved: ['far/api:latest-prod', 'far/batch:latest-prod'] });
  expect(moveTag).toHaveBeenCalledTimes(4);
  expect(moveTag).toHaveBeenCalledWith(configuration.registries['near'], 'api', 'latest-prod', digest);
  expect(alert.mock.calls).toEqual([
    [{ environment: 'prod', artifact: 'api', registry: 'far', tag: 'latest-prod' }],
    [{ environment: 'prod', artifact: 'batch', registry: 'far', tag: 'latest-prod' }],
  ]);
});

it.each([
  ['is being changed', row({ holder: 'PR-2026-0002-1' })],
  ['was adopted', row({ current: { version: '1', digest, requestId: 'adopted', at: '' } })],
])('leaves alone what %s', async (_what, given) => {
  const moveTag = vi.fn(async () => true);
  const { world } = worldOf({ api: given }, moveTag);
  expect(await repairLatest(world)).toEqual({ moved: [] });
  expect(moveTag).not.toHaveBeenCalled();
});

it('goes on where one registry does not answer or has lost the version', async () => {
  const faults = [new Fault('UNAVAILABLE', 'away'), new Fault('DIGEST_MISMATCH', 'lost')];
  const moveTag = vi.fn(async () => {
    const fault = faults.shift();
    if (fault) throw fault;
    return true;
  });
  const { world } = worldOf({ api: row(), batch: row({ artifact: 'batch' }) }, moveTag);
  expect((await repairLatest(world)).moved).toEqual(['near/batch:latest-prod', 'far/batch:latest-prod']);
});
