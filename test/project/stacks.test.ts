import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METRICS_NAMESPACE } from '../../core/environment/variables.ts';
import { StateStack } from '../../lib/state-stack.ts';
import { STATE_TABLE } from '../adapters/state/served-table.ts';
import { type BuiltCopy, buildCopy, type Resource, type Template } from './build-copy.ts';
import { identityStatements, list, logFaults, of, statementsOf } from './log-protection.ts';
import { WEAKENED } from './weakened.ts';

let copy: BuiltCopy;
let state: Template;
let controlPlane: Template;
let output: string;
beforeAll(async () => {
  copy = await buildCopy();
  ({ state, controlPlane, output } = await copy.synthesize());
});
afterAll(() => copy?.dispose());

const everywhere = (type: string) => [...of(state, type), ...of(controlPlane, type)];
const allowedByRoles = () => identityStatements({ state, controlPlane });

/** Policies that allow an action, by logical id without its hash. */
function holders(action: RegExp): string[] {
  const found = allowedByRoles().filter(
    ({ statement }) => statement.Effect === 'Allow' && statement.Action.some((each) => action.test(each)),
  );
  return [...new Set(found.map(({ policy }) => policy.replace(/(Policy|DefaultPolicy)[0-9A-F]{8}$/, '')))].sort();
}

describe('permissions (C60)', () => {
  it('name their actions: no wildcard service, no wildcard action beside the variants of key grants', () => {
    const wide = allowedByRoles().flatMap(({ policy, statement }) =>
      statement.Action.filter((action) => action.includes('*') && !/^kms:(GenerateDataKey|ReEncrypt)\*$/.test(action)).map(
        (action) => `${policy}: ${action}`,
      ),
    );
    expect(wide).toEqual([]);
  });

  it('name their resources, but for the actions that take none', () => {
    // SendTask* has no resource type: the token is the authority.
    const without =
      /^(ecr:GetAuthorizationToken$|states:SendTask(Success|Failure|Heartbeat)$|dynamodb:ListStreams|xray:|logs:.*(LogDelivery|LogDeliveries|ResourcePolic(y|ies)|LogGroups))/;
    const wide = allowedByRoles()
      .filter(({ statement }) => statement.Effect === 'Allow' && statement.Resource.includes('*'))
      .flatMap(({ policy, statement }) =>
        statement.Action.filter((action) => !without.test(action)).map((action) => `${policy}: ${action}`),
      );
    expect(wide).toEqual([]);
  });

  it('limit every access to items of the table by the kind of its keys, also where a call names no key', () => {
    const items = /^dynamodb:((Get|Put|Update|Delete|BatchGet|BatchWrite)Item|Query|ConditionCheckItem)/;
    const statements = allowedByRoles().filter(({ statement }) => statement.Action.some((action) => items.test(action)));
    expect(statements.length).toBeGreaterThan(20);
    const unlimited = statements.filter(({ statement }) => {
      const patterns = list(statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']) as string[];
      const named = statement.Condition?.['Null']?.['dynamodb:LeadingKeys'] === 'false';
      return !(named && patterns.length > 0 && patterns.every((pattern) => /^[A-Z]+#\*$/.test(pattern)));
    });
    expect(unlimited).toEqual([]);
  });

  it('let nobody scan or use PartiQL', () => {
    expect(holders(/^dynamodb:(Scan|PartiQL|BatchWriteItem|\*)/)).toEqual([]);
  });

  it.each([
    [/^states:(SendTask|StartExecution)/, ['Wake']],
    [/^states:StopExecution/, []],
    [/^kms:Sign$/, ['AttesterRole', 'SealerRole']],
    [/^s3:PutObject$/, ['Attest', 'AttesterRole', 'SealerRole']],
    [/^s3:(Delete|Bypass|PutObjectRetention|PutObjectLegalHold|PutBucket|PutLifecycle)/, []],
    [/^ses:Send/, ['Deliver']],
    [/^events:PutEvents/, ['Deliver']],
    [/^ecr:(PutImage|UploadLayerPart|InitiateLayerUpload|CompleteLayerUpload)/, ['Copy']],
    [/^ecr:(DeleteRepository|PutImageTagMutability|SetRepositoryPolicy)/, []],
    [/^eks:DescribeCluster/, ['Adopt', 'Retain', 'Rollout']],
    [/^ecr:BatchDeleteImage/, ['Retain']],
    [/^codebuild:StartBuild/, ['Gates']],
    [/^iam:/, []],
  ] as [RegExp, string[]][])('%s is for %j alone', (action, expected) => {
    expect(holders(action)).toEqual(expected);
  });

  it('cut the table so that one function holds each kind of authority', () => {
    const writers = (action: string, kind: string) =>
      allowedByRoles()
        .filter(({ statement }) => statement.Action.includes(action))
        .filter(({ statement }) =>
          (list(statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']) as string[]).includes(`${kind}#*`),
        )
        .map(({ policy }) => policy.replace(/Policy[0-9A-F]{8}$/, ''));
    expect(writers('dynamodb:PutItem', 'DECISION')).toEqual(['Decide']);
    expect(writers('dynamodb:UpdateItem', 'DECISION')).toEqual(['Decide']);
    expect(writers('dynamodb:DeleteItem', 'OUTBOX')).toEqual(['Seal']);
    expect(writers('dynamodb:GetItem', 'TOKEN')).toEqual(['Wake']);
    expect(writers('dynamodb:Query', 'TOKEN')).toEqual([]);
    expect(writers('dynamodb:PutItem', 'LINK')).toEqual(['Deliver']);
  });
});

describe('AUD-13: the audit log (C61)', () => {
  it('is locked, versioned, private, written once, signed by one role, and given up by nobody', () => {
    expect(logFaults({ state, controlPlane })).toEqual([]);
  });

  it('goes to a bucket of another account where one is named, and no deletion goes with it', () => {
    expect(state.Parameters['ReplicaAccount']).toMatchObject({ Default: '' });
    for (const [id, { Properties }] of of(state, 'AWS::S3::Bucket')) {
      const [condition, replication, none] = Properties.ReplicationConfiguration['Fn::If'];
      expect([condition, none], id).toEqual(['HasReplica', { Ref: 'AWS::NoValue' }]);
      expect(replication.Rules, id).toEqual([
        expect.objectContaining({ Status: 'Enabled', Filter: { Prefix: '' }, DeleteMarkerReplication: { Status: 'Disabled' } }),
      ]);
    }
    const replicating = Object.entries(state.Resources).filter(([id]) => id.startsWith('LogReplica'));
    expect(replicating.map(([, resource]) => (resource as { Condition?: string }).Condition)).toEqual(Array(4).fill('HasReplica'));
  });

  it('of production accepts COMPLIANCE alone, and another stage says so', () => {
    const app = new App({ outdir: join(copy.dist, '..', 'production'), context: { stage: 'prod' } });
    new StateStack(app, 'GreenlightState');
    const production = app.synth().getStackByName('GreenlightState').template as Template;
    expect(logFaults({ state: production, controlPlane }, 'prod')).toEqual([]);
    expect(logFaults({ state, controlPlane }, 'prod')).toEqual(['LockMode takes GOVERNANCE']);
    expect(output).toContain('GOVERNANCE mode');
  });

  it.each(['production', 'Prod', ''])('CFG-10: is not synthesized for a stage "%s" that nobody knows', (stage) => {
    const app = new App({ outdir: join(copy.dist, '..', 'unknown'), context: { stage } });
    expect(() => new StateStack(app, 'GreenlightState')).toThrow('write prod, or leave it out');
  });

  it.each(WEAKENED)('is told to be weaker with $what', ({ weaken, fault }) => {
    const stacks = { state: structuredClone(state), controlPlane: structuredClone(controlPlane) };
    weaken(stacks);
    expect(logFaults(stacks)).toContain(fault);
  });

  it('and the links have keys that only their roles use, whatever an identity policy says', () => {
    const denies = of(state, 'AWS::KMS::Key').flatMap(([, { Properties }]) =>
      statementsOf(Properties.KeyPolicy).filter(({ Effect }) => Effect === 'Deny'),
    );
    expect(denies.map(({ Action }) => Action[0]).sort()).toEqual([
      'kms:GenerateMac',
      'kms:ScheduleKeyDeletion',
      'kms:ScheduleKeyDeletion',
      'kms:Sign',
      'kms:Sign',
      'kms:VerifyMac',
    ]);
    for (const { Condition } of denies) expect(Object.keys(Condition!['ArnNotEquals']!)).toEqual(['aws:PrincipalArn']);
  });
});

it('AUD-17: an alarm goes off when events wait for five minutes to be sealed, or when nobody says how long', () => {
  const alarms = of(controlPlane, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  expect(alarms.find(({ MetricName }) => MetricName === 'SealingLag')).toMatchObject({
    Namespace: METRICS_NAMESPACE,
    Threshold: 300,
    Period: 300,
    EvaluationPeriods: 1,
    Statistic: 'Maximum',
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    TreatMissingData: 'breaching',
    AlarmActions: [expect.anything()],
  });
  for (const metric of ['SealerHalted', 'PoisonedEvents', 'LogNotWhole', 'LogNotLocked'])
    expect(alarms.find(({ MetricName }) => MetricName === metric)?.Threshold, metric).toBe(1);
});

describe('the API, the table and what is written down (C62, C63, C65)', () => {
  it('has an access log without query strings, and throttles', () => {
    const [[, { Properties }]] = of(controlPlane, 'AWS::ApiGatewayV2::Stage') as [[string, Resource]];
    expect(Properties.AccessLogSettings.Format).not.toMatch(/querystring|\$context\.path\b|requestOverride/i);
    expect(Properties.DefaultRouteSettings.ThrottlingRateLimit).toBeGreaterThan(0);
  });

  it('has a table with point-in-time recovery, deletion protection and a stream of keys only', () => {
    const [[, { Properties, DeletionPolicy }]] = of(state, 'AWS::DynamoDB::Table') as [[string, Resource]];
    expect(Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(true);
    expect(Properties.DeletionProtectionEnabled).toBe(true);
    expect(Properties.StreamSpecification.StreamViewType).toBe('KEYS_ONLY');
    expect(Properties.SSESpecification.SSEEnabled).toBe(true);
    expect(DeletionPolicy).toBe('Retain');
  });

  it('has the keys and indexes that the tests of its rows work with', () => {
    const [[, { Properties }]] = of(state, 'AWS::DynamoDB::Table') as [[string, Resource]];
    const byName = <Named extends { AttributeName: string }>(attributes: Named[]) =>
      [...attributes].sort((left, right) => (left.AttributeName < right.AttributeName ? -1 : 1));
    expect({ ...Properties, AttributeDefinitions: byName(Properties.AttributeDefinitions) }).toMatchObject({
      ...STATE_TABLE,
      AttributeDefinitions: byName(STATE_TABLE.AttributeDefinitions),
    });
  });

  it('keeps logs for a stated time, and none holds what executions carry: task tokens', () => {
    expect(everywhere('AWS::Logs::LogGroup').filter(([, { Properties }]) => Properties.RetentionInDays === undefined)).toEqual([]);
    const machines = of(controlPlane, 'AWS::StepFunctions::StateMachine');
    expect(machines.length).toBeGreaterThan(0);
    for (const [, { Properties }] of machines) expect(Properties.LoggingConfiguration.IncludeExecutionData).toBe(false);
  });

  it('sends mail without rewriting links', () => {
    for (const [, { Properties }] of of(controlPlane, 'AWS::SES::ConfigurationSet')) expect(Properties.TrackingOptions).toBeUndefined();
    expect(
      of(controlPlane, 'AWS::SES::ConfigurationSetEventDestination').filter(([, { Properties }]) =>
        /"(click|open)"/i.test(JSON.stringify(Properties)),
      ),
    ).toEqual([]);
  });

  it('has a dead-letter queue wherever an event is delivered', () => {
    const targets = of(controlPlane, 'AWS::Events::Rule').flatMap(
      ([, { Properties }]) => list(Properties.Targets) as { DeadLetterConfig?: unknown }[],
    );
    expect(targets.length).toBeGreaterThan(4);
    expect(targets.filter((target) => target.DeadLetterConfig === undefined)).toEqual([]);
    const mappings = of(controlPlane, 'AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(2);
    expect(mappings.filter(([, { Properties }]) => Properties.DestinationConfig?.OnFailure === undefined)).toEqual([]);
  });

  it('gives no function a secret by its environment', () => {
    const values = of(controlPlane, 'AWS::Lambda::Function').flatMap(([name, { Properties }]) =>
      Object.keys(Properties.Environment?.Variables ?? {}).map((variable) => `${name}.${variable}`),
    );
    expect(values.filter((variable) => /SECRET|PASSWORD|TOKEN$|PRIVATE/.test(variable))).toEqual([]);
  });
});

it('makes repositories behind the first environment so that tags of releases are never moved, where they lie in its own account', () => {
  const templates = of(controlPlane, 'AWS::ECR::RepositoryCreationTemplate');
  expect(templates.map(([id, { Properties }]) => [id, Properties.Prefix, Properties.ImageTagMutability])).toEqual([
    ['stagingRepositories', 'ROOT', 'IMMUTABLE_WITH_EXCLUSION'],
    ['prodRepositories', 'ROOT', 'IMMUTABLE_WITH_EXCLUSION'],
  ]);
  for (const [id, { Properties }] of templates) {
    expect(Properties.ImageTagMutabilityExclusionFilters.map((filter: Record<string, string>) => Object.values(filter))).toEqual([
      ['WILDCARD', 'latest-*'],
      ['WILDCARD', 'sha256-*'],
    ]);
    expect((controlPlane.Resources[id] as { Condition?: string }).Condition).toBe(`${id}Own`);
  }
});

it('stays far below the 500 resources that CloudFormation takes per stack', () => {
  const counts = { GreenlightState: Object.keys(state.Resources).length, Greenlight: Object.keys(controlPlane.Resources).length };
  console.log(`resources per stack: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeLessThan(350);
});

it('is clean under cdk-nag, which is part of every synthesis', () => {
  expect(output).not.toMatch(/AwsSolutions-\w+/);
});
