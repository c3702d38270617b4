import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createEventBridge, type EventBridge } from '../../../local/eventbridge/eventbridge.ts';
import type { EventBridgeOptions } from '../../../local/eventbridge/target.ts';
import type { ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext, type TestContextOptions } from '../context.ts';

const LAMBDA = 'arn:aws:lambda:eu-central-1:000000000000:function:f';
const QUEUE = 'arn:aws:sqs:eu-central-1:000000000000:q';
const DEAD = 'arn:aws:sqs:eu-central-1:000000000000:dead';
const MACHINE = 'arn:aws:states:eu-central-1:000000000000:stateMachine:m';
const ROLE = 'arn:aws:iam::000000000000:role/r';

interface World {
  context: TestContext;
  service: EventBridge;
  received: { arn: string; body: unknown; at: number }[];
  call(operation: string, input: object): Promise<{ status: number; body: Record<string, unknown> }>;
  declare(type: string, properties: object, logicalId?: string): Promise<{ ref: string; attributes?: Record<string, string> }>;
}

const open: World[] = [];
afterEach(async () => {
  const worlds = open.splice(0);
  for (const { service, context } of worlds) {
    await service.close?.();
    await context.stop();
  }
  for (const { context } of worlds) rmSync(context.data, { recursive: true, force: true });
});

function world(options: { fail?: (arn: string) => boolean; context?: TestContextOptions; bridge?: EventBridgeOptions } = {}): World {
  // Time passes when it is moved, and hardly otherwise.
  const context = makeContext('eventbridge', { scale: 1_000, ...options.context });
  const received: World['received'] = [];
  const receive = async (arn: string, body: unknown) => {
    if (options.fail?.(arn)) throw new Error('target is away');
    received.push({ arn, body, at: context.clock.now() });
  };
  const targets = { invokeLambda: receive, sendToQueue: receive, startExecution: receive, publishToTopic: receive };
  const service = createEventBridge(context, targets, options.bridge);
  const made: World = {
    context,
    service,
    received,
    async call(operation, input) {
      const answer = await service.handle(request(operation, input));
      return { status: answer.status, body: JSON.parse(String(answer.body)) as Record<string, unknown> };
    },
    declare: (type, properties, logicalId = 'Thing') =>
      service.resources[type]!({ type, properties, logicalId, stack: 's', defaultName: `s-${logicalId}`, assembly: '' } as ResourceRequest),
  };
  open.push(made);
  return made;
}

function request(operation: string, input: object): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `AWSEvents.${operation}` },
    body: Buffer.from(JSON.stringify(input)),
    caller: { kind: 'admin', accessKeyId: 'a' },
    requestId: 'r',
    presigned: false,
  };
}

const put = (detail: object, bus?: string) => ({
  Entries: [{ Source: 'app', DetailType: 'happened', Detail: JSON.stringify(detail), ...(bus ? { EventBusName: bus } : {}) }],
});
const rule = (target: object, more: object = {}) => ({ EventPattern: { source: ['app'] }, Targets: [{ Id: 't', ...target }], ...more });

describe('events', () => {
  it('reach the targets of the rules that match, on their bus only', async () => {
    const { declare, call, service, received, context } = world();
    await declare('AWS::Events::EventBus', { Name: 'own' });
    await declare('AWS::Events::Rule', rule({ Arn: LAMBDA }, { EventBusName: 'own' }), 'Own');
    await declare('AWS::Events::Rule', rule({ Arn: QUEUE, InputPath: '$.detail' }), 'Default');
    await service.start?.();
    expect(await call('PutEvents', put({ n: 1 }, 'own'))).toMatchObject({ status: 200, body: { FailedEntryCount: 0 } });
    await context.clock.advance(0);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      arn: LAMBDA,
      body: { version: '0', source: 'app', 'detail-type': 'happened', account: '000000000000', region: 'eu-central-1', detail: { n: 1 } },
    });
    expect((received[0]!.body as { time: string }).time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await service.emit({ source: 'app', detailType: 'x', detail: { n: 2 } });
    await context.clock.advance(0);
    expect(received[1]).toMatchObject({ arn: QUEUE, body: '{"n":2}' });
  });

  it('fail per entry, and as a whole above the limits', async () => {
    const { call } = world();
    const { body } = await call('PutEvents', {
      Entries: [
        { Source: 'app', DetailType: 'x', Detail: '[]' },
        { Source: 'aws.s3', DetailType: 'x', Detail: '{}' },
        { Source: 'app', Detail: '{}' },
        { Source: 'app', DetailType: 'x', Detail: '{}', EventBusName: 'none' },
        { Source: 'app', DetailType: 'x', Detail: '{}' },
      ],
    });
    expect(body['FailedEntryCount']).toBe(4);
    expect((body['Entries'] as { ErrorCode?: string }[]).map((entry) => entry.ErrorCode)).toEqual([
      'MalformedDetail',
      'NotAuthorizedForSource',
      'InvalidArgument',
      'ResourceNotFoundException',
      undefined,
    ]);
    expect((await call('PutEvents', { Entries: [] })).body['__type']).toBe('ValidationException');
    expect((await call('PutEvents', put({ big: 'x'.repeat(256 * 1024) }))).body['__type']).toBe('ValidationException');
    expect((await call('PutEvents', { Entries: [null] })).body['__type']).toBe('SerializationException');
    expect((await call('CreateArchive', {})).body['__type']).toBe('UnknownOperationException');
  });

  it('survive a kill between acceptance and delivery', async () => {
    const first = world({ fail: () => true });
    await first.declare('AWS::Events::Rule', rule({ Arn: LAMBDA }));
    // Never started: accepted, on disk, not delivered. The first process is not closed.
    await first.call('PutEvents', put({ n: 1 }));
    const second = world({ context: { data: first.context.data } });
    await second.declare('AWS::Events::Rule', rule({ Arn: LAMBDA }));
    await second.service.start?.();
    await second.context.clock.advance(0);
    expect(second.received).toMatchObject([{ arn: LAMBDA, body: { detail: { n: 1 } } }]);
    const third = world({ context: { data: first.context.data } });
    await third.service.start?.();
    await third.context.clock.advance(0);
    expect(third.received).toEqual([]);
  });

  it('are retried with back-off, then go to the dead letters', async () => {
    let away = 2;
    const flaky = world({ fail: () => away-- > 0 });
    await flaky.declare('AWS::Events::Rule', rule({ Arn: LAMBDA }));
    await flaky.service.start?.();
    await flaky.call('PutEvents', put({ n: 1 }));
    await flaky.context.clock.advance(10_000);
    expect(flaky.received).toHaveLength(1);

    const dead = world({ fail: (arn) => arn === LAMBDA });
    const policy = { RetryPolicy: { MaximumRetryAttempts: 2 }, DeadLetterConfig: { Arn: DEAD } };
    await dead.declare('AWS::Events::Rule', rule({ Arn: LAMBDA, ...policy }));
    await dead.service.start?.();
    await dead.call('PutEvents', put({ n: 1 }));
    await dead.context.clock.advance(0);
    expect(dead.received).toEqual([]);
    await dead.context.clock.advance(60_000);
    expect(dead.received.map(({ arn }) => arn)).toEqual([DEAD]);
  });

  it('reach functions only with a permission, and role targets only if the role may', async () => {
    const seen: string[] = [];
    const { declare, call, service, received, context } = world({
      bridge: { permitted: (...asked) => seen.push(asked.join(' ')) < 0 },
      context: {
        allowed: async (caller, check) => caller.roleArn === ROLE && check.action === 'states:StartExecution' && check.resource === MACHINE,
      },
    });
    const { attributes } = await declare('AWS::Events::Rule', {
      EventPattern: { source: ['app'] },
      Targets: [
        { Id: 'f', Arn: LAMBDA, DeadLetterConfig: { Arn: DEAD } },
        { Id: 'm', Arn: MACHINE, RoleArn: ROLE },
      ],
    });
    await service.start?.();
    await call('PutEvents', put({ n: 1 }));
    await context.clock.advance(0);
    expect(received.map(({ arn }) => arn).sort()).toEqual([DEAD, MACHINE]);
    expect(seen).toEqual([`${LAMBDA} events.amazonaws.com ${attributes!['Arn']}`]);
  });

  it('pass from bus to bus, but to no third', async () => {
    const { declare, call, service, received, context } = world();
    const a = await declare('AWS::Events::EventBus', { Name: 'a' }, 'A');
    const b = await declare('AWS::Events::EventBus', { Name: 'b' }, 'B');
    await declare('AWS::Events::Rule', rule({ Arn: b.attributes!['Arn'], RoleArn: ROLE }, { EventBusName: 'a' }), 'AToB');
    await declare('AWS::Events::Rule', rule({ Arn: a.attributes!['Arn'], RoleArn: ROLE }, { EventBusName: 'b' }), 'BToA');
    await declare('AWS::Events::Rule', rule({ Arn: LAMBDA }, { EventBusName: 'b' }), 'OnB');
    await service.start?.();
    await call('PutEvents', put({ n: 1 }, 'a'));
    await context.clock.advance(0);
    expect(received.map(({ arn }) => arn)).toEqual([LAMBDA]);
  });
});

describe('rules', () => {
  it('are listed and described, disabled and enabled, and stay disabled over a restart', async () => {
    const first = world();
    const { ref, attributes } = await first.declare('AWS::Events::Rule', rule({ Arn: LAMBDA }));
    expect(ref).toBe('s-Thing');
    expect(attributes).toEqual({ Arn: 'arn:aws:events:eu-central-1:000000000000:rule/s-Thing' });
    expect((await first.call('ListRules', {})).body['Rules']).toMatchObject([
      { Name: 's-Thing', State: 'ENABLED', EventBusName: 'default' },
    ]);
    expect((await first.call('ListTargetsByRule', { Rule: 's-Thing' })).body['Targets']).toEqual([{ Id: 't', Arn: LAMBDA }]);
    expect((await first.call('DescribeRule', { Name: 'none' })).body['__type']).toBe('ResourceNotFoundException');
    await first.call('DisableRule', { Name: 's-Thing' });
    const second = world({ context: { data: first.context.data } });
    await second.declare('AWS::Events::Rule', rule({ Arn: LAMBDA }));
    expect((await second.call('DescribeRule', { Name: 's-Thing' })).body['State']).toBe('DISABLED');
    const third = world({ context: { data: first.context.data } });
    await third.service.start?.();
    expect((await third.call('ListRules', {})).body['Rules']).toEqual([]);
  });

  it('refuse targets and properties that the local cloud does not reach, by name', async () => {
    const { declare } = world();
    await expect(declare('AWS::Events::Rule', rule({ Arn: 'arn:aws:ecs:eu-central-1:000000000000:cluster/c' }))).rejects.toThrow(
      'cluster/c',
    );
    await expect(declare('AWS::Events::Rule', rule({ Arn: QUEUE, HttpParameters: {} }))).rejects.toThrow('HttpParameters');
    await expect(declare('AWS::Events::Rule', rule({ Arn: MACHINE }))).rejects.toThrow('RoleArn');
    await expect(declare('AWS::Events::EventBus', { Name: 'x', EventSourceName: 'y' })).rejects.toThrow('EventSourceName');
  });

  it('name what IAM must allow', async () => {
    const { service } = world();
    const entries = [put({}).Entries[0]!, put({}).Entries[0]!, put({}, 'own').Entries[0]!];
    const context = { 'events:source': 'app', 'events:detail-type': 'happened' };
    const arn = 'arn:aws:events:eu-central-1:000000000000';
    expect(await service.checks(request('PutEvents', { Entries: entries }))).toEqual([
      { action: 'events:PutEvents', resource: `${arn}:event-bus/default`, context },
      { action: 'events:PutEvents', resource: `${arn}:event-bus/own`, context },
    ]);
    expect(await service.checks(request('DisableRule', { Name: 'x', EventBusName: 'own' }))).toEqual([
      { action: 'events:DisableRule', resource: `${arn}:rule/own/x` },
    ]);
  });
});

describe('schedules', () => {
  const every = (expression: string) => ({ ScheduleExpression: expression, Targets: [{ Id: 't', Arn: LAMBDA }] });

  it('fire a rate from the creation of the rule on, at most once per virtual hour while the clock advances', async () => {
    const { declare, service, received, context } = world();
    const created = context.clock.now();
    await declare('AWS::Events::Rule', every('rate(5 minutes)'));
    await service.start?.();
    await context.clock.advance(4 * 60_000);
    expect(received).toEqual([]);
    await context.clock.advance(7 * 60_000);
    expect(received).toHaveLength(1);
    // Due at 5 and at 10 minutes, jumped to 11: the last one within the hour fires, so that it sees all that came due before.
    expect(received[0]!.at - created).toBeGreaterThanOrEqual(10 * 60_000);
    expect(received[0]!.at - created).toBeLessThan(10 * 60_000 + 2_000);
    expect(received[0]!.body).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
    await context.clock.advance(24 * 3_600_000);
    const gaps = received.slice(1).map(({ at }, index) => at - received[index]!.at);
    expect(received.length).toBeGreaterThanOrEqual(24);
    expect(received.length).toBeLessThanOrEqual(25);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3_600_000 - 2_000);
  });

  it('keep their phase over a restart and fire once for what was missed', async () => {
    const first = world();
    const created = first.context.clock.now();
    await first.declare('AWS::Events::Rule', every('rate(10 minutes)'));
    await first.service.start?.();
    await first.service.close?.();
    // Down for 35 minutes: the clock moves, the service does not run.
    await first.context.clock.advance(35 * 60_000);
    await first.context.stop();
    const second = world({ context: { data: first.context.data } });
    await second.declare('AWS::Events::Rule', every('rate(10 minutes)'));
    await second.service.start?.();
    await expect.poll(() => second.received.length, { timeout: 60_000 }).toBe(1);
    await second.context.clock.advance(60 * 60_000 + 5 * 60_000 + 1_000);
    expect(second.received.length).toBeGreaterThan(1);
    expect((second.received[1]!.at - created) % (10 * 60_000)).toBeLessThan(2_000);
  });

  it('go back to their own pace once the clock has advanced', async () => {
    const { declare, service, received, context } = world({ context: { scale: 0.001 } });
    await declare('AWS::Events::Rule', every('rate(1 minute)'));
    await service.start?.();
    await context.clock.advance(3 * 3_600_000);
    const advanced = received.length;
    expect(advanced).toBeGreaterThanOrEqual(3);
    // A minute lasts 60 ms here; at the hourly pace each firing would be 3.6 s away from the one before.
    await expect.poll(() => received.length - advanced, { timeout: 14_000 }).toBeGreaterThan(4);
  });

  it('stop with the rule and start again with it', async () => {
    const { declare, call, service, received, context } = world();
    await declare('AWS::Events::Rule', every('rate(5 minutes)'));
    await service.start?.();
    await call('DisableRule', { Name: 's-Thing' });
    await context.clock.advance(3_600_000);
    expect(received).toEqual([]);
    await call('EnableRule', { Name: 's-Thing' });
    await context.clock.advance(6 * 60_000);
    expect(received).toHaveLength(1);
  });

  it('of Scheduler follow their zone and need their role', async () => {
    const { declare, service, received, context } = world({ context: { allowed: async (caller) => caller.roleArn === ROLE } });
    const { attributes } = await declare('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 9 * * ? *)',
      ScheduleExpressionTimezone: 'America/New_York',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: QUEUE, RoleArn: ROLE, Input: '{"at":"<aws.scheduler.scheduled-time>"}' },
    });
    await service.start?.();
    // On two days of the year nine o'clock comes after 23 or after 25 hours.
    await context.clock.advance(26 * 3_600_000);
    expect(received.length).toBeGreaterThan(0);
    for (const { body } of received) {
      const local = new Date(JSON.parse(String(body)).at).toLocaleTimeString('en-GB', { timeZone: 'America/New_York' });
      expect(local).toBe('09:00:00');
    }
    const answer = await service.handle({
      ...request('', {}),
      method: 'GET',
      url: new URL('http://127.0.0.1/schedules/s-Thing'),
      headers: {},
    });
    expect(JSON.parse(String(answer.body))).toMatchObject({ Arn: attributes!['Arn'], ScheduleExpressionTimezone: 'America/New_York' });
  });
});
