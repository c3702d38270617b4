/** What IAM must allow for a request, after the service authorization reference of Step Functions. */
import type { IamCheck, ServiceRequest } from '../service.ts';
import type { Machines } from './machines.ts';
import { inputOf, operationOf } from './wire.ts';

/** Operations on a task token: the service authorization reference gives them no resource. */
const TOKEN_OPERATIONS = new Set(['SendTaskSuccess', 'SendTaskFailure', 'SendTaskHeartbeat']);

/** A body that cannot be read needs the permission on `*`; `handle` then says what is wrong with it. */
export function requiredPermissions(request: ServiceRequest, machines: Machines): IamCheck[] {
  const operation = operationOf(request);
  const action = `states:${operation}`;
  let input: Record<string, unknown> = {};
  try {
    input = inputOf(request);
  } catch {
    return [{ action, resource: '*' }];
  }
  if (TOKEN_OPERATIONS.has(operation)) return [{ action, resource: '*' }];
  const passes: IamCheck[] =
    typeof input.roleArn === 'string' && (operation === 'CreateStateMachine' || operation === 'UpdateStateMachine')
      ? [{ action: 'iam:PassRole', resource: input.roleArn, context: { 'iam:PassedToService': 'states.amazonaws.com' } }]
      : [];
  if (operation === 'CreateStateMachine') return [{ action, resource: machines.arnOf(String(input.name)) }, ...passes];
  const named = [input.stateMachineArn, input.executionArn, input.resourceArn].find((arn) => typeof arn === 'string' && arn !== '');
  return [{ action, resource: (named as string | undefined) ?? '*' }, ...passes];
}
