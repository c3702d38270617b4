/**
 * Step Functions of the local cloud: Standard workflows in JSONata with Lambda tasks, over the AWS wire protocol.
 * Not run, and refused with the error of AWS: JSONPath, Distributed Map, Activities, SDK and `.sync` integrations, Express workflows, redrive,
 * versions and aliases.
 */
import type { CloudContext, LocalService } from '../service.ts';
import { Engine } from './engine.ts';
import { executionOperations } from './execution-operations.ts';
import { Cancelled } from './failures.ts';
import { machineOperations } from './machine-operations.ts';
import { Machines } from './machines.ts';
import { requiredPermissions } from './required-permissions.ts';
import { provideStateMachine } from './state-machine-resource.ts';
import { ApiError, answer, errorAnswer, inputOf, operationOf } from './wire.ts';

/** Makes the service over `context.folder`; executions found there go on when `start` is called. */
export async function createStepFunctions(context: CloudContext): Promise<LocalService> {
  const machines = new Machines(context.folder, context.clock, context.region, context.account);
  const engine = new Engine(context, machines);
  const operations = { ...machineOperations(machines, engine), ...executionOperations(machines, engine) };
  return {
    name: 'states',
    scopes: ['states'],
    resources: {
      'AWS::StepFunctions::StateMachine': (request) => provideStateMachine(request, machines, context),
      'AWS::StepFunctions::Activity': async (request) => {
        throw new Error(`${request.logicalId}: activities are not supported by the local engine; use lambda:invoke.waitForTaskToken`);
      },
    },
    operation: operationOf,
    checks: (request) => requiredPermissions(request, machines),
    async handle(request) {
      const name = operationOf(request);
      try {
        const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
        if (!operation) {
          context.log('step functions: unsupported operation', { operation: name });
          throw new ApiError('UnknownOperationException', `The operation ${name || '(none)'} is not supported by the local engine`);
        }
        return answer(await operation(inputOf(request)));
      } catch (error) {
        if (error instanceof ApiError) return errorAnswer(error);
        if (!(error instanceof Cancelled)) context.log('step functions: internal error', { operation: name, error: String(error) });
        return errorAnswer({ status: 500, code: 'InternalFailure', message: (error as Error).message });
      }
    },
    errorResponse: (_request, error) => errorAnswer(error),
    async start() {
      engine.resume();
    },
    close: () => engine.close(),
  };
}
