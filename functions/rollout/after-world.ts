/** What the looks after promotions need of the world, apart from the stores. */
import { raiseAlert } from '../../adapters/notification/system-alerts.ts';
import { registryReader } from '../../adapters/registry/registry-reader.ts';
import { askPrometheus } from '../../adapters/rollout/prometheus.ts';
import { smokeProbe } from '../../adapters/rollout/smoke-probe.ts';
import { requiredVariable, type Table } from '../../adapters/state/table.ts';
import { lockOn } from '../environment/hold.ts';
import { clock } from '../kit/state.ts';
import { draftRollback } from './draft-rollback.ts';
import type { AfterWorld } from './look-after-promotions.ts';

export function afterWorld(table: Table): Pick<AfterWorld, 'probe' | 'metrics' | 'origin' | 'lockOn' | 'draft' | 'alert'> {
  const registries = registryReader();
  return {
    probe: smokeProbe,
    metrics: askPrometheus,
    origin: requiredVariable('API_ORIGIN'),
    lockOn,
    draft: (ask) => draftRollback(ask, registries),
    alert: (reason, where) =>
      raiseAlert(
        table,
        clock.now(),
        { type: 'environment.failing', data: where },
        { type: 'environment.alert', data: { ...where, signal: 'not_taken_back', reason } },
      ),
  };
}
