import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../core/environment/variables.ts';
import type { FunctionGroup } from './function-group.ts';
import type { FunctionName } from './functions.ts';
import type { PromotionWorkflow } from './promotion-workflow.ts';

export interface AlarmsProps {
  groups: Record<FunctionName, FunctionGroup>;
  workflow: PromotionWorkflow;
  failures: Queue;
}

/** Functions that nobody waits for: their failure would go unseen. */
const SILENT: readonly FunctionName[] = ['wake', 'deliver', 'dispatch', 'seal', 'attest', 'guard', 'reconcile', 'adopt', 'build'];

/** What can fail silently, each with the runbook section that says what to do. */
export class Alarms extends Construct {
  private readonly topic: Topic;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const key = new Key(this, 'Key', { description: 'Encrypts alarm messages', enableKeyRotation: true });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    this.topic = new Topic(this, 'Topic', { displayName: 'Greenlight alarms', masterKey: key, enforceSSL: true });
    for (const name of SILENT) {
      const metric = props.groups[name].lambda.metricErrors({ period: Duration.minutes(5), statistic: 'Sum' });
      this.alarm(`${name}Failing`, metric, 3, `${name} fails again and again`, `function-${name}`);
    }
    this.watchLog();
    this.alarm(
      'Undelivered',
      props.failures.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) }),
      1,
      'Deliveries were given up',
      'undelivered',
    );
    this.alarm(
      'RunsTimedOut',
      props.workflow.machine.metricTimedOut({ period: Duration.minutes(5) }),
      1,
      'A promotion ran into its time-out',
      'runs-timed-out',
    );
    this.alarm(
      'RunsAborted',
      props.workflow.machine.metricAborted({ period: Duration.minutes(5) }),
      1,
      'A promotion was stopped from outside',
      'runs-aborted',
    );
  }

  /** The log: how far sealing lags behind, that the sealer has stopped itself, and what the guard finds. */
  private watchLog(): void {
    const metric = (metricName: string, period: Duration) =>
      new Metric({ namespace: METRICS_NAMESPACE, metricName, period, statistic: 'Maximum' });
    const [soon, hourly] = [Duration.minutes(5), Duration.hours(1)];
    // The sealer runs every minute: no number at all means that it does not.
    this.alarm('SealingLags', metric('SealingLag', soon), 300, 'Events wait for more than five minutes to be sealed', 'sealing-lags', true);
    this.alarm('SealerHalted', metric('SealerHalted', soon), 1, 'The log is not as the sealer left it', 'sealer-halted');
    this.alarm('EventPoisoned', metric('PoisonedEvents', soon), 1, 'An event cannot be sealed', 'event-poisoned');
    this.alarm('LogNotWhole', metric('LogNotWhole', hourly), 1, 'Objects of the log are missing or were written over', 'log-not-whole');
    this.alarm('LogNotLocked', metric('LogNotLocked', hourly), 1, 'The lock of the log was changed', 'log-not-locked');
  }

  /** `anchor` is a heading of docs/runbook.md; a test checks that it exists. */
  private alarm(id: string, metric: IMetric, threshold: number, what: string, anchor: string, isSilenceBad = false): void {
    const alarm = new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: isSilenceBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      alarmDescription: `${what}. What to do: docs/runbook.md#${anchor}`,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}
