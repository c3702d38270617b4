/** Which artifacts an environment may hold: those with an entry of their own, and under `"*"` those that recent promotions have brought there. */
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import type { PromotionStore } from '../../core/promotion/ports.ts';

const RECENT = 100;

export async function knownArtifacts(
  promotions: Pick<PromotionStore, 'list'>,
  configuration: Configuration,
  environment: string,
): Promise<string[]> {
  const configured = Object.keys(configuration.artifacts).filter((name) => name !== '*');
  if (!configuration.artifacts['*']) return configured;
  const tenants = [...new Set(Object.values(configuration.artifacts).map(({ tenant }) => tenant))];
  const { items } = await promotions.list({ environment, tenants, phases: ['succeeded'], limit: RECENT });
  const brought = items.map(({ artifact }) => artifact).filter((name) => artifactOf(configuration, name) !== undefined);
  return [...new Set([...configured, ...brought])];
}
