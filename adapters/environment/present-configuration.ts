/**
 * The configuration in force: the deployed file, or the version that has taken its place. Which one is a small, strongly consistent read that each
 * function instance keeps for a few seconds; the version itself is read once and kept by its hash.
 */
import { gunzipSync } from 'node:zlib';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { CONFIGURATIONS, HEAD } from '../state/keys.ts';
import { requiredVariable, type Table } from '../state/table.ts';
import { bundledConfiguration } from './bundled-configuration.ts';

/** So long may an instance go on with a version that was replaced. */
const KEPT_MS = 5_000;

export interface PresentConfiguration {
  now(): Promise<Configuration>;
  /** The next read looks at the table: who has just changed the version goes on with the new one. */
  forget(): void;
}

export function presentConfiguration(table: Pick<Table, 'get'>, clock: Clock): PresentConfiguration {
  let known: { hash: string; configuration: Promise<Configuration> } | undefined;
  let head: { until: number; configuration: Promise<Configuration> } | undefined;
  const read = async (hash: string): Promise<Configuration> => {
    const packed = (await table.get(CONFIGURATIONS, `TEXT#${hash}`))?.['packed'] as string | undefined;
    // Never the deployed file instead: what is in force may be stricter.
    if (packed === undefined) throw new Error(`the configuration ${hash} is in force and not stored`);
    const { configuration } = JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as { configuration: Configuration };
    return { ...configuration, issuer: requiredVariable('OIDC_ISSUER') };
  };
  const look = async (): Promise<Configuration> => {
    const [deployed, row] = await Promise.all([bundledConfiguration(), table.get(CONFIGURATIONS, HEAD)]);
    const hash = row?.['deployed'] === deployed.hash ? (row['hash'] as string | undefined) : undefined;
    if (hash === undefined || hash === deployed.hash) return deployed;
    if (known?.hash !== hash) known = { hash, configuration: read(hash) };
    const { configuration } = known;
    configuration.catch(() => {
      known = undefined;
    });
    return configuration;
  };
  return {
    async now() {
      const at = clock.now().getTime();
      if (!head || at >= head.until) {
        const mine = { until: at + KEPT_MS, configuration: look() };
        head = mine;
        mine.configuration.catch(() => {
          if (head === mine) head = undefined;
        });
      }
      return head.configuration;
    },
    forget() {
      head = undefined;
    },
  };
}
