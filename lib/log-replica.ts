import { CfnCondition, CfnParameter, Fn, Stack } from 'aws-cdk-lib';
import { CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/**
 * A second copy of evidence in another account, whom nobody of this one can reach: what is closed, emptied or held hostage here is still there. Optional,
 * as that account's bucket has to exist first: versioned, with Object Lock, and with a policy that lets the role of this stack replicate
 * (docs/audit-log.md). Delete markers and expiries are not replicated.
 */
export class LogReplica extends Construct {
  private readonly account: CfnParameter;
  private readonly isWanted: CfnCondition;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.account = new CfnParameter(scope, 'ReplicaAccount', {
      default: '',
      allowedPattern: '([0-9]{12})?',
      description: 'Account that keeps copies of the audit log and the receipts; empty: none.',
    });
    this.isWanted = new CfnCondition(scope, 'HasReplica', { expression: Fn.conditionNot(Fn.conditionEquals(this.account, '')) });
  }

  /** Every object of `source` also goes to the bucket that `parameter` names. */
  replicate(source: Bucket, parameter: string): void {
    const target = new CfnParameter(this.node.scope!, parameter, {
      default: '',
      description: 'Name of the bucket in ReplicaAccount; needed with it.',
    });
    const targetArn = `arn:${Stack.of(this).partition}:s3:::${target.valueAsString}`;
    const role = new CfnRole(this, `${parameter}Role`, {
      description: 'Replicates evidence to another account',
      assumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 's3.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      },
    });
    // Apart from the role: the bucket names the role, and the policy names the bucket.
    const policy = new CfnPolicy(this, `${parameter}Policy`, {
      policyName: `Replicate${parameter}`,
      roles: [role.ref],
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: ['s3:GetReplicationConfiguration', 's3:ListBucket'], Resource: source.bucketArn },
          {
            Effect: 'Allow',
            Action: ['s3:GetObjectVersionForReplication', 's3:GetObjectVersionAcl', 's3:GetObjectRetention', 's3:GetObjectLegalHold'],
            Resource: source.arnForObjects('*'),
          },
          {
            Effect: 'Allow',
            Action: ['s3:ReplicateObject', 's3:ObjectOwnerOverrideToBucketOwner'],
            Resource: `${targetArn}/*`,
          },
        ],
      },
    });
    policy.cfnOptions.condition = this.isWanted;
    role.cfnOptions.condition = this.isWanted;
    (source.node.defaultChild as CfnBucket).addPropertyOverride(
      'ReplicationConfiguration',
      Fn.conditionIf(
        this.isWanted.logicalId,
        {
          Role: role.attrArn,
          Rules: [
            {
              Id: 'Everything',
              Status: 'Enabled',
              Priority: 1,
              Filter: { Prefix: '' },
              DeleteMarkerReplication: { Status: 'Disabled' },
              Destination: { Bucket: targetArn, Account: this.account.valueAsString, AccessControlTranslation: { Owner: 'Destination' } },
            },
          ],
        },
        { Ref: 'AWS::NoValue' },
      ),
    );
  }
}
