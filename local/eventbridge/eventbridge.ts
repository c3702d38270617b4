/**
 * EventBridge: buses, rules, targets, schedules, and (reads of) Scheduler. An accepted event is on disk with all its deliveries before the answer; deliveries
 * are made at least once, with back-off on the virtual clock, then go to the dead letters. Not supported, and refused by name: archives, replays, pipes,
 * connections, API destinations, partner sources, tags, logging of buses.
 */
import type { BusEvent, CloudContext, IamCheck, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { eventOperations, type PutEventsEntry } from './event-operations.ts';
import { InvalidPattern } from './event-pattern.ts';
import { eventResources } from './event-resources.ts';
import { Router } from './router.ts';
import { InvalidSchedule } from './schedule-expression.ts';
import { createScheduler } from './scheduler.ts';
import type { EventBridgeOptions, EventTargets, Target } from './target.ts';

export interface EventBridge extends LocalService {
  /** Puts an AWS service's own event on a bus; resolves once its deliveries are on disk. */
  emit(event: BusEvent): Promise<void>;
}

/** Operations whose resource is a rule, with the input key that names it. */
const ON_RULE: Record<string, string> = {
  DescribeRule: 'Name',
  EnableRule: 'Name',
  DisableRule: 'Name',
  PutRule: 'Name',
  DeleteRule: 'Name',
  PutTargets: 'Rule',
  RemoveTargets: 'Rule',
  ListTargetsByRule: 'Rule',
};

/** Makes the EventBridge of the local cloud; `targets` are the other services, connected by the kernel. */
export function createEventBridge(context: CloudContext, targets: EventTargets, options: EventBridgeOptions = {}): EventBridge {
  const router = new Router(context, targets, options);
  const operations = eventOperations(router);
  const scheduler = createScheduler(context, router);
  const ofScheduler = (request: ServiceRequest) => request.headers['x-amz-target'] === undefined;

  return {
    name: 'eventbridge',
    scopes: ['events', 'scheduler'],
    resources: { ...eventResources(router), ...scheduler.resources },
    operation: (request) => (ofScheduler(request) ? scheduler.operation(request) : operationOf(request)),
    checks: (request) => (ofScheduler(request) ? scheduler.checks(request) : checksOf(router, request)),
    async handle(request) {
      try {
        if (ofScheduler(request)) return answer(scheduler.answer(request), 'application/json');
        const operation = operations[operationOf(request)];
        if (!operation) {
          context.log('eventbridge: operation not supported', { operation: operationOf(request) });
          throw new AwsError(400, 'UnknownOperationException', `The local cloud does not support events:${operationOf(request)}`);
        }
        return answer(operation(inputOf(request)), 'application/x-amz-json-1.1');
      } catch (error) {
        return spell(request, asServiceError(error));
      }
    },
    errorResponse: spell,
    resourcePolicy: (arn) => router.rules.policy(arn),
    async emit({ bus, ...event }) {
      router.route(router.envelope(event), router.rules.busName(bus));
    },
    async start() {
      router.start();
    },
    async close() {
      router.close();
    },
  };
}

function operationOf(request: ServiceRequest): string {
  return request.headers['x-amz-target']?.split('.')[1] ?? 'Unknown';
}

/** Anything that is not a JSON object counts as an empty input: the operation then says what is missing. */
function inputOf(request: ServiceRequest): Record<string, unknown> {
  try {
    const input: unknown = JSON.parse(request.body.toString('utf8') || '{}');
    return typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  } catch {
    throw new AwsError(400, 'SerializationException', 'The request body is not JSON');
  }
}

function checksOf(router: Router, request: ServiceRequest): IamCheck[] {
  const operation = operationOf(request);
  let input: Record<string, unknown>;
  try {
    input = inputOf(request);
  } catch {
    input = {};
  }
  const { rules } = router;
  const busOf = (name: unknown) => rules.busName(typeof name === 'string' ? name : undefined);
  const bus = busOf(input['EventBusName']);
  if (operation === 'PutEvents') return putEventsChecks(router, input);
  if (operation === 'DescribeEventBus') return [{ action: 'events:DescribeEventBus', resource: rules.busArn(busOf(input['Name'])) }];
  const key = ON_RULE[operation];
  if (!key) return [{ action: `events:${operation}`, resource: '*' }];
  const resource = rules.ruleArn(bus, String(input[key] ?? ''));
  if (operation !== 'PutTargets' || !Array.isArray(input['Targets'])) return [{ action: `events:${operation}`, resource }];
  const added = input['Targets'] as Target[];
  return [
    { action: 'events:PutTargets', resource, context: { 'events:TargetArn': added.map(({ Arn }) => String(Arn)) } },
    ...added
      .filter(({ RoleArn }) => RoleArn)
      .map(({ RoleArn }) => ({
        action: 'iam:PassRole',
        resource: String(RoleArn),
        context: { 'iam:PassedToService': 'events.amazonaws.com' },
      })),
  ];
}

/** One check for each bus, source and detail type that the request names, so that a policy's conditions hold for every entry. */
function putEventsChecks({ rules }: Router, input: Record<string, unknown>): IamCheck[] {
  const entries = Array.isArray(input['Entries']) ? (input['Entries'] as PutEventsEntry[]) : [];
  const checks = new Map<string, IamCheck>();
  for (const entry of entries.length > 0 ? entries : [{} as PutEventsEntry]) {
    const resource = rules.busArn(rules.busName(typeof entry?.EventBusName === 'string' ? entry.EventBusName : undefined));
    const context = {
      ...(entry?.Source ? { 'events:source': String(entry.Source) } : {}),
      ...(entry?.DetailType ? { 'events:detail-type': String(entry.DetailType) } : {}),
    };
    checks.set(JSON.stringify([resource, context]), { action: 'events:PutEvents', resource, context });
  }
  return [...checks.values()];
}

function answer(output: unknown, type: string): ServiceResponse {
  return { status: 200, headers: { 'content-type': type }, body: JSON.stringify(output ?? {}) };
}

function asServiceError(error: unknown): ServiceError {
  if (error instanceof AwsError) return error;
  if (error instanceof InvalidPattern) return { status: 400, code: 'InvalidEventPatternException', message: error.message };
  if (error instanceof InvalidSchedule) return { status: 400, code: 'ValidationException', message: error.message };
  throw error;
}

function spell(request: ServiceRequest, { status, code, message }: ServiceError): ServiceResponse {
  const json = request.headers['x-amz-target'] !== undefined;
  return {
    status,
    headers: { 'content-type': json ? 'application/x-amz-json-1.1' : 'application/json', 'x-amzn-errortype': code },
    body: JSON.stringify(json ? { __type: code, message } : { Message: message }),
  };
}
