/** What every gate adapter works with: the deployed configuration and where the artifact of the subject lies. */
import type { Configuration, RegistryConfiguration } from '../../core/environment/configuration.ts';
import type { GateSubject } from '../../core/gate/gate.ts';

export interface GatePlace {
  configuration: Configuration;
  subject: GateSubject;
  runId: string;
  /** First registry of the source environment. */
  source: RegistryConfiguration;
  /** Registries of the target environment. */
  targets: RegistryConfiguration[];
}

/** Throws when the configuration no longer has the environments of the subject. */
export function placeOf(configuration: Configuration, subject: GateSubject, runId: string): GatePlace {
  const from = configuration.environments[subject.from];
  const to = configuration.environments[subject.to];
  const source = from && configuration.registries[from.registries[0]!];
  if (!from || !to || !source) throw new Error('the configuration no longer has the environments of this request');
  return { configuration, subject, runId, source, targets: to.registries.map((name) => configuration.registries[name]!) };
}

/** `registry host/repository@digest`, as command gates and people name it. */
export function artifactReference(origin: string, repository: string, digest: string): string {
  return `${new URL(origin).host}/${repository}@${digest}`;
}
