/** Lambda `propose`: every few minutes, asks for the promotions whose policy says so. It asks like everybody else: gates and approvals follow. */
import { clock, configuration, table } from '../kit/state.ts';
import type { Proposed } from './propose.ts';

/** The function ends after 120 s. */
const LIMIT_MS = 90_000;

export async function handler(): Promise<Proposed> {
  const end = performance.now() + LIMIT_MS;
  // Where no policy is enabled nothing more is loaded.
  if (!(await configuration()).policies?.some(({ enabled }) => enabled)) return { asked: [], failed: [] };
  const [{ proposeAll }, { policyRows }, { imageList }, { registryReader }] = await Promise.all([
    import('./propose.ts'),
    import('../../adapters/policy/policy-rows.ts'),
    import('../../adapters/registry/image-list.ts'),
    import('../../adapters/registry/registry-reader.ts'),
  ]);
  return proposeAll({
    registries: registryReader(),
    images: imageList(),
    records: policyRows(table),
    clock,
    ask: async (...question) => (await import('../../adapters/rollout/prometheus.ts')).askPrometheus(...question),
    isLate: () => performance.now() >= end,
  });
}
