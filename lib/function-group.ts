import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { VariableName } from '../core/environment/variables.ts';
import { buildFolder } from './build-folder.ts';
import { type FunctionName, specificationOf } from './functions.ts';

export interface FunctionGroupProps {
  name: FunctionName;
  variables: Partial<Record<VariableName, string>>;
  statements: PolicyStatement[];
  /** A role of the state stack, for the functions that resource policies name. */
  role?: IRole;
}

/** One Lambda with its own role, log group and exactly the statements that it was given. */
export class FunctionGroup extends Construct {
  readonly lambda: LambdaFunction;
  readonly role: IRole;
  private readonly policy: Policy;

  constructor(scope: Construct, id: string, props: FunctionGroupProps) {
    super(scope, id);
    const spec = specificationOf(props.name);
    this.role =
      props.role ?? new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description: spec.description });
    const logGroup = new LogGroup(this, 'Logs', { retention: RetentionDays.ONE_YEAR, removalPolicy: RemovalPolicy.RETAIN });
    this.lambda = new LambdaFunction(this, 'Function', {
      description: spec.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: Code.fromAsset(join(buildFolder(), 'functions', props.name)),
      timeout: Duration.seconds(spec.timeout),
      memorySize: spec.memory,
      role: this.role,
      ...(spec.concurrency === undefined ? {} : { reservedConcurrentExecutions: spec.concurrency }),
      logGroup,
      environment: props.variables as Record<string, string>,
    });
    this.policy = new Policy(this, 'Policy', {
      roles: [this.role],
      statements: [
        new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [`${logGroup.logGroupArn}`] }),
        ...props.statements,
      ],
    });
    this.lambda.node.addDependency(this.policy);
  }

  /** More permissions, in the control plane's stack even where the role is of the state stack. */
  allow(...statements: PolicyStatement[]): void {
    this.policy.addStatements(...statements);
  }

  get stack(): Stack {
    return Stack.of(this);
  }
}
