/** AWS::StepFunctions::StateMachine: from the properties of a template to a machine. */
import { readFileSync } from 'node:fs';
import type { CloudContext, ResourceRequest, ResourceResult } from '../service.ts';
import { requireRunnable } from './machine-operations.ts';
import type { Machine, MachineSettings, Machines } from './machines.ts';

/** Properties that are read; any other is logged, because it has no effect here. */
const READ = new Set([
  ...['StateMachineName', 'RoleArn', 'DefinitionString', 'Definition', 'DefinitionS3Location', 'DefinitionSubstitutions'],
  ...['StateMachineType', 'Tags', 'LoggingConfiguration', 'TracingConfiguration'],
]);

/** Creates the machine or brings it to the declared definition and role. Throws ApiError `InvalidDefinition` and Error. */
export async function provideStateMachine(request: ResourceRequest, machines: Machines, context: CloudContext): Promise<ResourceResult> {
  const { properties, logicalId } = request;
  if ((properties.StateMachineType ?? 'STANDARD') !== 'STANDARD')
    throw new Error(`${logicalId}: the local engine runs STANDARD state machines only`);
  const ignored = Object.keys(properties).filter((name) => !READ.has(name));
  if (ignored.length > 0) context.log('step functions: properties without effect', { logicalId, properties: ignored });
  const name = typeof properties.StateMachineName === 'string' ? properties.StateMachineName : request.defaultName.slice(0, 80);
  const settings: MachineSettings = {
    roleArn: String(properties.RoleArn),
    definition: definitionOf(request),
    ...(properties.LoggingConfiguration === undefined ? {} : { loggingConfiguration: properties.LoggingConfiguration }),
    ...(properties.TracingConfiguration === undefined ? {} : { tracingConfiguration: properties.TracingConfiguration }),
  };
  requireRunnable(settings.definition);
  const tags = (Array.isArray(properties.Tags) ? properties.Tags : []).map((tag: Record<string, unknown>) => ({
    key: String(tag.Key),
    value: String(tag.Value),
  }));
  const machine = bring(machines, name, settings, tags);
  return {
    ref: machine.arn,
    attributes: { Arn: machine.arn, Name: machine.name, StateMachineRevisionId: machine.revisionId ?? 'INITIAL' },
  };
}

function bring(machines: Machines, name: string, settings: MachineSettings, tags: Machine['tags']): Machine {
  const existing = machines.get(machines.arnOf(name));
  if (!existing || existing.status === 'DELETING') return machines.create(name, settings, tags);
  if (JSON.stringify(existing.tags) !== JSON.stringify(tags)) machines.tag(existing, tags);
  const current = machines.get(existing.arn)!;
  const same = (Object.keys(settings) as (keyof MachineSettings)[]).every(
    (key) => JSON.stringify(current[key]) === JSON.stringify(settings[key]),
  );
  return same ? current : machines.update(current, settings);
}

function definitionOf(request: ResourceRequest): string {
  const { DefinitionString, Definition, DefinitionS3Location, DefinitionSubstitutions } = request.properties;
  let text: string;
  if (typeof DefinitionString === 'string') text = DefinitionString;
  else if (typeof Definition === 'object' && Definition !== null) text = JSON.stringify(Definition);
  else if (typeof DefinitionS3Location === 'object' && DefinitionS3Location !== null)
    text = assetText(request, DefinitionS3Location as Record<string, unknown>);
  else throw new Error(`${request.logicalId}: one of DefinitionString, Definition and DefinitionS3Location is required`);
  const values = (DefinitionSubstitutions ?? {}) as Record<string, unknown>;
  // In one pass: a value that contains `${…}` stays as it is.
  return text.replace(/\$\{([^}]+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

function assetText(request: ResourceRequest, location: Record<string, unknown>): string {
  const file = request.asset(String(location.Bucket), String(location.Key));
  if (file === undefined)
    throw new Error(`${request.logicalId}: s3://${String(location.Bucket)}/${String(location.Key)} is not an asset of the assembly`);
  return readFileSync(file, 'utf8');
}
