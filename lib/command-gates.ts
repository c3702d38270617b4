import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BuildEnvironmentVariableType, BuildSpec, ComputeType, LinuxArmBuildImage, Project } from 'aws-cdk-lib/aws-codebuild';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { COMMAND_RUNNER } from './command-runner.ts';

/** The build project of command gates. Its buildspec is fixed: it runs our runner, which reads the argv as JSON and starts it without a shell. */
export class CommandGates extends Construct {
  readonly project: Project;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', { retention: RetentionDays.THREE_MONTHS, removalPolicy: RemovalPolicy.DESTROY });
    const key = new Key(this, 'Key', {
      description: 'Encrypts what command gates write',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Its own role, without any access to the table, the keys or the log.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('codebuild.amazonaws.com'), description: 'Runs command gates' });
    this.project = new Project(this, 'Project', {
      description: 'Runs the argv of a command gate without a shell',
      role,
      encryptionKey: key,
      environment: { buildImage: LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0, computeType: ComputeType.SMALL },
      environmentVariables: { GATE_ARGV: { type: BuildEnvironmentVariableType.PLAINTEXT, value: '[]' } },
      timeout: Duration.hours(1),
      queuedTimeout: Duration.minutes(30),
      logging: { cloudWatch: { logGroup } },
      buildSpec: BuildSpec.fromObject({
        version: '0.2',
        env: { 'exported-variables': ['GATE_EXIT', 'GATE_OUTPUT'] },
        phases: { build: { commands: [COMMAND_RUNNER] } },
      }),
    });
  }

  start(): PolicyStatement {
    return new PolicyStatement({ actions: ['codebuild:StartBuild'], resources: [this.project.projectArn] });
  }
}
