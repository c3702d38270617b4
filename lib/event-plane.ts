import { Duration } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionGroup } from './function-group.ts';
import type { FunctionName } from './functions.ts';

export interface EventPlaneProps {
  table: Table;
}

/** What wakes functions: the table's stream, the clock, and the build service. Everything it delivers may be lost; the minute jobs repair that. */
export class EventPlane extends Construct {
  readonly bus: EventBus;
  /** Deliveries that failed for good. */
  readonly failures: Queue;
  private readonly table: Table;

  constructor(scope: Construct, id: string, props: EventPlaneProps) {
    super(scope, id);
    this.table = props.table;
    this.bus = new EventBus(this, 'Bus', { eventBusName: 'greenlight' });
    this.failures = new Queue(this, 'Failures', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
  }

  /** Inserts of wake, notice and outbox rows. A stream serves two readers well, so notices and events for subscribers go through `wake`, which calls who serves them. */
  wakeOnInsert(groups: Record<FunctionName, FunctionGroup>): void {
    this.onInsert('Wake', groups.wake, ['WAKE#', 'NOTICE#', 'POSTING#']);
    this.onInsert('Seal', groups.seal, ['OUTBOX#']);
    groups.wake.lambda.addEnvironment('DELIVER_FUNCTION', groups.deliver.lambda.functionName);
    groups.wake.lambda.addEnvironment('DISPATCH_FUNCTION', groups.dispatch.lambda.functionName);
    const resources = [groups.deliver.lambda.functionArn, groups.dispatch.lambda.functionArn];
    groups.wake.allow(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources }));
  }

  private onInsert(id: string, group: FunctionGroup, prefixes: string[]): void {
    const patterns = prefixes.map((prefix) => ({
      pattern: JSON.stringify({ eventName: ['INSERT'], dynamodb: { Keys: { PK: { S: [{ prefix }] } } } }),
    }));
    const streamArn = this.table.tableStreamArn!;
    group.allow(
      new PolicyStatement({
        actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        resources: [streamArn],
      }),
      new PolicyStatement({ actions: ['dynamodb:ListStreams'], resources: ['*'] }),
      new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [this.failures.queueArn] }),
    );
    const mapping = new CfnEventSourceMapping(this, `${id}Mapping`, {
      functionName: group.lambda.functionArn,
      eventSourceArn: streamArn,
      startingPosition: 'LATEST',
      batchSize: 100,
      // A minute job does the same work: trying a poisoned record for a day would only block the shard.
      maximumRetryAttempts: 3,
      maximumRecordAgeInSeconds: 120,
      filterCriteria: { filters: patterns },
      destinationConfig: { onFailure: { destination: this.failures.queueArn } },
    });
    mapping.node.addDependency(group);
  }

  everyMinute(groups: Record<FunctionName, FunctionGroup>): void {
    for (const name of ['wake', 'deliver', 'dispatch', 'seal', 'attest', 'reconcile', 'adopt', 'copy'] as const) {
      new Rule(this, `${name}EveryMinute`, {
        schedule: Schedule.rate(Duration.minutes(1)),
        targets: [new LambdaFunction(groups[name].lambda, { retryAttempts: 0, deadLetterQueue: this.failures })],
      });
    }
  }

  /** Soak times are hours and days, and each look reads registries. */
  everyFiveMinutes(group: FunctionGroup): void {
    new Rule(this, 'ProposeEveryFiveMinutes', {
      schedule: Schedule.rate(Duration.minutes(5)),
      targets: [new LambdaFunction(group.lambda, { retryAttempts: 0, deadLetterQueue: this.failures })],
    });
  }

  /** Who looks at the log from outside the sealer. */
  everyHour(group: FunctionGroup): void {
    new Rule(this, 'GuardEveryHour', {
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [new LambdaFunction(group.lambda, { retryAttempts: 2, deadLetterQueue: this.failures })],
    });
  }

  /** Two jobs of one function, ten minutes apart; it reads itself whether there is something to do. */
  retainEveryHour(group: FunctionGroup): void {
    for (const [job, minute] of [
      ['retention', '5'],
      ['lifecycle', '15'],
    ] as const) {
      new Rule(this, `${job}EveryHour`, {
        schedule: Schedule.cron({ minute }),
        targets: [
          new LambdaFunction(group.lambda, {
            event: RuleTargetInput.fromObject({ job }),
            retryAttempts: 0,
            deadLetterQueue: this.failures,
          }),
        ],
      });
    }
  }

  /** Mail that did not arrive, as SES says on the default bus: without this nobody would know that an approver was never asked. */
  onMailReturned(group: FunctionGroup): void {
    new Rule(this, 'MailReturned', {
      eventPattern: {
        source: ['aws.ses'],
        detailType: ['Email Bounced', 'Email Complaint Received', 'Email Rejected'],
        // Set by the mailer: other senders of the account are none of our business.
        detail: { mail: { tags: { 'greenlight-request': [{ exists: true }] } } },
      },
      targets: [new LambdaFunction(group.lambda, { retryAttempts: 10, deadLetterQueue: this.failures })],
    });
  }

  /** Ends of builds on the default bus finish the command gates that started them. */
  onBuildFinished(projectName: string, group: FunctionGroup): void {
    new Rule(this, 'BuildFinished', {
      eventPattern: {
        source: ['aws.codebuild'],
        detailType: ['CodeBuild Build State Change'],
        detail: { 'project-name': [projectName], 'build-status': ['SUCCEEDED', 'FAILED', 'FAULT', 'STOPPED', 'TIMED_OUT'] },
      },
      targets: [new LambdaFunction(group.lambda, { retryAttempts: 10, deadLetterQueue: this.failures })],
    });
  }
}
