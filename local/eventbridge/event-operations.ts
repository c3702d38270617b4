/** The API of buses, rules and events (`AWSEvents.*`), each operation as a function of its input. */
import { AwsError } from './aws-error.ts';
import { compilePattern, InvalidPattern } from './event-pattern.ts';
import type { EventEnvelope, Router } from './router.ts';
import type { Rule } from './rules.ts';
import { InvalidSchedule, parseSchedule } from './schedule-expression.ts';
import { assertTarget, type Target } from './target.ts';

type Input = Record<string, unknown>;

export interface PutEventsEntry {
  Time?: number | string;
  Source?: string;
  Resources?: string[];
  DetailType?: string;
  Detail?: string;
  EventBusName?: string;
  TraceHeader?: string;
}

const MOST_ENTRIES = 10;
/** Limit of one PutEvents request, in bytes of its entries. */
const MOST_BYTES = 256 * 1024;

/** Operations by name; each answers the output or throws AwsError, InvalidPattern or InvalidSchedule. */
export function eventOperations(router: Router): Record<string, (input: Input) => unknown> {
  const { rules } = router;
  const bus = (input: Input) => rules.busName(text(input, 'EventBusName'));
  const get = (input: Input, key = 'Name') => rules.get(bus(input), text(input, key) ?? '');
  const switchTo = (input: Input, state: Rule['state']) => {
    const { arn: _, declared: _declared, ...definition } = get(input);
    router.schedule(rules.put({ ...definition, state }, 'api'));
    return {};
  };
  return {
    PutEvents: (input) => putEvents(router, input),
    TestEventPattern: (input) => ({ Result: compilePattern(required(input, 'EventPattern'))(readEvent(required(input, 'Event'))) }),
    ListEventBuses: (input) =>
      page(
        rules.buses().filter(({ Name }) => Name.startsWith(text(input, 'NamePrefix') ?? '')),
        'EventBuses',
        input,
      ),
    DescribeEventBus: (input) => {
      const name = rules.busName(text(input, 'Name'));
      rules.assertBus(name);
      return rules.buses().find((known) => known.Name === name);
    },
    ListRules: (input) => {
      rules.assertBus(bus(input));
      const found = rules.ofBus(bus(input)).filter((rule) => rule.name.startsWith(text(input, 'NamePrefix') ?? ''));
      return page(found.map(describe), 'Rules', input);
    },
    ListRuleNamesByTarget: (input) => {
      const arn = required(input, 'TargetArn');
      const found = rules.ofBus(bus(input)).filter((rule) => rule.targets.some((target) => target.Arn === arn));
      return page(
        found.map((rule) => rule.name),
        'RuleNames',
        input,
      );
    },
    DescribeRule: (input) => describe(get(input)),
    ListTargetsByRule: (input) => page(get(input, 'Rule').targets, 'Targets', input),
    EnableRule: (input) => switchTo(input, 'ENABLED'),
    DisableRule: (input) => switchTo(input, 'DISABLED'),
    PutRule: (input) => putRule(router, input),
    DeleteRule: (input) => {
      const rule = rules.find(bus(input), required(input, 'Name'));
      if (!rule) return {};
      if (rule.targets.length > 0) throw new AwsError(400, 'ValidationException', "Rule can't be deleted since it has targets.");
      rules.remove(rule);
      router.schedule(rule);
      return {};
    },
    PutTargets: (input) => {
      const added = (input['Targets'] ?? []) as Target[];
      for (const target of added) assertTarget(target);
      const rule = get(input, 'Rule');
      return retarget(router, rule, [...rule.targets.filter(({ Id }) => !added.some((target) => target.Id === Id)), ...added]);
    },
    RemoveTargets: (input) => {
      const ids = (input['Ids'] ?? []) as string[];
      const rule = get(input, 'Rule');
      return retarget(
        router,
        rule,
        rule.targets.filter(({ Id }) => !ids.includes(Id)),
      );
    },
  };
}

function putRule(router: Router, input: Input): unknown {
  const { rules } = router;
  const bus = rules.busName(text(input, 'EventBusName'));
  const [name, pattern, schedule, description, roleArn] = ['Name', 'EventPattern', 'ScheduleExpression', 'Description', 'RoleArn'].map(
    (key) => text(input, key),
  );
  if (!name || !/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) throw new AwsError(400, 'ValidationException', 'Parameter Name is not valid.');
  if (!pattern && !schedule)
    throw new AwsError(400, 'ValidationException', 'Parameter(s) EventPattern or ScheduleExpression must be specified.');
  if (schedule) {
    if (bus !== 'default') throw new AwsError(400, 'ValidationException', 'ScheduleExpression is supported only on the default event bus.');
    if (parseSchedule(schedule).kind === 'at') throw new InvalidSchedule('Parameter ScheduleExpression is not valid.');
  }
  const rule = rules.put(
    {
      name,
      bus,
      state: text(input, 'State') === 'DISABLED' ? 'DISABLED' : 'ENABLED',
      targets: rules.find(bus, name)?.targets ?? [],
      ...(pattern ? { pattern } : {}),
      ...(schedule ? { schedule } : {}),
      ...(description ? { description } : {}),
      ...(roleArn ? { roleArn } : {}),
    },
    'api',
  );
  router.schedule(rule);
  return { RuleArn: rule.arn };
}

function retarget(router: Router, rule: Rule, targets: Target[]): unknown {
  if (targets.length > 5)
    throw new AwsError(400, 'LimitExceededException', 'The requested resource exceeds the maximum number allowed: 5 targets.');
  const { arn: _, declared: _declared, ...definition } = rule;
  router.schedule(router.rules.put({ ...definition, targets }, 'api'));
  return { FailedEntryCount: 0, FailedEntries: [] };
}

function describe(rule: Rule): Record<string, unknown> {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.pattern,
    ScheduleExpression: rule.schedule,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: rule.bus,
  };
}

/** Stricter than the service in one point: an entry for a bus that does not exist fails, where the service may accept and drop it. */
function putEvents(router: Router, input: Input): unknown {
  const entries = input['Entries'] as PutEventsEntry[] | undefined;
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > MOST_ENTRIES) {
    const wanted = `Member must have length ${entries?.length ? 'less than or equal to 10' : 'greater than or equal to 1'}`;
    throw new AwsError(
      400,
      'ValidationException',
      `1 validation error detected: Value at 'entries' failed to satisfy constraint: ${wanted}`,
    );
  }
  if (!entries.every(isEntry)) throw new AwsError(400, 'SerializationException', 'An entry of Entries has a field of the wrong type.');
  if (entries.reduce((sum, entry) => sum + entrySize(entry), 0) > MOST_BYTES) {
    throw new AwsError(400, 'ValidationException', 'Total size of the entries in the request is over the limit.');
  }
  const accepted: { event: EventEnvelope; bus: string }[] = [];
  const results = entries.map((entry) => {
    const bus = router.rules.busName(entry.EventBusName);
    const [ErrorCode, ErrorMessage] = entryProblem(router, entry, bus);
    if (ErrorCode) return { ErrorCode, ErrorMessage };
    const time = entry.Time === undefined ? undefined : typeof entry.Time === 'number' ? entry.Time * 1000 : Date.parse(entry.Time);
    const resources = entry.Resources ?? [];
    const event = router.envelope(
      { source: entry.Source!, detailType: entry.DetailType!, detail: JSON.parse(entry.Detail!), resources },
      time,
    );
    accepted.push({ event, bus });
    return { EventId: event.id };
  });
  router.accept(accepted);
  return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
}

function isEntry(entry: unknown): entry is PutEventsEntry {
  if (typeof entry !== 'object' || entry === null) return false;
  const { Resources: resources = [], Time: _, ...texts } = entry as PutEventsEntry;
  return Array.isArray(resources) && [...resources, ...Object.values(texts)].every((value) => typeof value === 'string');
}

function entryProblem(router: Router, entry: PutEventsEntry, bus: string): [code?: string, message?: string] {
  for (const key of ['Source', 'DetailType', 'Detail'] as const) {
    if (!entry[key]) return ['InvalidArgument', `Parameter ${key} is not valid. Reason: ${key} is a required argument.`];
  }
  if (/^aws\./i.test(entry.Source!)) return ['NotAuthorizedForSource', 'Not authorized for the source.'];
  if (entry.Time !== undefined && Number.isNaN(new Date(entry.Time).getTime())) return ['InvalidArgument', 'Parameter Time is not valid.'];
  let detail: unknown;
  try {
    detail = JSON.parse(entry.Detail!);
  } catch {
    return ['MalformedDetail', 'Detail is malformed.'];
  }
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return ['MalformedDetail', 'Detail is malformed.'];
  if (!router.rules.hasBus(bus)) return ['ResourceNotFoundException', `Event bus ${bus} does not exist.`];
  return [];
}

/** As the service counts: 14 bytes for a time, and the UTF-8 length of everything else. */
function entrySize(entry: PutEventsEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  return texts.reduce((sum, value) => sum + Buffer.byteLength(value ?? ''), entry.Time === undefined ? 0 : 14);
}

function readEvent(event: string): unknown {
  try {
    return JSON.parse(event) as unknown;
  } catch {
    throw new InvalidPattern('Event is not valid JSON.');
  }
}

function page(items: unknown[], key: string, input: Input): Record<string, unknown> {
  const start = Number(Buffer.from(text(input, 'NextToken') ?? '', 'base64').toString() || 0);
  const limit = typeof input['Limit'] === 'number' ? input['Limit'] : 100;
  const NextToken = start + limit < items.length ? Buffer.from(String(start + limit)).toString('base64') : undefined;
  return { [key]: items.slice(start, start + limit), NextToken };
}

function text(input: Input, key: string): string | undefined {
  const value = input[key];
  if (value !== undefined && value !== null && typeof value !== 'string')
    throw new AwsError(400, 'SerializationException', `${key} must be a string.`);
  return value ?? undefined;
}

function required(input: Input, key: string): string {
  const value = text(input, key);
  if (!value) throw new AwsError(400, 'ValidationException', `Parameter ${key} is required.`);
  return value;
}
