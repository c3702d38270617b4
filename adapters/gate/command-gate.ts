/** Starts the argv of a command gate in the stack's build project. It never becomes a command line: the project's fixed runner reads it as JSON. */
import { CodeBuildClient, StartBuildCommand } from '@aws-sdk/client-codebuild';
import { ARTIFACT_WORD } from '../../core/gate/command-line.ts';
import type { CommandGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import { openRepository } from '../registry/repository.ts';
import { requiredVariable } from '../state/table.ts';
import { artifactReference, type GatePlace } from './gate-place.ts';
import type { GateRunRows } from './gate-run-rows.ts';
import { runOf } from './http-gate.ts';

/** Shortest time-out that CodeBuild takes. */
const LEAST_MINUTES = 5;

export async function runCommandGate(definition: CommandGate, place: GatePlace, runs: GateRunRows): Promise<GateOutcome> {
  const run = runOf(definition.name, place);
  const repository = await openRepository(place.source, place.subject.artifact);
  const reference = artifactReference(repository.origin, repository.name, place.subject.digest);
  const argv = definition.argv.map((word) => (word === ARTIFACT_WORD ? reference : word));
  const { build } = await new CodeBuildClient({}).send(
    new StartBuildCommand({
      projectName: requiredVariable('BUILD_PROJECT'),
      // The same run started again after a crash is the same build.
      idempotencyToken: run.runId,
      environmentVariablesOverride: [{ name: 'GATE_ARGV', value: JSON.stringify(argv), type: 'PLAINTEXT' }],
      timeoutInMinutesOverride: Math.max(LEAST_MINUTES, Math.ceil(definition.timeoutSeconds / 60)),
    }),
  );
  if (!build?.arn) throw new Error('CodeBuild started a build without a name');
  // Should the build end before this row is there, its event is delivered again.
  await runs.keep(run, new Date(), build.arn);
  return { status: 'running', message: `the command runs as build ${build.id ?? build.arn}`, resolution: 'wait for its end' };
}
