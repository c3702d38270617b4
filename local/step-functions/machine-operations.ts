/** API operations on state machines. */
import { checkDefinition } from './check-definition.ts';
import type { Engine } from './engine.ts';
import type { Machine, MachineSettings, Machines } from './machines.ts';
import { ApiError, optionalText, page, seconds, text } from './wire.ts';

type Input = Record<string, unknown>;
/** Takes the parsed input and answers what goes on the wire. */
export type Operation = (input: Input) => unknown;

const NAME = /^[A-Za-z0-9_-]{1,80}$/;
const ROLE = /^arn:aws[a-z-]*:iam::\d{12}:role\/.+/;

/** Throws ApiError `InvalidDefinition` that names every fault. */
export function requireRunnable(definition: string): void {
  const { faults } = checkDefinition(definition);
  if (faults.length === 0) return;
  const list = faults.map((fault) => `${fault.code}: ${fault.message} at ${fault.location}`).join(', ');
  throw new ApiError('InvalidDefinition', `Invalid State Machine Definition: '${list}'`);
}

/** Finds a machine. Throws ApiError `InvalidArn` or `StateMachineDoesNotExist`. */
export function requireMachine(machines: Machines, arn: string): Machine {
  if (!/^arn:aws[a-z-]*:states:[^:]*:\d{12}:stateMachine:[^:]+$/.test(arn)) throw new ApiError('InvalidArn', `Invalid Arn: '${arn}'`);
  const machine = machines.get(arn);
  if (!machine) throw new ApiError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  return machine;
}

/** Operations by name. They throw ApiError. */
export function machineOperations(machines: Machines, engine: Engine): Record<string, Operation> {
  return {
    CreateStateMachine(input) {
      const name = text(input, 'name', 80);
      if (!NAME.test(name)) throw new ApiError('InvalidName', `Invalid Name: '${name}'`);
      refuseUnsupported(input);
      const settings = settingsOf({ ...input, roleArn: text(input, 'roleArn', 256), definition: text(input, 'definition', 1_048_576) });
      const existing = machines.get(machines.arnOf(name));
      if (existing?.status === 'DELETING') throw new ApiError('StateMachineDeleting', `State Machine is being deleted: '${existing.arn}'`);
      if (existing && (existing.definition !== settings.definition || existing.roleArn !== settings.roleArn)) {
        throw new ApiError('StateMachineAlreadyExists', `State Machine Already Exists: '${existing.arn}'`);
      }
      const machine = existing ?? machines.create(name, settings as MachineSettings, tagsOf(input));
      return { stateMachineArn: machine.arn, creationDate: seconds(machine.creationDate) };
    },

    UpdateStateMachine(input) {
      const machine = requireMachine(machines, text(input, 'stateMachineArn'));
      if (machine.status === 'DELETING') throw new ApiError('StateMachineDeleting', `State Machine is being deleted: '${machine.arn}'`);
      refuseUnsupported(input);
      const settings = settingsOf(input);
      if (Object.keys(settings).length === 0)
        throw new ApiError('MissingRequiredParameter', 'Either the definition, the role ARN or a configuration must be given');
      const changed = machines.update(machine, settings);
      return { updateDate: seconds(engine.now()), revisionId: changed.revisionId };
    },

    DeleteStateMachine(input) {
      const arn = text(input, 'stateMachineArn');
      const machine = machines.get(arn);
      if (machine) machines.remove(machine, engine.openOfMachine(arn).length === 0);
      return {};
    },

    ListStateMachines(input) {
      const all = machines.all().sort((a, b) => a.name.localeCompare(b.name));
      const { items, nextToken } = page(input, all);
      const stateMachines = items.map(({ arn, name, creationDate }) => ({
        stateMachineArn: arn,
        name,
        type: 'STANDARD',
        creationDate: seconds(creationDate),
      }));
      return { stateMachines, nextToken };
    },

    DescribeStateMachine(input) {
      const { arn, tags: _, definitionHash: __, creationDate, ...rest } = requireMachine(machines, text(input, 'stateMachineArn'));
      return { stateMachineArn: arn, type: 'STANDARD', creationDate: seconds(creationDate), ...rest };
    },

    TagResource(input) {
      const machine = requireResource(machines, text(input, 'resourceArn'));
      const tags = new Map([...machine.tags, ...tagsOf(input)].map((tag) => [tag.key, tag]));
      if (tags.size > 50) throw new ApiError('TooManyTags', `Too many tags: '${machine.arn}'`);
      machines.tag(machine, [...tags.values()]);
      return {};
    },

    UntagResource(input) {
      const machine = requireResource(machines, text(input, 'resourceArn'));
      const keys = new Set(Array.isArray(input.tagKeys) ? input.tagKeys : []);
      machines.tag(
        machine,
        machine.tags.filter((tag) => !keys.has(tag.key)),
      );
      return {};
    },

    ListTagsForResource(input) {
      return { tags: requireResource(machines, text(input, 'resourceArn')).tags };
    },

    ValidateStateMachineDefinition(input) {
      const { faults } = checkDefinition(text(input, 'definition', 1_048_576));
      const diagnostics = faults.map((fault) => ({ severity: 'ERROR', ...fault }));
      return { result: faults.length === 0 ? 'OK' : 'FAIL', diagnostics, truncated: false };
    },
  };
}

function settingsOf(input: Input): Partial<MachineSettings> {
  const roleArn = optionalText(input, 'roleArn', 256);
  if (roleArn !== undefined && !ROLE.test(roleArn)) throw new ApiError('InvalidArn', `Invalid Role Arn: '${roleArn}'`);
  const definition = optionalText(input, 'definition', 1_048_576);
  if (definition !== undefined) requireRunnable(definition);
  return {
    ...(roleArn === undefined ? {} : { roleArn }),
    ...(definition === undefined ? {} : { definition }),
    ...(input.loggingConfiguration === undefined ? {} : { loggingConfiguration: input.loggingConfiguration }),
    ...(input.tracingConfiguration === undefined ? {} : { tracingConfiguration: input.tracingConfiguration }),
  };
}

function refuseUnsupported(input: Input): void {
  if ((input.type ?? 'STANDARD') !== 'STANDARD') {
    throw new ApiError('StateMachineTypeNotSupported', 'The local engine runs STANDARD state machines only');
  }
  if (input.publish === true) throw new ApiError('ValidationException', 'Versions of state machines are not supported by the local engine');
}

function requireResource(machines: Machines, arn: string): Machine {
  const machine = machines.get(arn);
  if (!machine) throw new ApiError('ResourceNotFound', `Resource not found: '${arn}'`);
  return machine;
}

function tagsOf(input: Input): Machine['tags'] {
  const tags = input.tags ?? [];
  if (!Array.isArray(tags)) throw new ApiError('ValidationException', 'tags is a list');
  return tags.map((tag: Record<string, unknown>) => ({ key: text(tag, 'key', 128), value: optionalText(tag, 'value', 256) ?? '' }));
}
