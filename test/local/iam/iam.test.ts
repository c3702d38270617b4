import { describe, expect, it } from 'vitest';
import { Clock } from '../../../local/clock.ts';
import { Iam } from '../../../local/iam/iam.ts';
import { Roles } from '../../../local/iam/roles.ts';
import type { Caller, PolicyDocument } from '../../../local/service.ts';

const account = '000000000000';
const table = `arn:aws:dynamodb:us-east-1:${account}:table/app`;
const admin: Caller = { kind: 'admin', accessKeyId: 'a' };

interface Given {
  statements?: unknown[];
  trust?: unknown[];
  managed?: string[];
  resourcePolicies?: Record<string, PolicyDocument>;
}

async function prepare(given: Given): Promise<{ iam: Iam; caller: Caller; roles: Roles; clock: Clock }> {
  const roles = new Roles({ account, partition: 'aws' });
  const lambdaTrust = [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }];
  const made = await roles.resources['AWS::IAM::Role']!({
    stack: 's',
    logicalId: 'Role',
    type: 'AWS::IAM::Role',
    properties: {
      RoleName: 'worker',
      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: given.trust ?? lambdaTrust },
      ManagedPolicyArns: given.managed ?? [],
      Policies: given.statements ? [{ PolicyName: 'own', PolicyDocument: { Version: '2012-10-17', Statement: given.statements } }] : [],
    },
    defaultName: 's-Role',
    assembly: '/',
    asset: () => undefined,
  });
  const clock = new Clock();
  const resourcePolicy = (arn: string): PolicyDocument | undefined => given.resourcePolicies?.[arn];
  const iam = new Iam({ account, region: 'us-east-1', partition: 'aws', clock, roles, resourcePolicy });
  return { iam, roles, clock, caller: { kind: 'role', accessKeyId: 'k', roleArn: made.attributes!.Arn!, functionName: 'decide' } };
}

function policy(...statements: unknown[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

describe('identity policies', () => {
  it('allow what they name', async () => {
    const { iam, caller } = await prepare({ statements: [{ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table }] });
    expect(await iam.decide(caller, { action: 'dynamodb:GetItem', resource: table })).toMatchObject({ decision: 'allowed' });
  });

  it('refuse what they do not name, in the words of AWS', async () => {
    const { iam, caller } = await prepare({ statements: [{ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table }] });
    const decision = await iam.decide(caller, { action: 'dynamodb:PutItem', resource: table });
    expect(decision.decision).toBe('implicitDeny');
    expect(decision.message).toBe(
      `User: arn:aws:sts::${account}:assumed-role/worker/decide is not authorized to perform: dynamodb:PutItem on resource: ${table} ` +
        'because no identity-based policy allows the dynamodb:PutItem action',
    );
  });

  it('refuse explicitly', async () => {
    const { iam, caller } = await prepare({
      statements: [
        { Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' },
        { Effect: 'Deny', Action: 'dynamodb:DeleteItem', Resource: table },
      ],
    });
    const decision = await iam.decide(caller, { action: 'dynamodb:DeleteItem', resource: table });
    expect(decision.decision).toBe('denied');
    expect(decision.message).toContain('with an explicit deny in an identity-based policy');
  });

  it('refuse everything to a role that does not exist', async () => {
    const { iam } = await prepare({});
    const caller: Caller = { kind: 'role', accessKeyId: 'k', roleArn: `arn:aws:iam::${account}:role/ghost`, functionName: 'ghost' };
    expect((await iam.decide(caller, { action: 'dynamodb:GetItem', resource: table })).decision).toBe('implicitDeny');
  });

  it('evaluate actions without a resource', async () => {
    const { iam, caller } = await prepare({ statements: [{ Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' }] });
    expect((await iam.decide(caller, { action: 'ecr:GetAuthorizationToken', resource: '*' })).decision).toBe('allowed');
    expect((await iam.decide(caller, { action: 'states:ListStateMachines', resource: '*' })).decision).toBe('implicitDeny');
  });

  it('do not allow all resources where they name one', async () => {
    const { iam, caller } = await prepare({ statements: [{ Effect: 'Allow', Action: 'dynamodb:Scan', Resource: table }] });
    expect((await iam.decide(caller, { action: 'dynamodb:Scan', resource: '*' })).decision).toBe('implicitDeny');
  });

  it('take a star in an object key for a character', async () => {
    const { iam, caller } = await prepare({ statements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/mine/*' }] });
    expect((await iam.decide(caller, { action: 's3:GetObject', resource: 'arn:aws:s3:::b/*' })).decision).toBe('implicitDeny');
    expect((await iam.decide(caller, { action: 's3:GetObject', resource: 'arn:aws:s3:::b/mine/*?' })).decision).toBe('allowed');
  });

  it('come from managed policies that the table knows', async () => {
    const { iam, caller } = await prepare({ managed: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'] });
    const resource = `arn:aws:logs:us-east-1:${account}:log-group:/aws/lambda/x:log-stream:y`;
    expect((await iam.decide(caller, { action: 'logs:PutLogEvents', resource })).decision).toBe('allowed');
    await expect(prepare({ managed: ['arn:aws:iam::aws:policy/PowerUserAccess'] })).rejects.toThrow(
      'arn:aws:iam::aws:policy/PowerUserAccess',
    );
  });

  it('stop the start when one is malformed', async () => {
    const { iam } = await prepare({ statements: [{ Effect: 'Permit', Action: 'dynamodb:GetItem', Resource: table }] });
    await expect(iam.verifyPolicies()).rejects.toThrow(/worker.*own/);
  });
});

describe('leading keys', () => {
  const statements = [
    {
      Effect: 'Allow',
      Action: ['dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:Scan'],
      Resource: table,
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['REQ#*', 'OUTBOX#*'] },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    },
  ];
  const put = (...keys: string[]) => ({ action: 'dynamodb:PutItem', resource: table, context: { 'dynamodb:LeadingKeys': keys } });

  it('allow the kinds that the policy lists', async () => {
    const { iam, caller } = await prepare({ statements });
    expect((await iam.decide(caller, put('REQ#1'))).decision).toBe('allowed');
    expect((await iam.decide(caller, put('REQ#1', 'OUTBOX#2'))).decision).toBe('allowed');
  });

  it('refuse when one of several keys is of another kind', async () => {
    const { iam, caller } = await prepare({ statements });
    expect((await iam.decide(caller, put('REQ#1', 'DECISION#1'))).decision).toBe('implicitDeny');
    expect((await iam.decide(caller, put('DECISION#1'))).decision).toBe('implicitDeny');
  });

  it('refuse a request without keys, which ForAllValues alone would pass', async () => {
    const { iam, caller } = await prepare({ statements });
    expect((await iam.decide(caller, { action: 'dynamodb:Scan', resource: table })).decision).toBe('implicitDeny');
    const open = await prepare({
      statements: [{ ...statements[0], Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['REQ#*'] } } }],
    });
    expect((await open.iam.decide(open.caller, { action: 'dynamodb:Query', resource: table })).decision).toBe('allowed');
  });

  it('hold for ForAnyValue as soon as one key matches', async () => {
    const { iam, caller } = await prepare({
      statements: [{ ...statements[0], Condition: { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': ['REQ#1'] } } }],
    });
    expect((await iam.decide(caller, put('REQ#1', 'X'))).decision).toBe('allowed');
    expect((await iam.decide(caller, put('X'))).decision).toBe('implicitDeny');
  });

  it('accept a single key given as text', async () => {
    const { iam, caller } = await prepare({ statements });
    const check = { action: 'dynamodb:PutItem', resource: table, context: { 'dynamodb:LeadingKeys': 'REQ#1' } };
    expect((await iam.decide(caller, check)).decision).toBe('allowed');
  });

  it('are told apart by the cache', async () => {
    const { iam, caller } = await prepare({ statements });
    for (let round = 0; round < 2; round++) {
      expect((await iam.decide(caller, put('REQ#1'))).decision).toBe('allowed');
      expect((await iam.decide(caller, put('TOKEN#1'))).decision).toBe('implicitDeny');
    }
  });
});

describe('resource policies', () => {
  const bucket = 'arn:aws:s3:::locked';
  const deny = policy({ Effect: 'Deny', Principal: '*', Action: 's3:DeleteBucket', Resource: bucket });

  it('of the same account allow alone', async () => {
    const roleArn = `arn:aws:iam::${account}:role/worker`;
    const resourcePolicies = {
      [bucket]: policy({ Effect: 'Allow', Principal: { AWS: roleArn }, Action: 's3:ListBucket', Resource: bucket }),
    };
    const { iam, caller } = await prepare({ resourcePolicies });
    expect((await iam.decide(caller, { action: 's3:ListBucket', resource: bucket })).decision).toBe('allowed');
  });

  it('deny the administrator too', async () => {
    const { iam } = await prepare({ resourcePolicies: { [bucket]: deny } });
    const decision = await iam.decide(admin, { action: 's3:DeleteBucket', resource: bucket });
    expect(decision.decision).toBe('denied');
    expect(decision.message).toContain('with an explicit deny in a resource-based policy');
    expect((await iam.decide(admin, { action: 's3:ListBucket', resource: bucket })).decision).toBe('allowed');
  });

  it('of another account are needed besides the identity policy', async () => {
    const foreign = 'arn:aws:ecr:us-east-1:111111111111:repository/app';
    const statements = [{ Effect: 'Allow', Action: 'ecr:PutImage', Resource: '*' }];
    const closed = await prepare({ statements });
    const refused = await closed.iam.decide(closed.caller, { action: 'ecr:PutImage', resource: foreign });
    expect(refused.decision).toBe('implicitDeny');
    expect(refused.message).toContain('because no resource-based policy allows the ecr:PutImage action');
    const grant = policy({ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'ecr:PutImage', Resource: '*' });
    const open = await prepare({ statements, resourcePolicies: { [foreign]: grant } });
    expect((await open.iam.decide(open.caller, { action: 'ecr:PutImage', resource: foreign })).decision).toBe('allowed');
    const withoutIdentity = await prepare({ resourcePolicies: { [foreign]: grant } });
    expect((await withoutIdentity.iam.decide(withoutIdentity.caller, { action: 'ecr:PutImage', resource: foreign })).decision).toBe(
      'implicitDeny',
    );
  });

  it('of a key decide whether identity policies count', async () => {
    const key = `arn:aws:kms:us-east-1:${account}:key/11111111-1111-1111-1111-111111111111`;
    const statements = [{ Effect: 'Allow', Action: 'kms:Sign', Resource: key }];
    const root = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' };
    const trusting = await prepare({ statements, resourcePolicies: { [key]: policy(root) } });
    expect((await trusting.iam.decide(trusting.caller, { action: 'kms:Sign', resource: key })).decision).toBe('allowed');
    const closed = await prepare({ statements, resourcePolicies: { [key]: policy({ ...root, Action: 'kms:DescribeKey' }) } });
    expect((await closed.iam.decide(closed.caller, { action: 'kms:Sign', resource: key })).decision).toBe('implicitDeny');
  });

  it('see the role through aws:PrincipalArn', async () => {
    const others = policy({
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:PutObject',
      Resource: `${bucket}/*`,
      Condition: { ArnNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${account}:role/worker` } },
    });
    const object = `${bucket}/x`;
    const given = { statements: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }], resourcePolicies: { [object]: others } };
    const { iam, caller } = await prepare(given);
    expect((await iam.decide(caller, { action: 's3:PutObject', resource: object })).decision).toBe('allowed');
    expect((await iam.decide(admin, { action: 's3:PutObject', resource: object })).decision).toBe('denied');
  });

  it('count every request as sent over TLS', async () => {
    const tls = policy({
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: bucket,
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    const { iam } = await prepare({ resourcePolicies: { [bucket]: tls } });
    expect((await iam.decide(admin, { action: 's3:ListBucket', resource: bucket })).decision).toBe('allowed');
  });
});

describe('roles', () => {
  it('are assumed only by the services that they trust', async () => {
    const { iam, caller } = await prepare({});
    expect(await iam.trusts(caller.roleArn!, 'lambda.amazonaws.com')).toBe(true);
    expect(await iam.trusts(caller.roleArn!, 'states.amazonaws.com')).toBe(false);
    expect(await iam.trusts(`arn:aws:iam::${account}:role/ghost`, 'lambda.amazonaws.com')).toBe(false);
  });

  it('see the resource that a service assumes them for', async () => {
    const machine = `arn:aws:states:us-east-1:${account}:stateMachine:m`;
    const trust = [
      {
        Effect: 'Allow',
        Principal: { Service: 'states.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: { 'aws:SourceArn': `arn:aws:states:us-east-1:${account}:stateMachine:*` },
        },
      },
    ];
    const { iam, caller } = await prepare({ trust });
    expect(await iam.trusts(caller.roleArn!, 'states.amazonaws.com', machine)).toBe(true);
    expect(await iam.trusts(caller.roleArn!, 'states.amazonaws.com', 'arn:aws:sqs:us-east-1:000000000000:q')).toBe(false);
  });

  it('follow the virtual clock where a policy has dates', async () => {
    const { iam, caller, clock } = await prepare({
      statements: [
        {
          Effect: 'Allow',
          Action: 'dynamodb:GetItem',
          Resource: table,
          Condition: { DateLessThan: { 'aws:CurrentTime': new Date(Date.now() + 3_600_000).toISOString() } },
        },
      ],
    });
    expect((await iam.decide(caller, { action: 'dynamodb:GetItem', resource: table })).decision).toBe('allowed');
    await clock.advance(7_200_000);
    expect((await iam.decide(caller, { action: 'dynamodb:GetItem', resource: table })).decision).toBe('implicitDeny');
    clock.close();
  });
});
