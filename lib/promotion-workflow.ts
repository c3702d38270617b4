import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { FunctionGroup } from './function-group.ts';

export interface PromotionWorkflowProps {
  gates: FunctionGroup;
  begin: FunctionGroup;
  copy: FunctionGroup;
  rollout: FunctionGroup;
}

/** The promotion state machine, from its file. It may invoke its four functions and nothing else. */
export class PromotionWorkflow extends Construct {
  readonly machine: StateMachine;

  constructor(scope: Construct, id: string, props: PromotionWorkflowProps) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com'), description: 'Runs promotions' });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [props.gates, props.begin, props.copy, props.rollout].map((group) => group.lambda.functionArn),
      }),
    );
    const logs = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN,
      logGroupName: '/aws/vendedlogs/states/greenlight-promotion',
    });
    this.machine = new StateMachine(this, 'Machine', {
      definitionBody: DefinitionBody.fromFile(join(import.meta.dirname, '..', 'statemachines', 'promotion.asl.json')),
      definitionSubstitutions: {
        gates_function: props.gates.lambda.functionArn,
        begin_function: props.begin.lambda.functionArn,
        copy_function: props.copy.lambda.functionArn,
        rollout_function: props.rollout.lambda.functionArn,
      },
      stateMachineType: StateMachineType.STANDARD,
      role,
      // Execution data would carry task tokens into the log.
      logs: { destination: logs, level: LogLevel.ALL, includeExecutionData: false },
      tracingEnabled: true,
      // Longest deadline of an approval (30 days) and what comes before and after it.
      timeout: Duration.days(60),
    });
  }
}
