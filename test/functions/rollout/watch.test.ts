/** The look at an environment between promotions: what is no way back although every registry has it. */
import { expect, it } from 'vitest';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { EnvironmentHistoryEntry, EnvironmentRecord } from '../../../core/environment/environment.ts';
import type { Watch, WatchAlert } from '../../../core/environment/watch.ts';
import { type WatchWorld, watchAll } from '../../../functions/rollout/watch-environments.ts';
import { demoConfiguration } from '../../core/promotion/fixture.ts';

const of = (version: string) => ({ version, digest: `sha256:${version}`, requestId: `PR-${version}`, at: '2026-01-01T00:00:00.000Z' });

it('says that the version before may not be asked for, and tells it once; what runs now is restored whatever is said of it', async () => {
  const configuration: Configuration = demoConfiguration();
  configuration.artifacts = { 'payment-api': configuration.artifacts['payment-api']! };
  configuration.environments = { staging: { ...configuration.environments['staging']! } };
  delete configuration.environments['staging']!.cluster;
  const record = { current: of('2'), previous: of('1') } as EnvironmentRecord;
  const history: EnvironmentHistoryEntry[] = [of('2'), of('1')].map((each) => ({ ...each, outcome: 'succeeded' }));
  let now = Date.UTC(2026, 0, 1);
  let watch: Watch | undefined;
  const alerts: WatchAlert[] = [];
  const refused = new Map<string, string>();
  const world = {
    configuration: async () => configuration,
    environments: { get: async () => record, history: async () => history },
    promotions: { list: async () => ({ items: [] }) },
    watches: {
      get: async () => watch,
      async put(_environment: string, _artifact: string, seen: Watch) {
        watch = seen;
      },
    },
    clock: { now: () => new Date(now) },
    lackOf: async () => undefined,
    unsigned: async () => undefined,
    refused: async (_artifact: string, version: string) => refused.get(version),
    alert: async (alert: WatchAlert) => void alerts.push(alert),
  } as unknown as WatchWorld;
  const look = async () => {
    now += 16 * 60_000;
    expect(await watchAll(world)).toEqual({ watched: ['staging/payment-api'] });
    return watch!.waysBack.map(({ purpose, ready }) => `${purpose} ${ready}`);
  };
  expect(await look()).toEqual(['current true', 'previous true']);
  for (const version of ['1', '2']) refused.set(version, `payment-api ${version} is in quarantine`);
  expect(await look()).toEqual(['current true', 'previous false']);
  expect(watch!.waysBack[1]!.problems).toEqual(['payment-api 1 is in quarantine']);
  await look();
  expect(alerts).toEqual([
    { signal: 'rollback_not_ready', reason: 'staging/payment-api could not go back to 1: payment-api 1 is in quarantine' },
  ]);
});
