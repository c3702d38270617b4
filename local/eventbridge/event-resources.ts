/** CloudFormation types of EventBridge: EventBus, EventBusPolicy, Rule. */
import type { PolicyDocument, ResourceProvider } from '../service.ts';
import { AwsError } from './aws-error.ts';
import type { Router } from './router.ts';
import type { RuleDefinition } from './rules.ts';
import { parseSchedule } from './schedule-expression.ts';
import type { Target } from './target.ts';

/** Providers over the router; a property that the local cloud does not know stops the start with its name. */
export function eventResources(router: Router): Record<string, ResourceProvider> {
  const { rules } = router;
  return {
    'AWS::Events::EventBus': async ({ properties, defaultName }) => {
      refuseUnknown('AWS::Events::EventBus', properties, ['Name', 'Description', 'Policy', 'Tags']);
      const name = (properties['Name'] as string | undefined) ?? defaultName;
      rules.declareBus(name, {
        ...(properties['Policy'] ? { policy: properties['Policy'] as PolicyDocument } : {}),
        ...(properties['Description'] ? { description: String(properties['Description']) } : {}),
      });
      return { ref: name, attributes: { Name: name, Arn: rules.busArn(name), Policy: JSON.stringify(properties['Policy'] ?? '') } };
    },
    'AWS::Events::EventBusPolicy': async ({ properties }) => {
      refuseUnknown('AWS::Events::EventBusPolicy', properties, ['EventBusName', 'StatementId', 'Statement']);
      if (!properties['Statement'])
        throw new AwsError(400, 'ValidationException', 'AWS::Events::EventBusPolicy needs Statement in the local cloud');
      const statementId = String(properties['StatementId']);
      const bus = rules.busName(properties['EventBusName'] as string | undefined);
      rules.declareStatement(bus, { ...(properties['Statement'] as object), Sid: statementId });
      return { ref: statementId };
    },
    'AWS::Events::Rule': async ({ properties, defaultName }) => {
      const known = ['Name', 'EventBusName', 'Description', 'EventPattern', 'ScheduleExpression', 'State', 'RoleArn', 'Targets', 'Tags'];
      refuseUnknown('AWS::Events::Rule', properties, known);
      const definition = ruleOf(
        properties,
        (properties['Name'] as string | undefined) ?? defaultName,
        rules.busName(properties['EventBusName'] as string),
      );
      const rule = rules.put(definition, 'stack');
      return { ref: rule.bus === 'default' ? rule.name : `${rule.bus}|${rule.name}`, attributes: { Arn: rule.arn } };
    },
  };
}

function ruleOf(properties: Record<string, unknown>, name: string, bus: string): RuleDefinition {
  const pattern = properties['EventPattern'];
  const schedule = properties['ScheduleExpression'] as string | undefined;
  if (pattern === undefined && schedule === undefined)
    throw new AwsError(400, 'ValidationException', `rule ${name} has no pattern and no schedule`);
  if (schedule !== undefined) parseSchedule(schedule);
  if (schedule !== undefined && bus !== 'default')
    throw new AwsError(400, 'ValidationException', `rule ${name}: schedules run on the default bus only`);
  return {
    name,
    bus,
    state: properties['State'] === 'DISABLED' ? 'DISABLED' : 'ENABLED',
    targets: ((properties['Targets'] ?? []) as Target[]).map(withNumbers),
    ...(pattern === undefined ? {} : { pattern: typeof pattern === 'string' ? pattern : JSON.stringify(pattern) }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(properties['Description'] ? { description: String(properties['Description']) } : {}),
    ...(properties['RoleArn'] ? { roleArn: String(properties['RoleArn']) } : {}),
  };
}

/** CloudFormation allows numbers as strings. */
function withNumbers(target: Target): Target {
  const policy = target.RetryPolicy;
  if (!policy) return target;
  return { ...target, RetryPolicy: Object.fromEntries(Object.entries(policy).map(([key, value]) => [key, Number(value)])) };
}

/** Throws ValidationException for properties that would be ignored. */
export function refuseUnknown(type: string, properties: Record<string, unknown>, known: string[]): void {
  const unknown = Object.keys(properties).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new AwsError(400, 'ValidationException', `${type}: the local cloud does not support ${unknown.join(', ')}`);
}
