/**
 * EventBridge Scheduler: schedules of stacks with their own time zone, start and end. Reads of the API only (ListSchedules, GetSchedule,
 * ListScheduleGroups, GetScheduleGroup); schedules are made by CloudFormation. Flexible windows fire at their beginning. Targets are functions, queues, topics and
 * state machines; universal targets and buses are refused.
 */
import { createHash } from 'node:crypto';
import type { CloudContext, IamCheck, ResourceProvider, ServiceRequest } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { refuseUnknown } from './event-resources.ts';
import { eventTime, type Router } from './router.ts';
import type { ScheduleSpec } from './schedules.ts';
import { assertTarget, type Target, targetKind } from './target.ts';

interface Schedule {
  name: string;
  group: string;
  arn: string;
  expression: string;
  timezone: string;
  state: 'ENABLED' | 'DISABLED';
  target: Target;
  description?: string;
}

/** What `operation`, `checks` and `handle` of the service need for requests of scope `scheduler`. */
export interface Scheduler {
  resources: Record<string, ResourceProvider>;
  operation(request: ServiceRequest): string;
  checks(request: ServiceRequest): IamCheck[];
  answer(request: ServiceRequest): unknown;
}

const KNOWN = [
  'Name',
  'GroupName',
  'Description',
  'ScheduleExpression',
  'ScheduleExpressionTimezone',
  'StartDate',
  'EndDate',
  'State',
  'Target',
  'FlexibleTimeWindow',
];

/** Schedules over the router's timers and deliveries. */
export function createScheduler(context: CloudContext, router: Router): Scheduler {
  const schedules = new Map<string, Schedule>();
  const groups = new Set(['default']);
  const arnOf = (kind: string, path: string) => `arn:aws:scheduler:${context.region}:${context.account}:${kind}/${path}`;

  const fire = (schedule: Schedule, due: number) => {
    const id = createHash('sha256').update(`${schedule.arn} ${due}`).digest('hex').slice(0, 32);
    const event = {
      ...router.envelope({ source: 'aws.scheduler', detailType: 'Scheduled Event', detail: '{}', resources: [schedule.arn] }, due),
      id,
    };
    const text = schedule.target.Input ?? JSON.stringify(event);
    const payload = text
      .replaceAll('<aws.scheduler.schedule-arn>', schedule.arn)
      .replaceAll('<aws.scheduler.scheduled-time>', eventTime(due))
      .replaceAll('<aws.scheduler.execution-id>', id)
      .replaceAll('<aws.scheduler.attempt-number>', '1');
    return [router.delivery(`${id}/${schedule.arn}`, schedule.arn, schedule.target, payload)];
  };

  const provide: ResourceProvider = async ({ properties, defaultName }) => {
    refuseUnknown('AWS::Scheduler::Schedule', properties, KNOWN);
    const name = (properties['Name'] as string | undefined) ?? defaultName;
    const group = (properties['GroupName'] as string | undefined) ?? 'default';
    if (!groups.has(group)) throw new AwsError(404, 'ResourceNotFoundException', `Schedule group ${group} does not exist.`);
    const target: Target = { Id: name, ...(properties['Target'] as Omit<Target, 'Id'>) };
    assertTarget(target);
    if (targetKind(target.Arn) === 'events')
      throw new AwsError(400, 'ValidationException', `schedule ${name}: buses are no targets of the local Scheduler`);
    if (!target.RoleArn) throw new AwsError(400, 'ValidationException', `schedule ${name}: Target.RoleArn is required`);
    const schedule: Schedule = {
      name,
      group,
      arn: arnOf('schedule', `${group}/${name}`),
      expression: String(properties['ScheduleExpression']),
      timezone: (properties['ScheduleExpressionTimezone'] as string | undefined) ?? 'UTC',
      state: properties['State'] === 'DISABLED' ? 'DISABLED' : 'ENABLED',
      target,
      ...(properties['Description'] ? { description: String(properties['Description']) } : {}),
    };
    schedules.set(`${group}/${name}`, schedule);
    router.onDue(schedule.arn, schedule.state === 'ENABLED' ? (due) => fire(schedule, due) : undefined);
    if (schedule.state === 'ENABLED') router.schedules.set(schedule.arn, specOf(schedule, properties));
    else router.schedules.remove(schedule.arn);
    return { ref: name, attributes: { Arn: schedule.arn } };
  };

  const find = (group: string, name: string) => {
    const schedule = schedules.get(`${group}/${name}`);
    if (!schedule) throw new AwsError(404, 'ResourceNotFoundException', `Schedule ${name} does not exist.`);
    return schedule;
  };

  const answers: Record<string, (url: URL, name: string) => unknown> = {
    ListSchedules: (url) => ({
      Schedules: [...schedules.values()]
        .filter(({ group, name }) => matches(url, 'ScheduleGroup', group) && name.startsWith(url.searchParams.get('NamePrefix') ?? ''))
        .map(({ name, group, arn, state, target }) => ({
          Name: name,
          GroupName: group,
          Arn: arn,
          State: state,
          Target: { Arn: target.Arn },
        })),
    }),
    GetSchedule: (url, name) => describe(find(url.searchParams.get('groupName') ?? 'default', name)),
    ListScheduleGroups: () => ({
      ScheduleGroups: [...groups].map((name) => ({ Name: name, Arn: arnOf('schedule-group', name), State: 'ACTIVE' })),
    }),
    GetScheduleGroup: (_, name) => {
      if (!groups.has(name)) throw new AwsError(404, 'ResourceNotFoundException', `Schedule group ${name} does not exist.`);
      return { Name: name, Arn: arnOf('schedule-group', name), State: 'ACTIVE' };
    },
  };

  return {
    resources: {
      'AWS::Scheduler::Schedule': provide,
      'AWS::Scheduler::ScheduleGroup': async ({ properties, defaultName }) => {
        refuseUnknown('AWS::Scheduler::ScheduleGroup', properties, ['Name', 'Tags']);
        const name = (properties['Name'] as string | undefined) ?? defaultName;
        groups.add(name);
        return { ref: name, attributes: { Arn: arnOf('schedule-group', name), State: 'ACTIVE' } };
      },
    },
    operation: ({ method, url }) => {
      const [, kind, name] = url.pathname.split('/');
      const noun = kind === 'schedules' ? 'Schedule' : kind === 'schedule-groups' ? 'ScheduleGroup' : undefined;
      if (!noun) return 'Unknown';
      if (method === 'GET') return name ? `Get${noun}` : `List${noun}s`;
      return `${{ POST: 'Create', PUT: 'Update', DELETE: 'Delete' }[method] ?? 'Unknown'}${noun}`;
    },
    checks({ url, ...request }) {
      const operation = this.operation({ url, ...request } as ServiceRequest);
      const name = decodeURIComponent(url.pathname.split('/')[2] ?? '');
      const group = url.searchParams.get('groupName') ?? 'default';
      const kind = operation.endsWith('Group') ? arnOf('schedule-group', name) : arnOf('schedule', `${group}/${name}`);
      return [{ action: `scheduler:${operation}`, resource: operation.startsWith('List') ? '*' : kind }];
    },
    answer(request) {
      const operation = this.operation(request);
      const answer = answers[operation];
      if (!answer)
        throw new AwsError(
          400,
          'ValidationException',
          `scheduler: the local cloud does not support ${operation}; declare schedules in a stack`,
        );
      return answer(request.url, decodeURIComponent(request.url.pathname.split('/')[2] ?? ''));
    },
  };
}

function specOf(schedule: Schedule, properties: Record<string, unknown>): ScheduleSpec {
  const instant = (key: string) => (properties[key] === undefined ? undefined : Date.parse(String(properties[key])));
  const [startsAt, endsAt] = [instant('StartDate'), instant('EndDate')];
  return {
    expression: schedule.expression,
    timezone: schedule.timezone,
    immediately: true,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
  };
}

function describe(schedule: Schedule): Record<string, unknown> {
  const { Id: _, ...target } = schedule.target;
  return {
    Name: schedule.name,
    GroupName: schedule.group,
    Arn: schedule.arn,
    Description: schedule.description,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    State: schedule.state,
    Target: target,
    FlexibleTimeWindow: { Mode: 'OFF' },
  };
}

function matches(url: URL, key: string, value: string): boolean {
  const wanted = url.searchParams.get(key);
  return wanted === null || wanted === value;
}
