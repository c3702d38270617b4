/** Runs a gate of any kind. What a gate finds is its outcome; what keeps it from looking is `errored`, which never counts as passed. */

import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { Fault, messageOf, Refusal } from '../../core/errors.ts';
import { cleanMessage } from '../../core/gate/clean-text.ts';
import { checkCost } from '../../core/gate/cost.ts';
import type { CostGate, GateDefinition, PerformanceGate, PolicyGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import { checkPolicy } from '../../core/gate/policy-rules.ts';
import type { GateRunner } from '../../core/gate/ports.ts';
import { registryReader } from '../registry/registry-reader.ts';
import { openTable } from '../state/table.ts';
import { runCommandGate } from './command-gate.ts';
import { type GatePlace, placeOf } from './gate-place.ts';
import { type GateRunRows, gateRunRows } from './gate-run-rows.ts';
import { runHttpGate } from './http-gate.ts';
import type { LastGoodOf } from './performance-gate.ts';
import { runSignatureGate } from './signature-gate.ts';
import { runVulnerabilityGate } from './vulnerability-gate.ts';

/** The runner over the configuration in force. Rows of gates that answer later go into the state table; previews need none. */
export function gateRunner(
  configuration: () => Promise<Configuration>,
  runs: () => GateRunRows = () => gateRunRows(openTable()),
  lastGood?: LastGoodOf,
): GateRunner {
  return {
    async run(definition, subject, runId) {
      try {
        const outcome = await runGate(definition, placeOf(await configuration(), subject, runId), runs, lastGood);
        return { ...outcome, message: cleanMessage(outcome.message), resolution: cleanMessage(outcome.resolution) };
      } catch (error) {
        return outcomeOfError(error);
      }
    },
  };
}

function runGate(definition: GateDefinition, place: GatePlace, runs: () => GateRunRows, lastGood?: LastGoodOf): Promise<GateOutcome> {
  switch (definition.type) {
    case 'policy':
      return runPolicyGate(definition, place);
    case 'signature':
      return runSignatureGate(definition, place);
    case 'vulnerability':
      return runVulnerabilityGate(definition, place, new Date());
    case 'http':
      return runHttpGate(definition, place, runs());
    case 'performance_baseline':
      return measured(definition, place, lastGood);
    case 'command':
      return runCommandGate(definition, place, runs());
    case 'cost':
      return runCostGate(definition, place);
  }
}

/** Few configurations measure. */
async function measured(definition: PerformanceGate, place: GatePlace, lastGood?: LastGoodOf): Promise<GateOutcome> {
  const { recordedLastGood, runPerformanceGate } = await import('./performance-gate.ts');
  return runPerformanceGate(definition, place, lastGood ?? recordedLastGood);
}

async function runPolicyGate(definition: PolicyGate, { configuration, subject, source }: GatePlace): Promise<GateOutcome> {
  return checkPolicy(definition.rules, {
    artifact: await registryReader().facts(source, subject.artifact, subject.digest),
    registry: source.name,
    claims: subject.claims,
    claimsMustHold: configuration.environments[subject.to]?.claims === 'verified',
    now: new Date(),
  });
}

async function runCostGate(definition: CostGate, { configuration, subject, source, targets }: GatePlace): Promise<GateOutcome> {
  const reader = registryReader();
  let bytes = 0;
  for (const target of targets) bytes += (await reader.estimate(source, target, subject.artifact, subject.digest)).missingBytes;
  const replicas = artifactOf(configuration, subject.artifact)?.workload?.replicas ?? 0;
  const isRunning = replicas > 0 && definition.usdPerReplicaMonth > 0 && (await runsAlready(subject.to, subject.artifact));
  return checkCost(definition, { bytes, replicas, addedReplicas: isRunning ? 0 : replicas });
}

/** Whether some version runs there: then another takes its place, and no replica is added. */
async function runsAlready(environment: string, artifact: string): Promise<boolean> {
  const { environmentStore } = await import('../environment/environment-store.ts');
  const row = await environmentStore(openTable(), { now: () => new Date() }).get(environment, artifact);
  return row?.current !== undefined;
}

/** A refusal or an exceeded limit speaks of the artifact, so the gate has failed; anything else kept the gate from looking. */
function outcomeOfError(error: unknown): GateOutcome {
  const hint = (error as { hint?: unknown } | null)?.hint;
  const message = cleanMessage(messageOf(error)) || 'unknown error';
  const resolution =
    typeof hint === 'string' ? cleanMessage(hint) : 'try again with POST …/retry; if it stays, the gate or what it asks is broken';
  if (error instanceof Refusal || (error instanceof Fault && error.code === 'LIMIT')) return { status: 'failed', message, resolution };
  return { status: 'errored', message: `the gate could not be evaluated: ${message}`, resolution };
}
