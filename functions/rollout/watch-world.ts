/** What the watch needs of registries and of people. */
import { runSignatureGate } from '../../adapters/gate/signature-gate.ts';
import { raiseAlert } from '../../adapters/notification/system-alerts.ts';
import { lackOf } from '../../adapters/registry/prove-copy.ts';
import type { Table } from '../../adapters/state/table.ts';
import { refusedBecause } from '../../core/lifecycle/use.ts';
import { clock, configuration } from '../kit/state.ts';
import { standingNow } from '../lifecycle/standing-now.ts';
import type { WatchWorld } from './watch-environments.ts';

export function watchWorld(table: Table): Pick<WatchWorld, 'lackOf' | 'unsigned' | 'refused' | 'alert'> {
  return {
    lackOf,
    async unsigned(gate, registry, artifact, digest) {
      const subject = { artifact, digest, tenant: '', version: '', from: '', to: '', planHash: '', requester: '', claims: NO_CLAIMS };
      const place = { configuration: await configuration(), subject, runId: 'watch', source: registry, targets: [registry] };
      const { status, message } = await runSignatureGate(gate, place);
      return status === 'passed' ? undefined : message;
    },
    async refused(artifact, version, digest) {
      const { blockEol } = (await configuration()).lifecycle.support;
      return refusedBecause({ artifact, version, standing: await standingNow(artifact, version, digest), blockEol })?.why;
    },
    async alert({ signal, reason }, where) {
      const type = signal === 'drift' ? 'environment.drifted' : 'rollback.not_ready';
      await raiseAlert(table, clock.now(), { type, data: where }, { type: 'environment.alert', data: { ...where, signal, reason } });
    },
  };
}

const NO_CLAIMS = { stagingTestsPassed: false, securityScanPassed: false, performanceTestsPassed: false, testEvidenceUrl: '' };
