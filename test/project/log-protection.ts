/** What protects the log, looked for in synthesized stacks: answers everything that is weaker than it has to be. */
import type { Resource, Template } from './build-copy.ts';

export interface Stacks {
  state: Template;
  controlPlane: Template;
}

export interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: unknown[];
  Principal?: unknown;
  NotAction?: unknown;
  NotResource?: unknown;
  Condition?: Record<string, Record<string, unknown>>;
  Sid?: string;
}

/** Two calendar years. */
const LEAST_DAYS = 731;
/** Buckets of evidence by the beginning of their logical ids, each with the one role that may write there. */
const VAULTS = { AuditVaultLog: 'SealerRole', Receipts: 'AttesterRole' } as const;
/** Keys that sign evidence, each with the one role that may. */
const KEYS = { AuditVaultSigningKey: 'SealerRole', ReceiptsSigningKey: 'AttesterRole' } as const;
/** What nobody in the stacks may do, to no resource at all. */
const FORBIDDEN = [
  ...['DeleteObject', 'DeleteObjectVersion', 'DeleteBucket', 'BypassGovernanceRetention', 'PutObjectRetention', 'PutObjectLegalHold'],
  ...['PutBucketObjectLockConfiguration', 'PutBucketVersioning', 'PutLifecycleConfiguration', 'PutBucketPolicy', 'DeleteBucketPolicy'],
  ...['PutReplicationConfiguration', 'PutBucketPublicAccessBlock'],
]
  .map((action) => `s3:${action}`)
  .concat(
    ['ScheduleKeyDeletion', 'DisableKey', 'PutKeyPolicy', 'CreateGrant', 'DeleteImportedKeyMaterial'].map((action) => `kms:${action}`),
  );
/** What the policy of a vault denies to everybody, whatever a role may do; with the only condition that it may have. */
const DENIED: Readonly<Record<string, (condition: Statement['Condition']) => boolean>> = {
  's3:PutObject': (condition) => JSON.stringify(condition) === '{"Null":{"s3:if-none-match":"true"}}',
  's3:DeleteObject': (condition) => condition === undefined,
  's3:DeleteObjectVersion': (condition) => condition === undefined,
  's3:BypassGovernanceRetention': (condition) => condition === undefined,
  's3:PutLifecycleConfiguration': exceptTheDeployment,
  's3:PutBucketVersioning': exceptTheDeployment,
  's3:PutBucketObjectLockConfiguration': exceptTheDeployment,
};

function exceptTheDeployment(condition: Statement['Condition']): boolean {
  const text = JSON.stringify(condition ?? {});
  return (
    Object.keys(condition ?? {}).join() === 'ArnNotLike' &&
    text.includes('aws:PrincipalArn') &&
    text.includes(':role/cdk-*-cfn-exec-role-*')
  );
}

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

export const of = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);

export function statementsOf(document: { Statement: object | object[] }): Statement[] {
  return (list(document.Statement) as Record<string, unknown>[]).map((statement) => ({
    ...(statement as unknown as Statement),
    Action: list(statement['Action']) as string[],
    Resource: list(statement['Resource']),
  }));
}

/** What roles may do, by the logical id of the policy, or of the role that carries it. */
export function identityStatements({ state, controlPlane }: Stacks): { policy: string; statement: Statement }[] {
  return [state, controlPlane].flatMap((template) =>
    Object.entries(template.Resources).flatMap(([policy, { Type, Properties }]) => {
      const documents =
        Type === 'AWS::IAM::Policy' || Type === 'AWS::IAM::ManagedPolicy'
          ? [Properties.PolicyDocument]
          : Type === 'AWS::IAM::Role'
            ? (list(Properties.Policies) as { PolicyDocument: { Statement: object[] } }[]).map(({ PolicyDocument }) => PolicyDocument)
            : [];
      return documents.flatMap((document) => statementsOf(document).map((statement) => ({ policy, statement })));
    }),
  );
}

/** Logical id without the hash that the CDK puts behind it. */
export const nameOf = (id: string): string => id.replace(/(Policy|DefaultPolicy)?[0-9A-F]{8}$/, '');

/** Whether the pattern of a policy reaches the action. */
function reaches(pattern: string, action: string): boolean {
  const words = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${words.join('.*')}$`, 'i').test(action);
}

/** Everything that is weaker than the log needs; empty: it is protected as its documentation says. */
export function logFaults(stacks: Stacks, stage: 'prod' | 'other' = 'other'): string[] {
  return [...lockModeFaults(stacks.state, stage), ...bucketFaults(stacks.state), ...keyFaults(stacks.state), ...roleFaults(stacks)];
}

function lockModeFaults(state: Template, stage: 'prod' | 'other'): string[] {
  const { AllowedValues: allowed = [], Default: usual = '' } = state.Parameters['LockMode'] ?? {};
  const right = stage === 'prod' ? ['COMPLIANCE'] : ['GOVERNANCE', 'COMPLIANCE'];
  const wrong = [...new Set([...allowed, usual])].filter((mode) => !right.includes(mode));
  if (allowed.length === 0) return ['LockMode takes anything'];
  return wrong.map((mode) => `LockMode takes ${mode}`);
}

function bucketFaults(state: Template): string[] {
  return Object.keys(VAULTS).flatMap((name) => {
    const [id, bucket] = of(state, 'AWS::S3::Bucket').find(([each]) => nameOf(each).startsWith(name)) ?? [];
    if (!id || !bucket) return [`${name}: there is no bucket`];
    const { Properties, DeletionPolicy, UpdateReplacePolicy } = bucket;
    const { Days: days = 0, Mode: mode } = Properties.ObjectLockConfiguration?.Rule?.DefaultRetention ?? {};
    const open = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'].filter(
      (each) => Properties.PublicAccessBlockConfiguration?.[each] !== true,
    );
    const faults = [
      [Properties.ObjectLockEnabled !== true, 'Object Lock is off'],
      [Properties.VersioningConfiguration?.Status !== 'Enabled', 'versioning is off'],
      [days < LEAST_DAYS, `the default retention is ${days} days`],
      [mode?.Ref !== 'LockMode', 'the lock has not the mode of the parameter'],
      [Properties.LifecycleConfiguration !== undefined, 'objects expire'],
      [open.length > 0, `it may become public: ${open.join(', ')}`],
      [DeletionPolicy !== 'Retain' || UpdateReplacePolicy !== 'Retain', 'it goes with its stack'],
    ] as const;
    return [...faults.filter(([isFault]) => isFault).map(([, fault]) => fault), ...policyFaults(state, id)].map(
      (fault) => `${name}: ${fault}`,
    );
  });
}

function policyFaults(state: Template, bucket: string): string[] {
  const policies = of(state, 'AWS::S3::BucketPolicy').filter(([, { Properties }]) => Properties.Bucket.Ref === bucket);
  const statements = policies.flatMap(([, { Properties }]) => statementsOf(Properties.PolicyDocument));
  const denies = statements.filter((statement) => statement.Effect === 'Deny' && isEverybody(statement.Principal));
  const missing = Object.entries(DENIED)
    .filter(
      ([action, isRight]) =>
        !denies.some((deny) => deny.Action.includes(action) && covers(deny, bucket, action) && isRight(deny.Condition)),
    )
    .map(([action]) => `its policy does not deny ${action}`);
  const isEncrypted = denies.some(
    ({ Action, Condition }) => Action.includes('s3:*') && Condition?.['Bool']?.['aws:SecureTransport'] === 'false',
  );
  return [
    ...missing,
    ...(isEncrypted ? [] : ['its policy does not deny plain http']),
    ...(statements.some(({ Effect }) => Effect === 'Allow') ? ['its policy allows something'] : []),
  ];
}

const isEverybody = (principal: unknown): boolean => ['"*"', '{"AWS":"*"}'].includes(JSON.stringify(principal));

/** Objects for what is done to objects, the bucket for the rest. */
function covers({ Resource }: Statement, bucket: string, action: string): boolean {
  const arn = { 'Fn::GetAtt': [bucket, 'Arn'] };
  const wanted = action.startsWith('s3:PutBucket') || action.startsWith('s3:PutLifecycle') ? arn : { 'Fn::Join': ['', [arn, '/*']] };
  return Resource.some((each) => JSON.stringify(each) === JSON.stringify(wanted));
}

function keyFaults(state: Template): string[] {
  return Object.entries(KEYS).flatMap(([name, role]) => {
    const found = of(state, 'AWS::KMS::Key').filter(([id]) => nameOf(id).startsWith(name));
    if (found.length === 0) return [`${name}: there is no key`];
    return found.flatMap(([, { Properties, DeletionPolicy }]) => {
      const statements = statementsOf(Properties.KeyPolicy);
      const denied = (action: string) =>
        statements.find(({ Effect, Action, Principal }) => Effect === 'Deny' && Action.includes(action) && isEverybody(Principal))
          ?.Condition;
      const except = (condition: Statement['Condition']) => condition?.['ArnNotEquals']?.['aws:PrincipalArn'];
      const signer = (except(denied('kms:Sign')) as { 'Fn::GetAtt'?: string[] } | undefined)?.['Fn::GetAtt']?.[0] ?? '';
      const breakGlass = JSON.stringify(except(denied('kms:ScheduleKeyDeletion')) ?? '');
      return [
        [nameOf(signer) !== role, `others than ${role} may sign`],
        [!breakGlass.includes(':root"'), 'others than the root user may schedule its deletion'],
        [DeletionPolicy !== 'Retain', 'it goes with its stack'],
        [(Properties.PendingWindowInDays ?? 0) < 30, 'its deletion leaves less than 30 days'],
      ].flatMap(([isFault, fault]) => (isFault ? [`${name}: ${String(fault)}`] : []));
    });
  });
}

function roleFaults(stacks: Stacks): string[] {
  const faults: string[] = [];
  for (const { policy, statement } of identityStatements(stacks)) {
    if (statement.Effect !== 'Allow') continue;
    const who = nameOf(policy);
    if (statement.NotAction !== undefined || statement.NotResource !== undefined) faults.push(`${who} may do all but something`);
    const may = (action: string) => statement.Action.some((pattern) => reaches(pattern, action));
    for (const action of FORBIDDEN) if (may(action)) faults.push(`${who} may ${action}`);
    const where = JSON.stringify(statement.Resource);
    const touches = (name: string) => where.includes('"*"') || where.includes(name);
    for (const [vault, role] of Object.entries(VAULTS)) {
      // The control plane names a bucket of the other stack by the export, which holds its logical id.
      if (may('s3:PutObject') && touches(vault) && who !== role) faults.push(`${who} may write into ${vault}`);
    }
    for (const [key, role] of Object.entries(KEYS))
      if (may('kms:Sign') && touches(key) && who !== role) faults.push(`${who} may sign with ${key}`);
    const rows = list(statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']);
    const isOutbox = rows.length === 0 || rows.some((pattern) => reaches(String(pattern), 'OUTBOX#0'));
    if (may('dynamodb:DeleteItem') && isOutbox && who !== 'Seal') faults.push(`${who} may take events from the outbox`);
  }
  for (const template of [stacks.state, stacks.controlPlane])
    for (const [id, { Properties }] of of(template, 'AWS::IAM::Role'))
      if (list(Properties.ManagedPolicyArns).length > 0) faults.push(`${nameOf(id)} has a policy that is not of these stacks`);
  return faults;
}
