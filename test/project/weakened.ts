/** Each way in which somebody could make the log weaker by editing the stacks, with what has to be said of it. */
import type { Resource, Template } from './build-copy.ts';
import { nameOf, of, type Stacks, type Statement } from './log-protection.ts';

interface Weakening {
  what: string;
  weaken(stacks: Stacks): void;
  fault: string;
}

const resource = (template: Template, type: string, name: string): Resource =>
  of(template, type).find(([id]) => nameOf(id).startsWith(name))![1];
const bucket = (name: string, change: (bucket: Resource) => void) => (stacks: Stacks) =>
  change(resource(stacks.state, 'AWS::S3::Bucket', name));
const key = (change: (key: Resource) => void) => (stacks: Stacks) =>
  change(resource(stacks.state, 'AWS::KMS::Key', 'AuditVaultSigningKey'));

/** The statements of the policy of the log's bucket. */
const bucketPolicy = (change: (statements: Statement[]) => void) => (stacks: Stacks) =>
  change(resource(stacks.state, 'AWS::S3::BucketPolicy', 'AuditVaultLog').Properties.PolicyDocument.Statement);
/** Takes statements away where they stand. */
const take = (statements: Statement[], isTaken: (statement: Statement) => boolean) =>
  statements.splice(0, statements.length, ...statements.filter((each) => !isTaken(each)));
const deny = (statements: Statement[], action: string): Statement =>
  statements.find((statement) => statement.Effect === 'Deny' && [statement.Action].flat().includes(action))!;

/** A role is allowed one thing more. */
const allow =
  (policy: string, action: string | string[], Resource: unknown = '*', more: object = {}) =>
  ({ state, controlPlane }: Stacks) => {
    const template = of(state, 'AWS::IAM::Policy').some(([id]) => nameOf(id) === policy) ? state : controlPlane;
    resource(template, 'AWS::IAM::Policy', policy).Properties.PolicyDocument.Statement.push({
      Effect: 'Allow',
      Action: action,
      Resource,
      ...more,
    });
  };

const LOG_OBJECTS = {
  'Fn::Join': ['', [{ 'Fn::ImportValue': 'GreenlightState:ExportsOutputFnGetAttAuditVaultLog00000000Arn00000000' }, '/*']],
};

const undone: Weakening[] = [
  {
    what: 'Object Lock off',
    weaken: bucket('AuditVaultLog', ({ Properties }) => delete Properties.ObjectLockEnabled),
    fault: 'AuditVaultLog: Object Lock is off',
  },
  {
    what: 'Object Lock of receipts off',
    weaken: bucket('Receipts', ({ Properties }) => delete Properties.ObjectLockEnabled),
    fault: 'Receipts: Object Lock is off',
  },
  {
    what: 'no default retention',
    weaken: bucket('AuditVaultLog', ({ Properties }) => delete Properties.ObjectLockConfiguration),
    fault: 'AuditVaultLog: the default retention is 0 days',
  },
  {
    what: 'retention shortened by a day',
    weaken: bucket('AuditVaultLog', ({ Properties }) => {
      Properties.ObjectLockConfiguration.Rule.DefaultRetention.Days = 730;
    }),
    fault: 'AuditVaultLog: the default retention is 730 days',
  },
  {
    what: 'a mode that is not the parameter',
    weaken: bucket('AuditVaultLog', ({ Properties }) => {
      Properties.ObjectLockConfiguration.Rule.DefaultRetention.Mode = 'GOVERNANCE';
    }),
    fault: 'AuditVaultLog: the lock has not the mode of the parameter',
  },
  {
    what: 'a mode that nobody knows',
    weaken: ({ state }) => void state.Parameters['LockMode']!.AllowedValues!.push('NONE'),
    fault: 'LockMode takes NONE',
  },
  { what: 'a free mode', weaken: ({ state }) => void delete state.Parameters['LockMode']!.AllowedValues, fault: 'LockMode takes anything' },
  {
    what: 'versioning suspended',
    weaken: bucket('AuditVaultLog', ({ Properties }) => {
      Properties.VersioningConfiguration.Status = 'Suspended';
    }),
    fault: 'AuditVaultLog: versioning is off',
  },
  {
    what: 'objects that expire',
    weaken: bucket('AuditVaultLog', ({ Properties }) => {
      Properties.LifecycleConfiguration = { Rules: [{ Status: 'Enabled', ExpirationInDays: 1 }] };
    }),
    fault: 'AuditVaultLog: objects expire',
  },
  {
    what: 'public access allowed',
    weaken: bucket('AuditVaultLog', ({ Properties }) => {
      Properties.PublicAccessBlockConfiguration.BlockPublicPolicy = false;
    }),
    fault: 'AuditVaultLog: it may become public: BlockPublicPolicy',
  },
  {
    what: 'a bucket that goes with its stack',
    weaken: bucket('AuditVaultLog', (log) => {
      log.DeletionPolicy = 'Delete';
    }),
    fault: 'AuditVaultLog: it goes with its stack',
  },
  {
    what: 'a bucket that goes when it is replaced',
    weaken: bucket('AuditVaultLog', (log) => delete log.UpdateReplacePolicy),
    fault: 'AuditVaultLog: it goes with its stack',
  },
  {
    what: 'no bucket at all',
    weaken: ({ state }) => {
      for (const [id] of of(state, 'AWS::S3::Bucket')) if (id.startsWith('AuditVaultLog')) delete state.Resources[id];
    },
    fault: 'AuditVaultLog: there is no bucket',
  },
];

const denied: Weakening[] = [
  ...(
    [
      's3:PutObject',
      's3:DeleteObject',
      's3:DeleteObjectVersion',
      's3:BypassGovernanceRetention',
      's3:PutLifecycleConfiguration',
      's3:PutBucketVersioning',
      's3:PutBucketObjectLockConfiguration',
    ] as const
  ).map((action) => ({
    what: `no denial of ${action}`,
    weaken: bucketPolicy((statements) => {
      const found = deny(statements, action);
      const others = [found.Action].flat().filter((each) => each !== action);
      if (others.length === 0) take(statements, (each) => each === found);
      else found.Action = others;
    }),
    fault: `AuditVaultLog: its policy does not deny ${action}`,
  })),
  {
    what: 'deleting denied to one role only',
    weaken: bucketPolicy((statements) => {
      deny(statements, 's3:DeleteObject').Principal = { AWS: 'arn:aws:iam::1:role/x' };
    }),
    fault: 'AuditVaultLog: its policy does not deny s3:DeleteObject',
  },
  {
    what: 'deleting denied but with MFA',
    weaken: bucketPolicy((statements) => {
      deny(statements, 's3:DeleteObject').Condition = { Bool: { 'aws:MultiFactorAuthPresent': 'false' } };
    }),
    fault: 'AuditVaultLog: its policy does not deny s3:DeleteObject',
  },
  {
    what: 'deleting denied for one folder only',
    weaken: bucketPolicy((statements) => {
      deny(statements, 's3:DeleteObject').Resource = ['arn:aws:s3:::x/batch/*'];
    }),
    fault: 'AuditVaultLog: its policy does not deny s3:DeleteObject',
  },
  {
    what: 'writing over allowed to a role',
    weaken: bucketPolicy((statements) => {
      deny(statements, 's3:PutObject').Condition!['ArnNotLike'] = { 'aws:PrincipalArn': '*admin*' };
    }),
    fault: 'AuditVaultLog: its policy does not deny s3:PutObject',
  },
  {
    what: 'the lock changeable by every role',
    weaken: bucketPolicy((statements) => {
      deny(statements, 's3:PutBucketObjectLockConfiguration').Condition = { ArnNotLike: { 'aws:PrincipalArn': '*' } };
    }),
    fault: 'AuditVaultLog: its policy does not deny s3:PutBucketObjectLockConfiguration',
  },
  {
    what: 'plain http',
    weaken: bucketPolicy((statements) => take(statements, ({ Condition }) => Condition?.['Bool'] !== undefined)),
    fault: 'AuditVaultLog: its policy does not deny plain http',
  },
  {
    what: 'a policy that lets somebody in',
    weaken: bucketPolicy((statements) => statements.push({ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['*'], Principal: '*' })),
    fault: 'AuditVaultLog: its policy allows something',
  },
  {
    what: 'no bucket policy',
    weaken: ({ state }) => {
      for (const [id] of of(state, 'AWS::S3::BucketPolicy')) delete state.Resources[id];
    },
    fault: 'Receipts: its policy does not deny s3:DeleteObject',
  },
];

const keys: Weakening[] = [
  {
    what: 'a key that others sign with',
    weaken: key(({ Properties }) => take(Properties.KeyPolicy.Statement, ({ Sid }) => Sid === 'OnlyTheSealerSigns')),
    fault: 'AuditVaultSigningKey: others than SealerRole may sign',
  },
  {
    what: 'a key that another role signs with',
    weaken: key(({ Properties }) => {
      const found = Properties.KeyPolicy.Statement.find(({ Sid }: Statement) => Sid === 'OnlyTheSealerSigns');
      found.Condition.ArnNotEquals['aws:PrincipalArn'] = { 'Fn::GetAtt': ['AttesterRole00000000', 'Arn'] };
    }),
    fault: 'AuditVaultSigningKey: others than SealerRole may sign',
  },
  {
    what: 'a key that an administrator may give up',
    weaken: key(({ Properties }) => take(Properties.KeyPolicy.Statement, ({ Sid }) => Sid === 'OnlyRootGivesUpTheKey')),
    fault: 'AuditVaultSigningKey: others than the root user may schedule its deletion',
  },
  {
    what: 'a key that goes with its stack',
    weaken: key((each) => {
      each.DeletionPolicy = 'Delete';
    }),
    fault: 'AuditVaultSigningKey: it goes with its stack',
  },
  {
    what: 'a key that is gone in a week',
    weaken: key(({ Properties }) => {
      Properties.PendingWindowInDays = 7;
    }),
    fault: 'AuditVaultSigningKey: its deletion leaves less than 30 days',
  },
];

const roles: Weakening[] = [
  ...(
    [
      ['SealerRole', 's3:BypassGovernanceRetention'],
      ['Retain', 's3:DeleteObject'],
      ['Retain', 's3:DeleteObjectVersion'],
      ['Operate', 's3:PutBucketObjectLockConfiguration'],
      ['Operate', 's3:PutObjectRetention'],
      ['Audit', 's3:PutObjectLegalHold'],
      ['Audit', 's3:PutBucketPolicy'],
      ['SealerRole', 'kms:ScheduleKeyDeletion'],
      ['Copy', 'kms:DisableKey'],
      ['Copy', 'kms:PutKeyPolicy'],
    ] as const
  ).map(([policy, action]) => ({ what: `${policy} allowed ${action}`, weaken: allow(policy, action), fault: `${policy} may ${action}` })),
  { what: 'a wildcard of S3', weaken: allow('Read', 's3:*'), fault: 'Read may s3:DeleteObjectVersion' },
  { what: 'a wildcard that begins like deleting', weaken: allow('Read', ['s3:GetObject', 's3:del*']), fault: 'Read may s3:DeleteObject' },
  { what: 'a wildcard of everything', weaken: allow('Read', '*'), fault: 'Read may kms:ScheduleKeyDeletion' },
  {
    what: 'a role that may do all but something',
    weaken: ({ controlPlane }) =>
      resource(controlPlane, 'AWS::IAM::Policy', 'Read').Properties.PolicyDocument.Statement.push({
        Effect: 'Allow',
        NotAction: 's3:GetObject',
        Resource: '*',
      }),
    fault: 'Read may do all but something',
  },
  { what: 'another writer of the log', weaken: allow('Audit', 's3:PutObject', LOG_OBJECTS), fault: 'Audit may write into AuditVaultLog' },
  { what: 'another signer', weaken: allow('Audit', 'kms:Sign'), fault: 'Audit may sign with AuditVaultSigningKey' },
  {
    what: 'another role that takes from the outbox',
    weaken: allow('Begin', 'dynamodb:DeleteItem'),
    fault: 'Begin may take events from the outbox',
  },
  {
    what: 'another role that takes rows of its kind from the outbox',
    weaken: allow('Begin', 'dynamodb:DeleteItem', '*', {
      Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['OUTBOX#*'] } },
    }),
    fault: 'Begin may take events from the outbox',
  },
  {
    what: 'a policy within a role',
    weaken: ({ state }) => {
      const PolicyDocument = { Statement: [{ Effect: 'Allow', Action: 's3:DeleteObject', Resource: '*' }] };
      resource(state, 'AWS::IAM::Role', 'SealerRole').Properties.Policies = [{ PolicyName: 'x', PolicyDocument }];
    },
    fault: 'SealerRole may s3:DeleteObject',
  },
  {
    what: 'a policy of AWS',
    weaken: ({ state }) => {
      resource(state, 'AWS::IAM::Role', 'SealerRole').Properties.ManagedPolicyArns = ['arn:aws:iam::aws:policy/AdministratorAccess'];
    },
    fault: 'SealerRole has a policy that is not of these stacks',
  },
];

export const WEAKENED: readonly Weakening[] = [...undone, ...denied, ...keys, ...roles];
