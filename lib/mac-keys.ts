import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export interface MacKeysProps {
  /** Issues approval links. */
  issuer: IRole;
  /** Verifies approval links. */
  verifier: IRole;
}

/** HMAC keys that cannot be exported: one for approval links, whose two ends are different roles, and one for cursors and form values. */
export class MacKeys extends Construct {
  readonly link: Key;
  readonly cookie: Key;

  constructor(scope: Construct, id: string, props: MacKeysProps) {
    super(scope, id);
    this.link = this.key('Link', 'Approval links');
    this.cookie = this.key('Cookie', 'Cursors and form values');
    this.only('kms:GenerateMac', props.issuer);
    this.only('kms:VerifyMac', props.verifier);
    props.issuer.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:GenerateMac'], resources: [this.link.keyArn] }));
    props.verifier.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:VerifyMac'], resources: [this.link.keyArn] }));
  }

  private key(id: string, description: string): Key {
    return new Key(this, id, {
      description,
      keySpec: KeySpec.HMAC_256,
      keyUsage: KeyUsage.GENERATE_VERIFY_MAC,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
  }

  private only(action: string, role: IRole): void {
    this.link.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: [action],
        resources: ['*'],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } },
      }),
    );
  }
}
