import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltCopy, buildCopy, type Resource, type Template } from './build-copy.ts';

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: unknown[];
  Condition?: Record<string, Record<string, unknown>>;
  Sid?: string;
}

let copy: BuiltCopy;
let state: Template;
let controlPlane: Template;
let output: string;
beforeAll(async () => {
  copy = await buildCopy();
  ({ state, controlPlane, output } = await copy.synthesize());
}, 240_000);
afterAll(() => copy?.dispose());

const of = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
const everywhere = (type: string) => [...of(state, type), ...of(controlPlane, type)];
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

function statementsOf(document: { Statement: object[] }): Statement[] {
  return (document.Statement as Record<string, unknown>[]).map((statement) => ({
    ...(statement as unknown as Statement),
    Action: list(statement['Action']) as string[],
    Resource: list(statement['Resource']),
  }));
}

/** What roles may do: identity policies with the logical id of their policy. */
function identityStatements(): { policy: string; statement: Statement }[] {
  return everywhere('AWS::IAM::Policy').flatMap(([policy, { Properties }]) =>
    statementsOf(Properties.PolicyDocument).map((statement) => ({ policy, statement })),
  );
}

/** Policies that allow an action, by logical id without its hash. */
function holders(action: RegExp): string[] {
  const found = identityStatements().filter(
    ({ statement }) => statement.Effect === 'Allow' && statement.Action.some((each) => action.test(each)),
  );
  return [...new Set(found.map(({ policy }) => policy.replace(/(Policy|DefaultPolicy)[0-9A-F]{8}$/, '')))].sort();
}

describe('permissions (C60)', () => {
  it('name their actions: no wildcard service, no wildcard action beside the variants of key grants', () => {
    const wide = identityStatements().flatMap(({ policy, statement }) =>
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
    const wide = identityStatements()
      .filter(({ statement }) => statement.Effect === 'Allow' && statement.Resource.includes('*'))
      .flatMap(({ policy, statement }) =>
        statement.Action.filter((action) => !without.test(action)).map((action) => `${policy}: ${action}`),
      );
    expect(wide).toEqual([]);
  });

  it('limit every access to items of the table by the kind of its keys, also where a call names no key', () => {
    const items = /^dynamodb:((Get|Put|Update|Delete|BatchGet|BatchWrite)Item|Query|ConditionCheckItem)/;
    const statements = identityStatements().filter(({ statement }) => statement.Action.some((action) => items.test(action)));
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
      identityStatements()
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

describe('the audit log (C61)', () => {
  it('is locked for two years by default, versioned, private, and kept when its stack goes', () => {
    const logs = of(state, 'AWS::S3::Bucket').filter(([, { Properties }]) => Properties.ObjectLockEnabled === true);
    expect(logs.map(([id]) => id.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual(['AuditVaultLog', 'Receipts']);
    for (const [, { Properties, DeletionPolicy }] of logs) {
      expect(Properties.ObjectLockConfiguration.Rule.DefaultRetention).toEqual({ Days: 731, Mode: { Ref: 'LockMode' } });
      expect(Properties.VersioningConfiguration.Status).toBe('Enabled');
      expect(Object.values(Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
      expect(DeletionPolicy).toBe('Retain');
    }
  });

  it('denies everybody overwriting, deleting, bypassing, expiring, and plain http', () => {
    const statements = of(state, 'AWS::S3::BucketPolicy').flatMap(([, { Properties }]) => statementsOf(Properties.PolicyDocument));
    const denied = statements.filter(({ Effect }) => Effect === 'Deny');
    const deny = (action: string) => denied.find(({ Action }) => Action.includes(action));
    expect(deny('s3:PutObject')!.Condition).toEqual({ Null: { 's3:if-none-match': 'true' } });
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'])
      expect(deny(action)!.Condition).toBeUndefined();
    expect(deny('s3:PutLifecycleConfiguration')).toBeDefined();
    expect(denied.some(({ Condition }) => Condition?.['Bool']?.['aws:SecureTransport'] === 'false')).toBe(true);
    expect(statements.filter(({ Effect }) => Effect === 'Allow')).toEqual([]);
  });

  it('and the links have keys that only their roles use, whatever an identity policy says', () => {
    const denies = of(state, 'AWS::KMS::Key').flatMap(([, { Properties }]) =>
      statementsOf(Properties.KeyPolicy).filter(({ Effect }) => Effect === 'Deny'),
    );
    expect(denies.map(({ Action }) => Action[0]).sort()).toEqual(['kms:GenerateMac', 'kms:Sign', 'kms:Sign', 'kms:VerifyMac']);
    for (const { Condition } of denies) expect(Object.keys(Condition!['ArnNotEquals']!)).toEqual(['aws:PrincipalArn']);
  });
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

it('stays far below the 500 resources that CloudFormation takes per stack', () => {
  const counts = { GreenlightState: Object.keys(state.Resources).length, Greenlight: Object.keys(controlPlane.Resources).length };
  console.log(`resources per stack: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeLessThan(350);
});

it('is clean under cdk-nag, which is part of every synthesis', () => {
  expect(output).not.toMatch(/AwsSolutions-\w+/);
});
